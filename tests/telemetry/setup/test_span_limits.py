"""Rows are complete under every limit that OpenTelemetry puts on spans, on every path to the store."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import discord
import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import get_current_span

import slashspan
from slashspan import DiscordInstrumentor
from slashspan.action_record import MAX_CHECKPOINTS
from slashspan.exporters.delivery.processor import CommandCallsProcessor
from slashspan.exporters.rows.checkpoints import LEFT_OUT
from slashspan.settings import Settings
from tests.support.actions.bot import make_bot
from tests.support.actions.cases import GUILD
from tests.support.bots import running
from tests.support.exporting import exporter_on
from tests.support.journals import die
from tests.support.scripted_store import ScriptedStore
from tests.support.stored_rows import read_rows

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from discord.ext import commands

LIMITS: list[dict[str, str]] = [
    {"OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT": "8"},
    {"OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT": "1"},
    {"OTEL_ATTRIBUTE_COUNT_LIMIT": "5"},
    {"OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT": "0"},
    {"OTEL_SPAN_EVENT_COUNT_LIMIT": "3"},
    {"OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT": "0"},
    {},
]
STEPS = 300


def talkative_bot() -> commands.Bot:
    bot = make_bot()

    @bot.tree.command()
    async def talk(interaction: discord.Interaction) -> None:
        for number in range(140):
            get_current_span().set_attribute(f"own.{number}", "a long value of the bot's own")
        for number in range(STEPS):
            slashspan.checkpoint(f"step_{number}")
        await interaction.response.send_message("ok")

    return bot


@pytest.fixture(autouse=True)
def _own_globals(monkeypatch: pytest.MonkeyPatch) -> None:
    from opentelemetry.util._once import Once

    monkeypatch.setattr(trace, "_TRACER_PROVIDER", None)
    monkeypatch.setattr(trace, "_TRACER_PROVIDER_SET_ONCE", Once())


@pytest.fixture(params=LIMITS, ids=lambda limits: "=".join(*limits.items()) if limits else "defaults")
def limits(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    for name, value in request.param.items():
        monkeypatch.setenv(name, value)
    return request.param  # type: ignore[no-any-return]


async def talk(command: str = "talk") -> Any:
    async with running(talkative_bot(), guilds=[GUILD]) as standin:
        action = await standin.slash(command, guild=GUILD)
        await action.answered()
        return action


def check(row: dict[str, Any], action: Any) -> None:
    assert row["discord_uid"] == action.user.id
    assert row["player_name"] == action.user.name
    assert (row["kind"], row["command"], row["outcome"]) == ("slash", "talk", "ok")
    assert row["interaction_id"] == action.id
    assert row["guild_id"] == GUILD.id
    assert row["ack_ms"] is not None
    marks = row["checkpoints"] if isinstance(row["checkpoints"], list) else json.loads(row["checkpoints"])
    assert [mark["name"] for mark in marks] == [f"step_{number}" for number in range(STEPS)]
    assert all(mark["at_ms"] >= mark["step_ms"] >= 0 for mark in marks)


@pytest.mark.parametrize("spool", ["off", "on"])
async def test_a_row_is_complete_under_every_limit(limits: dict[str, str], spool: str, tmp_path: Path) -> None:
    dsn = f"sqlite:///{tmp_path / 'rows.db'}"
    environ = {"SLASHSPAN_RAISE_INTERNAL_ERRORS": "true", "SLASHSPAN_DSN": dsn, "SLASHSPAN_SPOOL": spool, **limits}
    if spool == "on":
        environ["SLASHSPAN_SPOOL"] = str(tmp_path / "spool")
    handle = slashspan.configure(environ=environ)
    action = await talk()
    handle.shutdown()
    (row,) = read_rows(dsn)
    check(row, action)


async def test_a_row_is_complete_behind_another_batch_processor(limits: dict[str, str], tmp_path: Path) -> None:
    assert limits is not None
    store = ScriptedStore()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(exporter_on(store)))
    settings = Settings.from_environ({"SLASHSPAN_RAISE_INTERNAL_ERRORS": "true"})
    DiscordInstrumentor().instrument(tracer_provider=provider, settings=settings)
    try:
        action = await talk()
    finally:
        DiscordInstrumentor().uninstrument()
        provider.shutdown()
    (row,) = store.rows
    check({name: getattr(row, name) for name in type(row).__dataclass_fields__}, action)


async def test_an_interrupted_action_is_complete_under_every_limit(limits: dict[str, str], tmp_path: Path) -> None:
    from slashspan.exporters.spool.journal import Journal
    from slashspan.exporters.spool.row_spool import RowSpool

    assert limits is not None
    spool = RowSpool(Journal(tmp_path, max_bytes=2**22))
    provider = TracerProvider(shutdown_on_exit=False)
    processor = CommandCallsProcessor(
        exporter_on(ScriptedStore(), spool=spool), kinds={"slash"}, schedule_delay_ms=10, batch_rows=10, queue_rows=10
    )
    provider.add_span_processor(processor)
    settings = Settings.from_environ({"SLASHSPAN_RAISE_INTERNAL_ERRORS": "true"})
    DiscordInstrumentor().instrument(tracer_provider=provider, settings=settings)
    bot, ending = make_bot(), asyncio.Event()

    @bot.tree.command()
    async def hang(interaction: discord.Interaction) -> None:
        await interaction.response.send_message("ok")
        await ending.wait()

    try:
        async with running(bot, guilds=[GUILD]) as standin:
            action = await standin.slash("hang", guild=GUILD)
            await action.answered()
            die(spool.journal)
            heir = RowSpool(Journal(tmp_path, max_bytes=2**22))
            heir.journal.adopt()
            [(row, receipt)] = heir.lease(9)
            heir.journal.acknowledge([receipt])
            heir.journal.close()
            ending.set()
    finally:
        DiscordInstrumentor().uninstrument()
        processor.shutdown_within(10.0)
    assert (row.outcome, row.command, row.discord_uid) == ("interrupted", "hang", action.user.id)
    assert (row.player_name, row.guild_id, row.interaction_id) == (action.user.name, GUILD.id, action.id)


async def test_any_number_of_checkpoints_is_bounded_and_counted(tmp_path: Path) -> None:
    bot = make_bot()

    @bot.tree.command()
    async def endless(interaction: discord.Interaction) -> None:
        for _ in range(MAX_CHECKPOINTS + 7):
            slashspan.checkpoint("x")
        await interaction.response.send_message("ok")

    dsn = f"sqlite:///{tmp_path / 'rows.db'}"
    handle = slashspan.configure(environ={"SLASHSPAN_RAISE_INTERNAL_ERRORS": "true", "SLASHSPAN_DSN": dsn})
    async with running(bot, guilds=[GUILD]) as standin:
        await (await standin.slash("endless", guild=GUILD)).answered()
    handle.shutdown()
    (row,) = read_rows(dsn)
    marks = row["checkpoints"] if isinstance(row["checkpoints"], list) else json.loads(row["checkpoints"])
    assert [mark["name"] for mark in marks[:-1]] == ["x"] * (len(marks) - 1)
    assert marks[-1]["name"] == LEFT_OUT
    assert len(marks) - 1 + marks[-1]["count"] == MAX_CHECKPOINTS + 7
