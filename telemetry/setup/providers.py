"""OpenTelemetry's global providers: whose they are, and how ours stand in for those that the bot has yet to set."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from opentelemetry import trace
from opentelemetry._logs import _internal as logs_state
from opentelemetry.metrics import _internal as metrics_state
from opentelemetry.sdk.trace import TracerProvider

if TYPE_CHECKING:
    from types import ModuleType


@dataclass(frozen=True, slots=True)
class GlobalProvider:
    """The global provider of one signal."""

    module: ModuleType
    name: str

    def stand_in(self, provider: Any) -> None:
        """Make `provider` the global one until the bot sets its own, if there is none.

        `set_tracer_provider` and its like would make it final: a bot that sets up OpenTelemetry after us would be
        refused, and its spans would go to our exporters and not to its own.
        """
        if getattr(self.module, self.name) is not None:
            return
        setattr(self.module, self.name, provider)
        if self is METRICS:
            # Instruments that were made before are notified of a provider; tracers and loggers look for it.
            metrics_state._PROXY_METER_PROVIDER.on_set_meter_provider(provider)

    def withdraw(self, provider: Any) -> None:
        """Undo `stand_in`, unless the bot has set its own: the next one must not be taken for the bot's."""
        if getattr(self.module, self.name) is provider:
            setattr(self.module, self.name, None)
        proxy = metrics_state._PROXY_METER_PROVIDER
        if proxy._real_meter_provider is provider:
            proxy._real_meter_provider = None


TRACES: Final = GlobalProvider(trace, "_TRACER_PROVIDER")
METRICS: Final = GlobalProvider(metrics_state, "_METER_PROVIDER")
LOGS: Final = GlobalProvider(logs_state, "_LOGGER_PROVIDER")


def of_the_bot() -> Any:
    """The global TracerProvider if processors can be added to it, else None.

    It is the SDK's, or a proxy in front of one, as logfire has: with `add_span_processor`, but of another type.
    """
    existing = trace.get_tracer_provider()
    if isinstance(existing, TracerProvider) or callable(getattr(existing, "add_span_processor", None)):
        return existing
    return None
