"""The exporters that show traces: `otlp`, `console`, or any other that registers in OpenTelemetry's entry points."""

from __future__ import annotations

import os
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Final

from opentelemetry.sdk.trace.export import SpanExporter

from slashspan.errors import ConfigurationError
from slashspan.settings import COMMAND_CALLS, NONE

if TYPE_CHECKING:
    from collections.abc import Mapping

GROUP: Final = "opentelemetry_traces_exporter"
OTLP: Final = "otlp"
_PROTOCOLS: Final = {"grpc": "otlp_proto_grpc", "http/protobuf": "otlp_proto_http"}


def choices() -> list[str]:
    """Every name that `OTEL_TRACES_EXPORTER` may hold on this machine."""
    installed = {point.name for point in entry_points(group=GROUP)}
    return sorted({COMMAND_CALLS, OTLP, "console", NONE} | installed)


def build(name: str) -> SpanExporter:
    """The exporter of that name, with no arguments: it reads its own `OTEL_*` variables.

    Raises ConfigurationError for an unknown name, or naming the pip command where its extra is missing.
    """
    point_name = _otlp_entry_point() if name == OTLP else name
    points = [point for point in entry_points(group=GROUP) if point.name == point_name]
    if not points:
        if name == OTLP:
            raise ConfigurationError("OTEL_TRACES_EXPORTER=otlp needs an extra: pip install 'slashspan[otlp]'")
        raise ConfigurationError(f"OTEL_TRACES_EXPORTER={name!r}: must be a comma list of: {', '.join(choices())}")
    try:
        exporter = points[0].load()()
    except ImportError as error:
        raise ConfigurationError(f"OTEL_TRACES_EXPORTER={name!r} cannot be loaded: {error}") from error
    if not isinstance(exporter, SpanExporter):
        raise ConfigurationError(f"OTEL_TRACES_EXPORTER={name!r} is no span exporter")
    return exporter


def otlp_endpoint(environ: Mapping[str, str]) -> str:
    """Where OTLP goes, as its exporters read it; '' when it is their default."""
    names = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
    endpoint = next((value for name in names if (value := environ.get(name, "").strip())), "")
    return endpoint.rpartition("@")[2]  # a user and password in it are no part of the place


def _otlp_entry_point() -> str:
    for variable in ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"):
        if protocol := os.environ.get(variable, "").strip():
            if protocol not in _PROTOCOLS:
                raise ConfigurationError(f"{variable}={protocol!r}: must be one of: {', '.join(_PROTOCOLS)}")
            return _PROTOCOLS[protocol]
    return _PROTOCOLS["grpc"]
