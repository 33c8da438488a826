"""Exporters for traces: `otlp`, `console`, or any other registered in OpenTelemetry's entry points."""

from __future__ import annotations

import os
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Final

from opentelemetry.sdk.trace.export import SpanExporter

from slashspan.errors import ConfigurationError
from slashspan.masking import mask_url, split_host, split_url
from slashspan.settings import COMMAND_CALLS, NONE
from slashspan.telemetry.setup.variables import naming_variables

if TYPE_CHECKING:
    from collections.abc import Mapping

GROUP: Final = "opentelemetry_traces_exporter"
OTLP: Final = "otlp"
PROTOCOLS: Final = {"grpc": "otlp_proto_grpc", "http/protobuf": "otlp_proto_http"}


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
        exporter = points[0].load()()
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
    grpc = _protocol(environ, signal) == "grpc"
    variable, url = "OTEL_EXPORTER_OTLP_ENDPOINT", f"http://localhost:{4317 if grpc else 4318}"
    for name in (f"OTEL_EXPORTER_OTLP_{signal}_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"):
        if given := environ.get(name, "").strip():
            variable, url = name, given
            break
    parts = split_url(url)
    address = None if parts is None else split_host(parts.hosts)
    if parts is None or address is None or not 1 <= int(address[1] or 1) <= 65535:
        raise ConfigurationError(
            f"{variable}={mask_url(url)!r}: must be like https://host:4317, with a port from 1 to 65535 and special "
            "characters of user and password percent-encoded"
        )
    host, port = address[0] or "localhost", int(address[1] or (80 if parts.scheme == "http" and not grpc else 443))
    scheme = f"{parts.scheme}://" if parts.scheme else ""
    return Endpoint(host, port, mask_url(url), f"{scheme}{parts.hosts}{parts.path}")


def otlp_entry_point(environ: Mapping[str, str], signal: str = "TRACES") -> str:
    """The name of the OTLP exporter's entry point. Raises ConfigurationError for an unknown protocol."""
    return PROTOCOLS[_protocol(environ, signal)]


def _protocol(environ: Mapping[str, str], signal: str) -> str:
    for variable in (f"OTEL_EXPORTER_OTLP_{signal}_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"):
        if protocol := environ.get(variable, "").strip():
            if protocol not in PROTOCOLS:
                raise ConfigurationError(f"{variable}={protocol!r}: must be one of: {', '.join(PROTOCOLS)}")
            return protocol
    return "grpc"
