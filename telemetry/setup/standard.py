"""What is done with OpenTelemetry's standard variables at the start, besides creating what they describe."""

from __future__ import annotations

import contextlib
import logging
import os
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any, Final

from slashspan.standard.check import check, protocol, warnings
from slashspan.standard.rules import GRPC
from slashspan.standard.table import Use

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from slashspan.settings import Settings

_LEVELS: Final = {
    "trace": logging.DEBUG,
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warn": logging.WARNING,
    "error": logging.ERROR,
    "fatal": logging.CRITICAL,
    "none": logging.CRITICAL + 1,
}
_log = logging.getLogger("slashspan")


def uses(settings: Settings, *, own_provider: bool) -> set[Use]:
    """What is in effect, and so which variables are read."""
    metrics, logs = settings.metrics.exporters, settings.logs.exporters
    found = {
        Use.PROVIDER: own_provider,
        Use.TRACES: "otlp" in settings.exporters,
        Use.METRICS: bool(metrics),
        Use.METRICS_OTLP: "otlp" in metrics,
        Use.PROMETHEUS: "prometheus" in metrics,
        Use.LOGS: bool(logs),
        Use.LOGS_OTLP: "otlp" in logs,
    }
    return {use for use, wanted in found.items() if wanted}


def refuse_unusable(environ: Mapping[str, str], settings: Settings, *, own_provider: bool) -> None:
    """Raise ConfigurationError for a value that cannot be used."""
    check(environ, uses(settings, own_provider=own_provider))


def apply(environ: Mapping[str, str], settings: Settings, *, own_provider: bool) -> None:
    """Set the level of `OTEL_LOG_LEVEL`, and log which variables have no effect."""
    set_log_level(environ.get("OTEL_LOG_LEVEL", "").strip().lower())
    for warning in warnings(environ, uses(settings, own_provider=own_provider)):
        _log.warning("%s", warning)


def set_log_level(name: str) -> None:
    """Of the SDK's loggers and ours; a name that is not in the specification changes nothing."""
    if name in _LEVELS:
        for logger in ("opentelemetry", "slashspan"):
            logging.getLogger(logger).setLevel(_LEVELS[name])


def configurator(environ: Mapping[str, str], signal: str) -> Any:
    """What `OTEL_PYTHON_…_CONFIGURATOR` names, which turns single tracers, meters or loggers off; None by default."""
    name = environ.get(f"OTEL_PYTHON_{signal}_CONFIGURATOR", "").strip()
    points = entry_points(group=f"_opentelemetry_{signal.lower()}_configurator", name=name) if name else ()
    return next((point.load() for point in points), None)


def otlp_arguments(environ: Mapping[str, str], signal: str) -> dict[str, Any]:
    """For the constructor of an OTLP exporter: what it would read otherwise than the specification says, and for HTTP
    a session that can be forked."""

    def given(*names: str) -> str:
        return next((value for name in names if (value := environ.get(name, "").strip())), "")

    if protocol(environ, signal) != GRPC:
        credentials = "OTEL_PYTHON_EXPORTER_OTLP_HTTP_{}CREDENTIAL_PROVIDER"  # gives the exporter a session
        if given(credentials.format(f"{signal}_"), credentials.format("")):
            return {}
        from slashspan.telemetry.setup.http_session import OwnCertificates, OwnConnections

        certificates = given(f"OTEL_EXPORTER_OTLP_{signal}_CERTIFICATE", "OTEL_EXPORTER_OTLP_CERTIFICATE")
        return {"session": OwnCertificates() if certificates else OwnConnections()}
    if given(f"OTEL_EXPORTER_OTLP_{signal}_COMPRESSION", "OTEL_EXPORTER_OTLP_COMPRESSION").lower() != "none":
        return {}
    from grpc import Compression

    return {"compression": Compression.NoCompression}


@contextlib.contextmanager
def without_empty_variables() -> Iterator[None]:
    """An empty variable counts as unset, says the specification; some exporters fail to parse it."""
    empty = [name for name, value in os.environ.items() if name.startswith("OTEL_") and not value.strip()]
    taken = {name: os.environ.pop(name) for name in empty}
    try:
        yield
    finally:
        os.environ.update(taken)
