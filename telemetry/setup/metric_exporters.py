"""`OTEL_METRICS_EXPORTER`: where the bot's metrics go. By default nowhere, and no MeterProvider is created."""

from __future__ import annotations

import logging
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any, Final

from opentelemetry import metrics
from opentelemetry.metrics import _internal as global_state
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricExporter, MetricReader, PeriodicExportingMetricReader

from slashspan.errors import ConfigurationError
from slashspan.telemetry.setup.trace_exporters import PROTOCOLS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry.sdk.resources import Resource

VARIABLE: Final = "OTEL_METRICS_EXPORTER"
GROUP: Final = "opentelemetry_metrics_exporter"
PROTOCOL_VARIABLES: Final = ("OTEL_EXPORTER_OTLP_METRICS_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
INSTALLED_BY: Final = {
    "otlp": "pip install 'slashspan[otlp]'",
    "prometheus": "pip install opentelemetry-exporter-prometheus",
}
_CHOICES: Final = ("otlp", "prometheus", "console", "none")

_log = logging.getLogger("slashspan")


def names(environ: Mapping[str, str]) -> list[str]:
    """The chosen exporters; none by default. Raises ConfigurationError."""
    given = [name.strip() for name in environ.get(VARIABLE, "").split(",") if name.strip()]
    if "none" in given:
        if given != ["none"]:
            raise ConfigurationError(f"{VARIABLE}={','.join(given)!r}: 'none' cannot be combined")
        return []
    for name in given:
        _exporter_class(name, environ)
    return given


def start(environ: Mapping[str, str], resource: Resource) -> MeterProvider | None:
    """A provider with the chosen exporters, global until the bot sets its own; None if there is nothing to export.

    Where a port is taken, as in the second process of a bot with shards, that exporter is one warning.
    """
    chosen = names(environ)
    if not chosen:
        return None
    if isinstance(metrics.get_meter_provider(), MeterProvider):
        _log.warning("%s=%s is ignored: the bot has a MeterProvider of its own", VARIABLE, ",".join(chosen))
        return None
    readers = [reader for name in chosen if (reader := _reader(name, environ)) is not None]
    provider = MeterProvider(readers, resource=resource, shutdown_on_exit=False)
    if global_state._METER_PROVIDER is None:
        global_state._METER_PROVIDER = provider
    return provider


def _reader(name: str, environ: Mapping[str, str]) -> MetricReader | None:
    try:
        made = _exporter_class(name, environ)()
    except OSError as error:
        _log.warning("%s=%s: metrics of this process are not exported: %s", VARIABLE, name, error)
        return None
    except ValueError as error:
        raise ConfigurationError(f"{VARIABLE}={name}: {error}") from error
    reader: MetricReader = PeriodicExportingMetricReader(made) if isinstance(made, MetricExporter) else made
    return reader


def _exporter_class(name: str, environ: Mapping[str, str]) -> Any:
    point_name = name
    if name == "otlp":
        protocol = next((value for key in PROTOCOL_VARIABLES if (value := environ.get(key, "").strip())), "grpc")
        if protocol not in PROTOCOLS:
            raise ConfigurationError(
                f"OTEL_EXPORTER_OTLP_PROTOCOL={protocol!r}: must be one of: {', '.join(PROTOCOLS)}"
            )
        point_name = PROTOCOLS[protocol]
    points = entry_points(group=GROUP)
    point = next((point for point in points if point.name == point_name), None)
    if point is None:
        if name in INSTALLED_BY:
            raise ConfigurationError(f"{VARIABLE}={name} needs a package: {INSTALLED_BY[name]}")
        known = dict.fromkeys([*_CHOICES, *sorted(point.name for point in points)])
        raise ConfigurationError(f"{VARIABLE}={name!r}: must be a comma list of: {', '.join(known)}")
    return point.load()
