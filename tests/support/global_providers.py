"""OpenTelemetry's global providers are set once per process; a test that starts recording leaves none behind."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opentelemetry import trace
from opentelemetry._logs import _internal as logs
from opentelemetry.metrics import _internal as metrics
from opentelemetry.util._once import Once

if TYPE_CHECKING:
    import pytest


def unset(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a new process, until the test ends."""
    for module, signal in ((trace, "TRACER"), (metrics, "METER"), (logs, "LOGGER")):
        monkeypatch.setattr(module, f"_{signal}_PROVIDER", None)
        monkeypatch.setattr(module, f"_{signal}_PROVIDER_SET_ONCE", Once())
    monkeypatch.setattr(metrics, "_PROXY_METER_PROVIDER", metrics._ProxyMeterProvider())
