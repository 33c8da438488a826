"""Is a command answered as fast as without telemetry when the database is 160 ms away?

The real client, a bot in a process of its own for each way, all side by side: in each round every bot gets the same
commands in turn. Measured by the stand-in: from the frame that it sends to the answer that it receives.
"""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from discord_standin import Guild, snowflake

from benchmarks._report import Aim, Report, median, percentile
from tests.support.postgres import postgres
from tests.support.processes import PLAIN, BotProcess, bot_process
from tests.support.proxy import Proxy

if TYPE_CHECKING:
    from tests.support.postgres import Postgres

ONE_WAY_SECONDS = 0.080
RUN = ["-m", "telemetry.cli", "run"]
EXAMPLES = str(Path(__file__).parents[1] / "examples")
OLD = "the old way: INSERT, then the answer"
NONE = "no telemetry"
POSTGRESQL = "slashspan, PostgreSQL 160 ms away"


def run(*, quick: bool = False) -> Report:
    with postgres() as server, Proxy(server.port, delay=ONE_WAY_SECONDS) as far:
        return asyncio.run(_measure(server, far, rounds=3 if quick else 5, calls=20))


async def _measure(server: Postgres, far: Proxy, rounds: int, calls: int) -> Report:
    guild = Guild(snowflake())
    with tempfile.TemporaryDirectory() as folder:
        ways: dict[str, tuple[list[str], dict[str, str]]] = {
            NONE: ([PLAIN], {}),
            POSTGRESQL: ([*RUN, PLAIN], {"SLASHSPAN_DSN": server.dsn(server.create_database(), port=far.port)}),
            "slashspan, SQLite": ([*RUN, PLAIN], {"SLASHSPAN_DSN": f"sqlite:///{folder}/calls.db"}),
            OLD: (
                ["-m", "benchmarks._old_way"],
                {
                    "OLD_WAY_DSN": server.dsn(server.create_database(), port=far.port),
                    "PYTHONPATH": f"{EXAMPLES}:{Path(EXAMPLES).parent}",
                },
            ),
        }
        slash: dict[str, list[float]] = {way: [] for way in ways}
        prefix: dict[str, list[float]] = {way: [] for way in ways}
        async with contextlib.AsyncExitStack() as stack:
            bots: dict[str, BotProcess] = {}
            for way, (command, environ) in ways.items():
                process = bot_process(command, Path(folder), environ, guilds=[guild])
                bots[way] = await stack.enter_async_context(process)
            for round_ in range(rounds + 1):  # the first warms up
                for way, bot in bots.items():
                    times = await _ask(bot, guild, calls)
                    if round_:
                        slash[way] += times[0]
                        prefix[way] += times[1]
            for bot in bots.values():
                await bot.interrupt()
            for bot in bots.values():
                await bot.ended()
    return _report(slash, prefix, rounds * calls)


async def _ask(bot: BotProcess, guild: Guild, calls: int) -> tuple[list[float], list[float]]:
    """Seconds from frame to answer of that many slash and prefix commands, one after the other."""
    found: tuple[list[float], list[float]] = ([], [])
    for _ in range(calls):
        for which, send in enumerate(
            (bot.discord.slash("ping", guild=guild), bot.discord.message("!pong", guild=guild))
        ):
            action = await send
            answer = await action.answered()
            found[which].append((answer.received_ns - action.sent_ns) / 1e9)
    return found


def _report(slash: dict[str, list[float]], prefix: dict[str, list[float]], calls: int) -> Report:
    def cells(way: str) -> list[Any]:
        base = median(slash[NONE])
        return [
            way,
            _ms(median(slash[way])),
            _ms(percentile(slash[way], 99)),
            f"{median(slash[way]) / base:.2f}",
            _ms(median(prefix[way])),
            _ms(percentile(prefix[way], 99)),
        ]

    difference = 1000 * (median(slash[POSTGRESQL]) - median(slash[NONE]))
    tail = 1000 * (percentile(slash[POSTGRESQL], 99) - percentile(slash[NONE], 99))
    return Report(
        "latency_at_a_distance",
        "Is a command answered as fast as without telemetry?",
        ("", "slash p50, ms", "p99, ms", "÷ none", "prefix p50, ms", "p99, ms"),
        [cells(way) for way in slash],
        aims=(
            Aim(f"p50 within 0.5 ms of no telemetry: {difference:+.2f} ms", difference <= 0.5),
            Aim(f"p99 within 3 ms of no telemetry: {tail:+.2f} ms", tail <= 3.0),
        ),
        notes=(f"{calls} slash and {calls} prefix commands for each way, in interleaved rounds",),
    )


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.2f}"
