"""Checkpoints are on the span and in the row, and slow ones are logged."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import re
from typing import Any

import discord
import pytest
from discord.ext import commands

import slashspan
from slashspan import semconv
from slashspan.exporters.rows.from_span import from_span
from slashspan.telemetry.instrument import checkpoints
from tests.support.actions.bot import make_bot
from tests.support.actions.cases import GUILD
from tests.support.actions.play import Recorded
from tests.support.bots import running
from tests.support.waiting import until_async

STEP = 0.03


def stepping_bot() -> commands.Bot:
    bot = make_bot()

    @bot.tree.command()
    async def steps(interaction: discord.Interaction) -> None:
        slashspan.checkpoint("guard_checks_complete")
        await asyncio.sleep(STEP)
        slashspan.checkpoint("rows_fetched")
        await interaction.response.send_message("ok")
        slashspan.checkpoint("answered")

    @bot.command()
    async def p_steps(ctx: commands.Context[Any]) -> None:
        await asyncio.sleep(STEP)
        slashspan.checkpoint("counted")

    return bot


async def test_checkpoints_are_on_the_span_and_in_the_row() -> None:
    with Recorded() as recorded:
        async with running(stepping_bot(), guilds=[GUILD]) as standin:
            await (await standin.slash("steps", guild=GUILD)).answered()
            await until_async(lambda: recorded.roots)
    (span,) = recorded.roots
    assert [event.name for event in span.events] == ["guard_checks_complete", "rows_fetched", "answered"]
    row = from_span(span)
    assert row is not None
    marks = json.loads(row.checkpoints or "")
    assert [mark["name"] for mark in marks] == ["guard_checks_complete", "rows_fetched", "answered"]
    # Steps add up to the times, and each event has its time.
    for before, mark in zip([{"at_ms": 0.0}, *marks], marks, strict=False):
        assert mark["at_ms"] - before["at_ms"] == pytest.approx(mark["step_ms"], abs=0.01)
    assert marks[1]["step_ms"] >= STEP * 1000
    assert marks[-1]["at_ms"] <= (row.duration_ms or 0)
    for mark, event in zip(marks, span.events, strict=True):
        assert (event.timestamp - (span.start_time or 0)) / 1e6 == pytest.approx(mark["at_ms"], abs=0.01)


async def test_a_slow_step_is_logged_with_its_command(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "slashspan.checkpoint"):
        with Recorded(environ={"SLASHSPAN_SLOW_CHECKPOINT_MS": str(STEP * 1000)}) as recorded:
            async with running(stepping_bot(), guilds=[GUILD]) as standin:
                await (await standin.slash("steps", guild=GUILD)).answered()
                await standin.message("!p_steps", guild=GUILD)
                await until_async(lambda: len(recorded.roots) == 2)
    warnings = sorted(record.message for record in caplog.records if record.name == "slashspan.checkpoint")
    assert len(warnings) == 2
    assert re.fullmatch(r"⚠️ Slow checkpoint: interaction\.steps\.rows_fetched took \d+\.\d\dms", warnings[0])
    assert re.fullmatch(r"⚠️ Slow checkpoint: message\.p_steps\.counted took \d+\.\d\dms", warnings[1])


async def test_steps_below_the_limit_are_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    with Recorded(environ={"SLASHSPAN_SLOW_CHECKPOINT_MS": "60000"}) as recorded:
        async with running(stepping_bot(), guilds=[GUILD]) as standin:
            await (await standin.slash("steps", guild=GUILD)).answered()
            await until_async(lambda: recorded.roots)
    assert "Slow checkpoint" not in caplog.text


def test_outside_of_a_command_a_checkpoint_does_nothing() -> None:
    slashspan.checkpoint("nowhere")


@pytest.mark.parametrize(("encoding", "sign"), [("utf-8", "⚠️ "), ("cp1252", ""), ("ascii", "")])
def test_a_stream_that_cannot_encode_the_warning_sign_gets_plain_text(encoding: str, sign: str) -> None:
    raw = io.BytesIO()
    handler = logging.StreamHandler(io.TextIOWrapper(raw, encoding))
    logger = logging.getLogger("slashspan.checkpoint")
    logger.addHandler(handler)
    logger.propagate = False
    try:
        assert checkpoints._sign_fits() is bool(sign)
    finally:
        logger.propagate = True
        logger.removeHandler(handler)


def test_a_flow_is_a_span_with_checkpoints_and_no_row(caplog: pytest.LogCaptureFixture) -> None:
    with Recorded(environ={"SLASHSPAN_SLOW_CHECKPOINT_MS": "0"}) as recorded:
        with caplog.at_level(logging.WARNING, "slashspan.checkpoint"), slashspan.flow("season_reset"):
            slashspan.checkpoint("archived")
        with pytest.raises(KeyError), slashspan.flow("fails"):
            raise KeyError
    whole, failed = recorded.spans
    assert (whole.name, [event.name for event in whole.events]) == ("flow season_reset", ["archived"])
    assert "Slow checkpoint: flow.season_reset.archived took" in caplog.text
    assert dict(failed.attributes or {})["error.type"] == "KeyError"
    assert [from_span(span) for span in recorded.spans] == [None, None]
    with slashspan.flow("nobody listens"):
        slashspan.checkpoint("nothing")
    assert len(recorded.spans) == 2


async def test_checkpoints_in_a_flow_inside_a_command_belong_to_the_flow() -> None:
    bot = make_bot()

    @bot.tree.command()
    async def nested(interaction: discord.Interaction) -> None:
        slashspan.checkpoint("before")
        with slashspan.flow("import"):
            slashspan.checkpoint("inside")
        slashspan.checkpoint("after")
        await interaction.response.send_message("ok")

    with Recorded() as recorded:
        async with running(bot, guilds=[GUILD]) as standin:
            await (await standin.slash("nested", guild=GUILD)).answered()
            await until_async(lambda: recorded.roots)
    (root,) = recorded.roots
    (inner,) = [span for span in recorded.spans if span.name == "flow import"]
    assert [event.name for event in root.events] == ["before", "after"]
    assert [event.name for event in inner.events] == ["inside"]
    assert inner.parent is not None
    assert inner.parent.span_id == root.context.span_id


def test_other_events_are_not_checkpoints() -> None:
    from tests.support.spans import finished

    row = from_span(finished(events=[("exception", {"exception.type": "KeyError"})]))
    assert row is not None
    assert row.checkpoints is None
    assert semconv.CHECKPOINT_AT_MS.startswith("discord.")
