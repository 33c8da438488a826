"""OpenTelemetry's global TracerProvider: whose it is, and how ours stands in for one that the bot has yet to set."""

from __future__ import annotations

from typing import Any

from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider


def of_the_bot() -> Any:
    """The global provider if processors can be added to it, else None.

    It is the SDK's, or a proxy in front of one, as logfire has: with `add_span_processor`, but of another type.
    """
    existing = trace.get_tracer_provider()
    if isinstance(existing, TracerProvider) or callable(getattr(existing, "add_span_processor", None)):
        return existing
    return None


def stand_in(provider: TracerProvider) -> None:
    """Make `provider` the global one until the bot sets its own.

    `set_tracer_provider` would make it final: a bot that sets up OpenTelemetry after us would be refused, and its spans
    would go to our exporters and not to its own.
    """
    if trace._TRACER_PROVIDER is None:
        trace._TRACER_PROVIDER = provider
