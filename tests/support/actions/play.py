"""Plays all cases once, recorded as spans in memory, as rows in databases, and as spans that exporters send."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from slashspan import DiscordInstrumentor, semconv
from slashspan.exporters.delivery.exporter import CommandCallsExporter
from slashspan.exporters.delivery.processor import CommandCallsProcessor
from slashspan.exporters.stores.factory import open_store
from slashspan.semconv import Kind
from slashspan.settings import Settings
from tests.support.actions.bot import make_bot
from tests.support.actions.cases import GUILD, Case
from tests.support.bots import running
from tests.support.waiting import until_async

if TYPE_CHECKING:
    from collections.abc import Sequence

    from discord_standin import Action, StandIn
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.sdk.trace.export import SpanExporter
    from typing_extensions import Self


@dataclass
class Recording:
    """What was sent, and the resulting spans."""

    actions: dict[str, Action] = field(default_factory=dict)
    """By the case's name."""
    spans: list[ReadableSpan] = field(default_factory=list)

    def root(self, action: Action) -> ReadableSpan:
        """The only span of that action."""
        found = [s for s in self.spans if (s.attributes or {}).get(semconv.INTERACTION_ID) == str(action.id)]
        assert len(found) == 1, f"{action.kind} {action.command!r} has {len(found)} spans"
        return found[0]


class Recorded:
    """Instrumentation for a test: `memory` holds every span, each DSN its rows; each exporter is given all spans."""

    def __init__(
        self, *dsns: str, exporters: Sequence[SpanExporter] = (), environ: dict[str, str] | None = None
    ) -> None:
        self.memory = InMemorySpanExporter()
        self.provider = TracerProvider(shutdown_on_exit=False)
        self.provider.add_span_processor(SimpleSpanProcessor(self.memory))
        self._rows = []
        for dsn in dsns:
            exporter = CommandCallsExporter(open_store(dsn), kinds=Kind.ALL, max_waiting_rows=100_000)
            rows = CommandCallsProcessor(
                exporter, kinds=Kind.ALL, schedule_delay_ms=50, batch_rows=512, queue_rows=100_000
            )
            self.provider.add_span_processor(rows)
            self._rows.append(rows)
        for sender in exporters:
            self.provider.add_span_processor(BatchSpanProcessor(sender))
        self._settings = Settings.from_environ({"SLASHSPAN_RAISE_INTERNAL_ERRORS": "true", **(environ or {})})

    def __enter__(self) -> Self:
        DiscordInstrumentor().instrument(tracer_provider=self.provider, settings=self._settings)
        return self

    def __exit__(self, *_: object) -> None:
        DiscordInstrumentor().uninstrument()
        for rows in self._rows:
            rows.shutdown_within(20.0)
        self.provider.shutdown()

    @property
    def spans(self) -> list[ReadableSpan]:
        return list(self.memory.get_finished_spans())

    @property
    def roots(self) -> list[ReadableSpan]:
        """Root spans of user actions."""
        return [span for span in self.spans if semconv.KIND in (span.attributes or {})]


async def play(cases: Sequence[Case], *dsns: str, exporters: Sequence[SpanExporter] = ()) -> Recording:
    """Play all cases at once, so that they overlap; returns when each has its span."""
    recording = Recording()

    async def one(standin: StandIn, case: Case) -> None:
        recording.actions[case.name] = await case.do(standin, case.user)

    with Recorded(*dsns, exporters=exporters) as recorded:
        async with running(make_bot(), guilds=[GUILD]) as standin:
            await asyncio.gather(*(one(standin, case) for case in cases))
            await until_async(lambda: len(recorded.roots) >= len(standin.ledger.actions))
        recording.spans = recorded.spans
    return recording
