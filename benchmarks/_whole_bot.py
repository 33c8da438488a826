"""What a slash command costs the whole process of a bot, by where its telemetry goes."""

from __future__ import annotations

import asyncio
import contextlib
import random
from typing import TYPE_CHECKING, Final, NamedTuple

from discord_standin import Guild, snowflake

from benchmarks._pipelines import cpu_seconds
from benchmarks._process_bot import NONE, SLASHSPAN
from tests.support import ROOT
from tests.support.processes import bot_process

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from discord_standin import StandIn

    from tests.support.processes import BotProcess

AT_ONCE: Final = 8
"""Commands in flight: the bot always has another one to work on."""
SETTLE_SECONDS: Final = 2.5
"""A batch leaves after a second at most; then it is delivered."""
WARM_UP: Final = 100


class Mode(NamedTuple):
    name: str
    way: str
    environ: Mapping[str, str]


def modes(collector_port: int) -> list[Mode]:
    to_collector = {
        "OTEL_TRACES_EXPORTER": "otlp",
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{collector_port}",
    }
    return [
        Mode("whole bot, without telemetry", NONE, {}),
        Mode("whole bot → rows in SQLite", SLASHSPAN, {}),
        Mode("whole bot → collector", SLASHSPAN, to_collector),
        Mode(
            "whole bot → collector, without spans of requests",
            SLASHSPAN,
            to_collector | {"SLASHSPAN_REST_SPANS": "false"},
        ),
    ]


async def seconds_per_command(folder: Path, chosen: list[Mode], rounds: int, calls: int) -> dict[str, list[float]]:
    """Of CPU time, in each round."""
    found: dict[str, list[float]] = {mode.name: [] for mode in chosen}
    guild = Guild(snowflake())
    async with contextlib.AsyncExitStack() as stack:
        bots: dict[str, BotProcess] = {}
        for number, mode in enumerate(chosen):
            own = folder / str(number)
            own.mkdir()
            environ = {"PYTHONPATH": f"{ROOT}:{ROOT / 'examples'}", **mode.environ}
            command = ["-m", "benchmarks._process_bot", mode.way]
            bots[mode.name] = await stack.enter_async_context(bot_process(command, own, environ, guilds=[guild]))
        for number in range(rounds + 1):
            for name in random.sample(sorted(bots), len(bots)):
                before = cpu_seconds(bots[name].pid)
                await _call(bots[name].discord, guild, calls if number else WARM_UP)
                await asyncio.sleep(SETTLE_SECONDS)
                if number:
                    found[name].append((cpu_seconds(bots[name].pid) - before) / calls)
    return found


async def _call(discord: StandIn, guild: Guild, calls: int) -> None:
    left = iter(range(calls))

    async def worker() -> None:
        for _ in left:
            await (await discord.slash("ping", guild=guild)).answered(60)

    await asyncio.gather(*(worker() for _ in range(AT_ONCE)))
