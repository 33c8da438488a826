"""`rate_limited_ms` is the time lost to Discord's limits, not to other requests or a stalled machine."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

import discord
import pytest
from discord_standin import Channel, Fault, snowflake

from slashspan import semconv
from slashspan.telemetry.instrument.intervals import MAX_KEPT, Intervals
from tests.support.actions.bot import make_bot
from tests.support.actions.cases import GUILD
from tests.support.actions.play import Recorded
from tests.support.bots import running
from tests.support.waiting import until_async

if TYPE_CHECKING:
    from discord.ext import commands
    from discord_standin import Action


def lost_ms(recorded: Recorded, action: Action) -> float:
    """The value on its span."""
    (span,) = [s for s in recorded.roots if (s.attributes or {})[semconv.INTERACTION_ID] == str(action.id)]
    lost: Any = (span.attributes or {}).get(semconv.RATE_LIMITED_MS, 0.0)
    return float(lost)


def bot_with_work(seconds: float = 0.1) -> commands.Bot:
    """Its `!stall` answers, and blocks the event loop while the answer is in flight; `/many` sends three at once."""
    bot = make_bot()

    @bot.command()
    async def stall(ctx: Any) -> None:
        sending = asyncio.ensure_future(ctx.send("ok"))
        await asyncio.sleep(0)
        time.sleep(seconds)
        await sending

    @bot.tree.command()
    async def many(interaction: discord.Interaction) -> None:
        await interaction.response.defer()
        await asyncio.gather(*(interaction.followup.send(str(number)) for number in range(3)))

    return bot


async def test_messages_that_queue_in_a_channel_without_a_limit_lose_nothing() -> None:
    channel = Channel(snowflake())
    with Recorded() as recorded:
        async with running(make_bot(), guilds=[GUILD], latency=0.01) as standin:
            actions = await asyncio.gather(*(standin.message("!p_ok", guild=GUILD, channel=channel) for _ in range(20)))
            await until_async(lambda: len(recorded.roots) == 20)
    assert [lost_ms(recorded, action) for action in actions] == [0.0] * 20


async def test_a_stalled_loop_is_no_rate_limit() -> None:
    channel = Channel(snowflake())
    with Recorded() as recorded:
        async with running(bot_with_work(), guilds=[GUILD]) as standin:
            actions = [await standin.message("!stall", guild=GUILD, channel=channel) for _ in range(3)]
            await until_async(lambda: len(recorded.roots) == 3)
    assert [lost_ms(recorded, action) for action in actions] == [0.0] * 3


async def test_a_stall_during_a_limit_counts_no_longer_than_the_limit() -> None:
    channel = Channel(snowflake())
    faults = {
        "empties": Fault.empties_bucket("message", 0.05),
        "refused": Fault.rate_limited("message", 0.05),
    }
    with Recorded() as recorded:
        async with running(bot_with_work(0.3), guilds=[GUILD]) as standin:
            for fault in faults.values():
                limited = await standin.message("!p_ok", guild=GUILD, channel=channel, faults=[fault])
                await limited.answered() if fault.status == 200 else await until_async(lambda a=limited: a.calls)  # type: ignore[misc]
                await standin.message("!stall", guild=GUILD, channel=Channel(snowflake()))
                await until_async(lambda: len(recorded.roots) == len(standin.ledger.actions))
                assert 45 <= lost_ms(recorded, limited) <= 50


async def test_a_request_that_waits_for_an_empty_bucket_loses_the_limit_and_not_the_queue() -> None:
    channel = Channel(snowflake())
    with Recorded() as recorded:
        async with running(make_bot(), guilds=[GUILD]) as standin:
            faults = [Fault("message", 200, delay=0.3, empty_for=0.2)]
            first = await standin.message("!p_ok", guild=GUILD, channel=channel, faults=faults)
            second = await standin.message("!p_ok", guild=GUILD, channel=channel)
            await until_async(lambda: len(recorded.roots) == 2)
    assert 195 <= lost_ms(recorded, first) <= 200
    assert 195 <= lost_ms(recorded, second) <= 200, "not the 300 ms behind the first request"


async def test_a_global_limit_counts_for_every_request_that_it_holds_back() -> None:
    with Recorded() as recorded:
        async with running(make_bot(), guilds=[GUILD]) as standin:
            faults = [Fault("message", 429, retry_after=0.5, is_global=True)]
            first = await standin.message("!p_ok", guild=GUILD, channel=Channel(snowflake()), faults=faults)
            await until_async(lambda: first.calls)
            second = await standin.message("!p_ok", guild=GUILD, channel=Channel(snowflake()))
            await until_async(lambda: len(recorded.roots) == 2)
            third = await standin.message("!p_ok", guild=GUILD, channel=Channel(snowflake()))
            await until_async(lambda: len(recorded.roots) == 3)
    assert 495 <= lost_ms(recorded, first) <= 500
    assert 0 < lost_ms(recorded, second) <= 500
    assert lost_ms(recorded, third) == 0


async def test_requests_of_one_command_that_wait_together_lose_the_time_once() -> None:
    with Recorded() as recorded:
        async with running(bot_with_work(), guilds=[GUILD]) as standin:
            faults = [Fault.empties_bucket("followup", 0.1)] * 2
            action = await standin.slash("many", guild=GUILD, faults=faults)
            await until_async(lambda: recorded.roots)
    (span,) = recorded.roots
    assert span.end_time is not None
    assert span.start_time is not None
    assert 190 <= lost_ms(recorded, action) <= 200 <= (span.end_time - span.start_time) / 1e6


@pytest.mark.parametrize(
    ("added", "kept", "total"),
    [
        ([(0, 5), (10, 15)], [(0, 5), (10, 15)], 10),
        ([(10, 15), (0, 5), (4, 11)], [(0, 15)], 15),
        ([(0, 9), (2, 3), (5, 5), (9, 8)], [(0, 9)], 9),
    ],
)
def test_overlapping_intervals_are_counted_once(
    added: list[tuple[int, int]], kept: list[tuple[int, int]], total: int
) -> None:
    intervals = Intervals()
    for start, end in added:
        intervals.add(start, end)
    assert (list(intervals), intervals.total) == (kept, total)
    common = Intervals()
    common.add_overlap(intervals, 3, 12)
    assert list(common) == [(max(3, s), min(12, e)) for s, e in kept]


def test_intervals_are_bounded() -> None:
    intervals = Intervals()
    for number in range(MAX_KEPT + 10):
        intervals.add(2 * number, 2 * number + 1)
    assert intervals.total == MAX_KEPT
