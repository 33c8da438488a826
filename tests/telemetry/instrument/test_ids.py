"""Our ids come from our own source: the bot's `random` is not touched, and no two actions share an id."""

from __future__ import annotations

import random
import sqlite3
import subprocess
import sys
from contextlib import closing
from typing import TYPE_CHECKING, Any

import discord
import pytest
from opentelemetry import trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.id_generator import IdGenerator, RandomIdGenerator
from opentelemetry.util._once import Once

import slashspan
from slashspan import DiscordInstrumentor
from slashspan.private_ids import PrivateIds
from slashspan.telemetry.instrument.ids import REMEMBERED_IDS, DistinctIds
from slashspan.telemetry.instrument.metrics import Instruments
from slashspan.telemetry.setup.ids import _PrivateIds
from tests.support import ROOT
from tests.support.actions.bot import make_bot
from tests.support.actions.cases import GUILD
from tests.support.actions.play import Recorded
from tests.support.bots import running
from tests.support.waiting import until_async

if TYPE_CHECKING:
    from pathlib import Path

    from discord.ext import commands


def seeding_bot(drawn: list[list[float]]) -> commands.Bot:
    """A bot whose command seeds the global `random` and draws from it, around everything that creates spans."""
    bot = make_bot()

    @bot.tree.command()
    async def seeded(interaction: discord.Interaction) -> None:
        random.seed(7)
        numbers = [random.random()]
        await interaction.response.defer()
        numbers.append(random.random())
        slashspan.checkpoint("deferred")
        await interaction.followup.send("later")
        with slashspan.flow("counting"):
            numbers.append(random.random())
        numbers.append(random.random())
        drawn.append(numbers)

    return bot


async def run_seeding_bot(times: int) -> list[list[float]]:
    drawn: list[list[float]] = []
    async with running(seeding_bot(drawn), guilds=[GUILD]) as standin:
        for _ in range(times):
            await (await standin.slash("seeded", guild=GUILD)).answered()
        await until_async(lambda: len(drawn) == times)
    return drawn


def expected() -> list[float]:
    own = random.Random(7)
    return [own.random() for _ in range(4)]


async def test_a_seeded_sequence_is_the_same_while_recording(tmp_path: Path) -> None:
    assert await run_seeding_bot(2) == [expected()] * 2
    with Recorded() as recorded:
        DiscordInstrumentor().uninstrument()
        DiscordInstrumentor().instrument(
            tracer_provider=recorded.provider,
            meter_provider=MeterProvider([InMemoryMetricReader()], shutdown_on_exit=False),
            settings=recorded._settings,
        )
        assert await run_seeding_bot(3) == [expected()] * 3
        assert type(recorded.provider.id_generator) is RandomIdGenerator, "the bot's provider is left alone"


def test_metrics_draw_nothing_from_the_global_random() -> None:
    meters = MeterProvider([InMemoryMetricReader()], shutdown_on_exit=False)
    instruments = Instruments(meters.get_meter("test"), latencies=lambda: (), guild_count=lambda: 0)
    tracer = TracerProvider(id_generator=_PrivateIds(), shutdown_on_exit=False).get_tracer("test")
    random.seed(7)
    with tracer.start_as_current_span("a sampled span, as an action is"):
        for _ in range(100):
            instruments.began("slash")
            instruments.rate_limited("POST", "/channels/{channel_id}/messages", 0.1)
            instruments.ended("slash", "ok", "ok", None, seconds=0.1, ack_seconds=0.1)
    assert random.random() == expected()[0]


async def test_a_seeded_sequence_is_the_same_with_a_provider_of_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", None)
    monkeypatch.setattr(trace, "_TRACER_PROVIDER_SET_ONCE", Once())
    handle = slashspan.configure(
        environ={
            "SLASHSPAN_DSN": f"sqlite:///{tmp_path / 'seeded.db'}",
            "SLASHSPAN_RAISE_INTERNAL_ERRORS": "true",
            "OTEL_TRACES_EXPORTER": "command_calls,console",
        }
    )
    try:
        assert await run_seeding_bot(3) == [expected()] * 3
        random.seed(7)
        trace.get_tracer("the bot's own").start_span("of the bot").end()
        assert random.random() == expected()[0]
    finally:
        handle.shutdown()


async def test_a_bot_that_seeds_per_command_gets_a_row_for_each(tmp_path: Path) -> None:
    file = tmp_path / "rows.db"
    with Recorded(f"sqlite:///{file}") as recorded:
        await run_seeding_bot(4)
        await until_async(lambda: len(recorded.roots) == 4)
    with closing(sqlite3.connect(file)) as connection:
        rows = connection.execute("SELECT trace_id, span_id FROM command_calls").fetchall()
    assert len({trace_id for trace_id, _ in rows}) == len({span_id for _, span_id in rows}) == len(rows) == 4
    assert len({span.context.span_id for span in recorded.spans}) == len(recorded.spans)


class Counting(IdGenerator):
    """A chosen generator that repeats itself."""

    def generate_span_id(self) -> int:
        return 42

    def generate_trace_id(self) -> int:
        return 4242


async def test_a_chosen_generator_is_kept_but_never_repeats_an_id(tmp_path: Path) -> None:
    memory = InMemorySpanExporter()
    provider = TracerProvider(id_generator=Counting(), shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(memory))
    DiscordInstrumentor().instrument(tracer_provider=provider, detail=False)
    try:
        await run_seeding_bot(3)
    finally:
        DiscordInstrumentor().uninstrument()
    spans = memory.get_finished_spans()
    actions = [span.context for span in spans if span.name.startswith("slash")]
    assert (actions[0].trace_id, actions[0].span_id) == (4242, 42)
    assert len({context.span_id for context in actions}) == len({context.trace_id for context in actions}) == 3
    provider.get_tracer("the bot's own").start_span("of the bot").end()
    assert memory.get_finished_spans()[-1].context.span_id == 42


async def test_a_provider_set_after_instrumenting_gets_private_ids_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", None)
    monkeypatch.setattr(trace, "_TRACER_PROVIDER_SET_ONCE", Once())
    DiscordInstrumentor().instrument()
    try:
        memory = InMemorySpanExporter()
        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(SimpleSpanProcessor(memory))
        trace.set_tracer_provider(provider)
        assert await run_seeding_bot(3) == [expected()] * 3
    finally:
        DiscordInstrumentor().uninstrument()
    assert sum(span.name == "slash seeded" for span in memory.get_finished_spans()) == 3


def test_a_forked_child_draws_ids_of_its_own() -> None:
    if sys.platform == "win32":
        pytest.skip("no fork on Windows")
    script = """
import os
from slashspan.private_ids import PrivateIds
reading, writing = os.pipe()
if os.fork():
    print(PrivateIds().generate_span_id(), os.read(reading, 20).decode())
else:
    os.write(writing, str(PrivateIds().generate_span_id()).encode())
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, cwd=ROOT)
    assert len(set(done.stdout.split())) == 2, done


def test_a_distinct_generator_forgets_the_oldest_ids() -> None:
    distinct = DistinctIds(PrivateIds())
    for _ in range(REMEMBERED_IDS):
        assert distinct.generate_span_id() < 2**64
        assert distinct.generate_trace_id() < 2**128
    held: Any = distinct
    assert len(held._recent) == len(held._order) == REMEMBERED_IDS
