"""What bots send to a collector, and what sending it costs a bot.

Half of the spans are commands, with the attributes that slashspan records, the other half their requests to Discord.
"""

from __future__ import annotations

import gzip
import random
import time
from typing import TYPE_CHECKING, Any, Final

import grpc
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, set_span_in_context

from benchmarks._process_bot import ATTRIBUTES
from slashspan import semconv

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor

REQUEST_SPANS: Final = 512
"""Of a busy bot: the size of its exporter's batches."""
REQUESTS_AT_ONCE: Final = 8
EXPORT: Final = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
COMMANDS: Final = ("leaderboard", "profile", "queue up", "setup", "report", "admin ban", "termsofservice", "help")
USERS, GUILDS = 20_000, 800
RESOURCE: Final = {"service.name": "ladder", "service.version": "1.4.2", "deployment.environment.name": "production"}


def record(provider: TracerProvider, commands: int) -> None:
    """Make and end that many commands, each with a request to Discord: two spans."""
    dice = random.Random(commands)
    tracer = provider.get_tracer("slashspan", "1.0")
    at = time.time_ns() - commands * 1_000_000
    for number in range(commands):
        began, took = at + number * 1_000_000, int(dice.lognormvariate(18, 0.8))
        user = int(dice.paretovariate(0.8)) % USERS
        attributes: dict[str, Any] = {
            **ATTRIBUTES,
            semconv.INTERACTION_ID: str(began),
            semconv.USER_ID: str(80351110224678912 + user * 7919),
            semconv.USER_NAME: f"player{user}",
            semconv.GUILD_ID: str(197038439483310086 + user % GUILDS),
            semconv.CHANNEL_ID: str(155101607195836416 + user % (4 * GUILDS)),
            semconv.COMMAND_NAME: dice.choice(COMMANDS),
            "discord.gateway.delay_ms": dice.random() * 50,
            "discord.interaction.ack_ms": took / 2e6,
        }
        command = tracer.start_span("slash", None, SpanKind.SERVER, attributes, start_time=began)
        request: dict[str, Any] = {
            "http.request.method": "POST",
            "url.template": "/interactions/{interaction_id}/{interaction_token}/callback",
            "server.address": "discord.com",
            "http.response.status_code": 204,
        }
        inside = set_span_in_context(command)
        child = tracer.start_span("POST", inside, SpanKind.CLIENT, request, start_time=began + took // 4)
        child.end(began + took // 2)
        command.end(began + took)


def provider_with(processor: SpanProcessor) -> TracerProvider:
    provider = TracerProvider(resource=Resource(RESOURCE), shutdown_on_exit=False)
    provider.add_span_processor(processor)
    return provider


def recorded(commands: int) -> Sequence[ReadableSpan]:
    """Their finished spans."""
    memory = InMemorySpanExporter()
    record(provider_with(SimpleSpanProcessor(memory)), commands)
    return memory.get_finished_spans()


class Load:
    """The spans of commands, in requests of `size` spans."""

    def __init__(self, spans: Sequence[ReadableSpan], size: int = REQUEST_SPANS) -> None:
        self.commands = sum(span.kind is SpanKind.SERVER for span in spans)
        self.spans = len(spans)
        self._requests = [encode_spans(spans[start : start + size]) for start in range(0, len(spans), size)]
        self._sent = 0

    def _encoded(self) -> Iterator[bytes]:
        """With other ids each time, so that nobody takes them for requests that were sent twice."""
        self._sent += 1
        tail = self._sent.to_bytes(2, "big")
        for request in self._requests:
            for resource in request.resource_spans:
                for span in resource.scope_spans[0].spans:
                    span.trace_id = span.trace_id[:-2] + tail
                    span.span_id = span.span_id[:-2] + tail
                    if span.parent_span_id:
                        span.parent_span_id = span.parent_span_id[:-2] + tail
            yield request.SerializeToString()

    def bytes_per_span(self) -> tuple[float, float]:
        """As they are sent, and compressed as `OTEL_EXPORTER_OTLP_COMPRESSION=gzip` does."""
        encoded = [request.SerializeToString() for request in self._requests]
        return sum(map(len, encoded)) / self.spans, sum(len(gzip.compress(each)) for each in encoded) / self.spans

    def send(self, port: int, token: str = "") -> None:
        """Send all of them to a collector on this port. Raises grpc.RpcError."""
        metadata = [("authorization", f"Bearer {token}")] if token else []
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            export = channel.unary_unary(EXPORT)
            waiting: list[Any] = []
            for request in self._encoded():
                if len(waiting) == REQUESTS_AT_ONCE:
                    waiting.pop(0).result()
                waiting.append(export.future(request, metadata=metadata, timeout=120))
            for answer in waiting:
                answer.result()
