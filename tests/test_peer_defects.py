"""Defects that users of similar projects reported: slashspan has none of them."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider

import slashspan
from slashspan import DiscordInstrumentor, semconv
from slashspan.exporters.rows.counts import DropReason
from slashspan.exporters.stores.errors import StoreUnavailable
from slashspan.settings import Settings
from tests.support.actions.bot import make_bot
from tests.support.actions.cases import GUILD
from tests.support.actions.play import Recorded
from tests.support.bots import running
from tests.support.exporting import exporter_on, processor_on
from tests.support.processes import PLAIN, RUN, bot_process
from tests.support.proxy import Proxy
from tests.support.scripted_store import ScriptedStore, down
from tests.support.spans import spans
from tests.support.stored_rows import read_outcomes
from tests.support.waiting import until, until_async

if TYPE_CHECKING:
    from pathlib import Path

    from discord_standin import Action

    from tests.support.postgres import Postgres


METRICS = {
    "discord.gateway.latency",
    "discord.guild.count",
    "discord.interaction.ack.duration",
    "discord.interaction.active",
    "discord.interaction.duration",
    "discord.rest.rate_limited.duration",
}


async def record(*commands: str, guild: Any = GUILD) -> tuple[list[dict[str, Any]], list[Action]]:
    """Attributes of the spans of these slash commands, and what was sent."""
    with Recorded() as recorded:
        async with running(make_bot(), guilds=[GUILD]) as standin:
            actions = [await standin.slash(command, guild=guild) for command in commands]
            await until_async(lambda: len(recorded.roots) == len(commands))
    return [dict(span.attributes or {}) for span in recorded.roots], actions


async def test_a_command_in_a_dm_is_recorded() -> None:
    (attributes,), (action,) = await record("ok", guild=None)
    assert action.answer is not None
    assert attributes[semconv.OUTCOME] == "ok"
    assert semconv.GUILD_ID not in attributes


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM")
async def test_the_bots_own_signal_handler_stays(tmp_path: Path) -> None:
    async with bot_process([*RUN, PLAIN, "own-handlers"], tmp_path) as bot:
        bot.signal(signal.SIGTERM)
        assert await bot.ended() == 5


async def test_the_tracer_provider_that_is_passed_is_used() -> None:
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    memory = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(memory))
    DiscordInstrumentor().instrument(tracer_provider=provider, settings=Settings.from_environ({}))
    try:
        async with running(make_bot(), guilds=[GUILD]) as standin:
            await (await standin.slash("ok", guild=GUILD)).answered()
            await until_async(memory.get_finished_spans)
    finally:
        DiscordInstrumentor().uninstrument()
    assert "slash ok" in {span.name for span in memory.get_finished_spans()}


async def test_message_text_and_arguments_are_never_exported() -> None:
    with Recorded() as recorded:
        async with running(make_bot(), guilds=[GUILD]) as standin:
            await standin.slash("takes_text", options={"text": "my argument"}, guild=GUILD)
            await standin.message("!p_number my text", guild=GUILD)
            await standin.message("only my talk", prefix=False, guild=GUILD)
            await until_async(lambda: len(recorded.roots) == 2)
    everything = "".join(span.to_json() for span in recorded.spans)
    assert "my " not in everything


async def test_every_declared_metric_is_emitted_and_none_is_labelled_with_channels() -> None:
    from discord_standin import Fault

    reader = InMemoryMetricReader()
    DiscordInstrumentor().instrument(
        tracer_provider=TracerProvider(shutdown_on_exit=False),
        meter_provider=MeterProvider([reader], shutdown_on_exit=False),
        settings=Settings.from_environ({}),
    )
    metrics: dict[str, Any] = {}

    def all_emitted() -> bool:
        data = reader.get_metrics_data()
        if data is not None:
            metrics.update({m.name: m for r in data.resource_metrics for s in r.scope_metrics for m in s.metrics})
        return set(metrics) == METRICS

    try:
        async with running(make_bot(), guilds=[GUILD]) as standin:
            limited = [Fault.rate_limited("callback", 0.01)]
            await (await standin.slash("ok", guild=GUILD, faults=limited)).answered()
            await until_async(all_emitted)
    finally:
        DiscordInstrumentor().uninstrument()
    labels = {key for m in metrics.values() for point in m.data.data_points for key in point.attributes or {}}
    assert labels <= {
        semconv.COMMAND_NAME,
        semconv.KIND,
        semconv.OUTCOME,
        semconv.ERROR_TYPE,
        semconv.SHARD_ID,
        "http.request.method",
        "url.template",
    }


def test_delivery_survives_any_number_of_failures() -> None:
    def fails_six_times() -> None:
        if store.tries <= 6:
            raise StoreUnavailable("away")

    store = ScriptedStore(fails_six_times)
    exporter = exporter_on(store)
    exporter.export(spans(1))
    while not exporter.force_flush(200):
        assert store.tries < 100
    exporter.shutdown()
    assert len(store.rows) == 1


async def test_every_one_of_many_commands_is_recorded() -> None:
    attributes, actions = await record(*["ok"] * 25)
    assert [entry[semconv.OUTCOME] for entry in attributes] == ["ok"] * 25
    assert all(action.answer for action in actions)


def test_rejected_rows_are_logged_as_errors(caplog: pytest.LogCaptureFixture) -> None:
    exporter = exporter_on(ScriptedStore())
    with caplog.at_level(logging.INFO, "slashspan"):
        exporter.export(spans(1, "poison"))
        exporter.shutdown()
    told_of = {record.levelname: record.message for record in caplog.records}
    assert "row rejected" in told_of["ERROR"]
    assert "1 of 1 rows were not stored" in told_of["WARNING"]
    assert exporter.counts().dropped == {DropReason.REJECTED_LOST: 1}  # without a spool there are no dead letters


def test_a_batch_whose_commit_was_not_confirmed_is_stored_once(server: Postgres, database: str) -> None:
    from slashspan.exporters.stores.factory import open_store
    from tests.support.rows import rows

    with Proxy(server.port) as proxy:
        store = open_store(server.dsn(database, port=proxy.port))
        store.prepare(timeout=20)
        proxy.swallow_answers()
        with pytest.raises(StoreUnavailable, match="no answer"):
            store.write(rows(50), timeout=0.5)
        assert server.execute("SELECT count(*) AS n FROM command_calls", database) == [{"n": 50}], "it was committed"
        proxy.swallow_answers(on=False)
        store.write(rows(50), timeout=20)
        store.close(timeout=5)
    assert server.execute("SELECT count(*) AS n FROM command_calls", database) == [{"n": 50}]


def test_called_at_is_the_time_of_the_call() -> None:
    store = ScriptedStore(down)
    exporter = exporter_on(store)
    batch = spans(3)
    exporter.export(batch)
    store.fail = lambda: None
    exporter.force_flush(20_000)
    exporter.shutdown()
    assert [row.called_at for row in store.rows] == [span.start_time // 1000 for span in batch]


def test_a_write_that_failed_is_retried() -> None:
    store = ScriptedStore(down)
    exporter = exporter_on(store)
    exporter.export(spans(3))
    until(lambda: store.tries >= 2)
    store.fail = lambda: None
    assert exporter.force_flush(20_000)
    exporter.shutdown()
    assert len(store.rows) == 3


def test_a_batch_that_is_not_full_is_written() -> None:
    store = ScriptedStore()
    processor = processor_on(store, batch_rows=50)
    for span in spans(3):
        processor.on_end(span)
    until(lambda: len(store.rows) == 3)
    processor.shutdown_within(20)


def test_stopping_writes_every_batch() -> None:
    store = ScriptedStore()
    processor = processor_on(store, schedule_delay_ms=60_000, batch_rows=50, queue_rows=5000)
    for span in spans(1) * 40 + spans(470):
        processor.on_end(span)
    processor.shutdown_within(20)
    assert len(store.rows) == 510


async def test_uninstrumenting_removes_every_patch(tmp_path: Path) -> None:
    async with running(make_bot(), guilds=[GUILD]) as standin:
        with Recorded() as recorded:
            await (await standin.slash("ok", guild=GUILD)).answered()
            await until_async(lambda: recorded.roots)
        await (await standin.slash("ok", guild=GUILD)).answered()
        assert len(recorded.roots) == 1


async def test_no_command_waits_for_the_database(server: Postgres, database: str) -> None:
    with Proxy(server.port) as proxy:
        settings = {"SLASHSPAN_DSN": server.dsn(database, port=proxy.port), "OTEL_BSP_SCHEDULE_DELAY": "10"}
        handle = await asyncio.to_thread(slashspan.configure, environ=settings)
        proxy.black_hole()
        async with running(make_bot(), guilds=[GUILD]) as standin:
            for _ in range(20):
                await (await standin.slash("ok", guild=GUILD)).answered()
        proxy.black_hole(on=False)
        proxy.cut()
        await asyncio.to_thread(handle.shutdown, 30.0)
    assert read_outcomes(server.dsn(database)) == [("slash", "ok", "ok")] * 20
