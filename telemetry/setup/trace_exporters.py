"""Exporters for traces: `otlp`, `console`, or any other registered in OpenTelemetry's entry points."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Final

from opentelemetry.sdk.trace.export import SpanExporter

from slashspan.errors import ConfigurationError
from slashspan.masking import mask_path, mask_url, split_host, split_url
from slashspan.setting import NONE
from slashspan.settings import COMMAND_CALLS
from slashspan.standard.rules import ENDPOINT, GRPC, HTTP
from slashspan.telemetry.setup import standard
from slashspan.telemetry.setup.variables import naming_variables

if TYPE_CHECKING:
    from collections.abc import Mapping

GROUP: Final = "opentelemetry_traces_exporter"
OTLP: Final = "otlp"
PROTOCOLS: Final = {GRPC: "otlp_proto_grpc", HTTP: "otlp_proto_http"}


def choices() -> list[str]:
    """Every name that can be used in `OTEL_TRACES_EXPORTER` on this machine."""
    installed = {point.name for point in entry_points(group=GROUP)}
    return sorted({COMMAND_CALLS, OTLP, "console", NONE} | installed)


def build(name: str) -> SpanExporter:
    """The exporter of that name, created without arguments: it reads its own `OTEL_*` variables.

    Raises ConfigurationError for an unknown name, for a wrong value of its variables, or with the pip command if its
    extra is missing.
    """
    if name == OTLP:
        otlp_endpoint(os.environ)  # the exporters would quote a wrong one, password included
    point_name = otlp_entry_point(os.environ) if name == OTLP else name
    points = [point for point in entry_points(group=GROUP) if point.name == point_name]
    if not points:
        if name == OTLP:
            raise ConfigurationError("OTEL_TRACES_EXPORTER=otlp needs an extra: pip install 'slashspan[otlp]'")
        raise ConfigurationError(
            f"OTEL_TRACES_EXPORTER={name!r}: must be a comma-separated list of: {', '.join(choices())}"
        )
    with naming_variables(f"OTEL_TRACES_EXPORTER={name!r}"):
        exporter = points[0].load()(**(standard.otlp_arguments(os.environ, "TRACES") if name == OTLP else {}))
    if not isinstance(exporter, SpanExporter):
        raise ConfigurationError(f"OTEL_TRACES_EXPORTER={name!r} is not a span exporter")
    return exporter


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where an OTLP exporter sends spans."""

    host: str
    port: int
    masked: str
    """The URL to display, without user, password and key."""
    identity: str
    """Identifies the collector: the URL without the parts that can change for the same collector."""

    def __str__(self) -> str:
        return self.masked


def otlp_endpoint(environ: Mapping[str, str], signal: str = "TRACES") -> Endpoint:
    """The endpoint as the OTLP exporters read it. Raises ConfigurationError with the name of the variable."""
    for name in (f"OTEL_EXPORTER_OTLP_{signal}_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"):
        if given := environ.get(name, "").strip():
            return endpoint_of(given, _protocol(environ, signal), name)
    return endpoint_of("", _protocol(environ, signal), "")


def endpoint_of(url: str, protocol: str, said: str) -> Endpoint:
    """The parts of a URL, or of the exporters' default. Raises ConfigurationError that begins with `said`."""
    url = url or f"http://localhost:{4317 if protocol == GRPC else 4318}"
    if complaint := ENDPOINT.complaint(url, {protocol}):
        raise ConfigurationError(f"{said}={mask_url(url)!r}: {complaint}")
    parts = split_url(url)
    assert parts is not None  # there was no complaint
    host, port = split_host(parts.hosts) or ("", None)
    default_port = 80 if parts.scheme == "http" and protocol != GRPC else 443
    scheme = f"{parts.scheme}://" if parts.scheme else ""
    path = mask_path(parts.path)
    if path != parts.path:  # told apart without showing it
        path += f"#{hashlib.sha256(parts.path.encode()).hexdigest()[:8]}"
    identity = f"{scheme}{parts.hosts}{path}"
    return Endpoint(host or "localhost", int(port or default_port), mask_url(url), identity)


def otlp_entry_point(environ: Mapping[str, str], signal: str = "TRACES") -> str:
    """The name of the OTLP exporter's entry point. Raises ConfigurationError for an unknown protocol."""
    return PROTOCOLS[_protocol(environ, signal)]


def _protocol(environ: Mapping[str, str], signal: str) -> str:
    for variable in (f"OTEL_EXPORTER_OTLP_{signal}_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"):
        if protocol := environ.get(variable, "").strip():
            if protocol not in PROTOCOLS:
                raise ConfigurationError(f"{variable}={protocol!r}: must be one of: {', '.join(PROTOCOLS)}")
            return protocol
    return GRPC
