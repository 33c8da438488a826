"""A package with OpenTelemetry plugins of every kind, as installed by pip."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_ENTRY_POINTS = {
    "opentelemetry_id_generator": "pigeon = pigeon:PigeonIds",
    "opentelemetry_propagator": "pigeon = pigeon:PigeonPropagator",
    "opentelemetry_context": "pigeon = pigeon:PigeonContext",
    "opentelemetry_otlp_credential_provider": "grpc = pigeon:credentials\nhttp = pigeon:PigeonSession",
    "_opentelemetry_tracer_configurator": "quiet = pigeon:quiet_tracer",
    "_opentelemetry_meter_configurator": "quiet = pigeon:quiet_meter",
    "_opentelemetry_logger_configurator": "quiet = pigeon:quiet_logger",
}
_MODULE = '''
from opentelemetry.context.contextvars_context import ContextVarsRuntimeContext
from opentelemetry.propagators.textmap import TextMapPropagator


class PigeonContext(ContextVarsRuntimeContext):
    pass


class PigeonPropagator(TextMapPropagator):
    fields = {"x-pigeon"}

    def extract(self, carrier, context=None, getter=None):
        return context

    def inject(self, carrier, context=None, setter=None):
        pass


def __getattr__(name):
    """What needs the SDK or an exporter is made when it is asked for."""
    if name == "PigeonIds":
        from opentelemetry.sdk.trace.id_generator import RandomIdGenerator

        return type(name, (RandomIdGenerator,), {})
    if name == "PigeonSession":
        import requests

        return type(name, (requests.Session,), {})
    if name == "credentials":
        import grpc

        made = type("PigeonCredentials", (grpc.ChannelCredentials,), {})
        return lambda: made(grpc.ssl_channel_credentials()._credentials)
    from opentelemetry.sdk._logs._internal import _LoggerConfig
    from opentelemetry.sdk.metrics._internal import _MeterConfig
    from opentelemetry.sdk.trace import _TracerConfig

    kind = {"quiet_tracer": _TracerConfig, "quiet_meter": _MeterConfig, "quiet_logger": _LoggerConfig}.get(name)
    if kind is None:
        raise AttributeError(name)
    return lambda scope: kind(is_enabled=scope.name != "noisy")
'''


def install(folder: Path) -> None:
    """Make the plugins `pigeon`, `grpc`, `http` and `quiet` known to a Python that has `folder` on its path."""
    info = folder / "pigeon-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: pigeon\nVersion: 1.0\n")
    points = (f"[{group}]\n{lines}\n" for group, lines in _ENTRY_POINTS.items())
    (info / "entry_points.txt").write_text("\n".join(points))
    (folder / "pigeon.py").write_text(_MODULE)
