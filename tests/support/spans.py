"""Finished spans, created by the real SDK."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind

from slashspan import semconv

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan

START_NS = 1_795_452_472_714_022_999
ATTRIBUTES: dict[str, Any] = {
    semconv.KIND: "slash",
    semconv.COMMAND_NAME: "admin ban",
    semconv.OUTCOME: "error",
    semconv.ERROR_TYPE: "KeyError",
    semconv.INTERACTION_ID: "1574466529095843846",
    semconv.APPLICATION_ID: "1395121340893008024",
    semconv.USER_ID: "80351110224678912",
    semconv.USER_NAME: "nelly",
    semconv.GUILD_ID: "197038439483310086",
    semconv.CHANNEL_ID: "155101607195836416",
    semconv.SHARD_ID: 3,
    semconv.LOCALE: "en-US",
    semconv.GUILD_LOCALE: "de",
    semconv.ACK_MS: 3.25,
    semconv.GATEWAY_DELAY_MS: -0.5,
    semconv.LOOP_DELAY_MS: 1.75,
    semconv.RATE_LIMITED_MS: 0.5,
}


def finished(
    attributes: dict[str, Any] | None = None, events: list[tuple[str, dict[str, Any]]] | None = None
) -> ReadableSpan:
    """One span with these attributes, 12.5 ms long."""
    memory = InMemorySpanExporter()
    provider = TracerProvider(
        resource=Resource.create(
            {"service.name": "ladder-bot", "service.version": "1.2.3", "deployment.environment.name": "test"}
        ),
        shutdown_on_exit=False,
    )
    provider.add_span_processor(SimpleSpanProcessor(memory))
    span = provider.get_tracer("test").start_span(
        "slash admin ban",
        kind=SpanKind.SERVER,
        attributes=ATTRIBUTES if attributes is None else attributes,
        start_time=START_NS,
    )
    for name, values in events or []:
        span.add_event(name, values)
    span.end(end_time=START_NS + 12_500_000)
    return memory.get_finished_spans()[0]


def spans(count: int, name: str = "nelly") -> list[Any]:
    """That many user actions of a user of this name."""
    return [finished({**ATTRIBUTES, semconv.USER_NAME: name}) for _ in range(count)]
