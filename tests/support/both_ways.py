"""Real bots that record each action both ways: as a row in a database, and as a span for a collector."""

from __future__ import annotations

import asyncio
import os
import random
import signal
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

from discord_standin import User, drive, snowflake, users
from discord_standin.people import NAMES
from ladder_demo.demo_players import DemoPlayers, enrol
from ladder_demo.plan import mixed

from slashspan.exporters.spool.status import inspect
from slashspan.semconv import Kind
from tests.support import ROOT
from tests.support.actions.cases import ALL, GUILD, Case
from tests.support.annotations import ATTRIBUTES
from tests.support.processes import RUN, bot_process
from tests.support.waiting import until_async

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from discord_standin import StandIn

    from tests.support.processes import BotProcess

EVERYTHING: Final = [*RUN, str(ROOT / "tests" / "bots" / "everything.py")]
LADDER: Final = ["-m", "ladder_bot"]
AT_ONCE: Final = 60
"""Actions that overlap."""
HANGING: Final = 3
"""Actions that are running when a bot ends."""
REPEATABLE: Final = [case for case in ALL if "cooling" not in case.name]
"""A cooldown holds for all users."""
LATE_SECONDS: Final = 240.0
_NEVER: Final = {"OTEL_BSP_SCHEDULE_DELAY": "3600000", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "256"}
"""Full batches alone are sent."""
_SOON: Final = {"OTEL_BSP_SCHEDULE_DELAY": "100"}


def recording(dsn: str, otlp_port: int) -> dict[str, str]:
    """Settings of a bot whose actions of every kind go to the database and to the collector."""
    return {
        "PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "examples"))),
        "OTEL_TRACES_EXPORTER": "command_calls,otlp",
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{otlp_port}",
        "OTEL_RESOURCE_ATTRIBUTES": "service.version=1.2.3,deployment.environment.name=test",
        "SLASHSPAN_DSN": dsn,
        "SLASHSPAN_KINDS": ",".join(Kind.ALL),
    }


async def record_everything(folder: Path, environ: dict[str, str], count: int, seed: int) -> int:
    """Actions of every kind and outcome, by people with difficult names, in the middle of which the bot is killed.

    Returns how many were sent, at least `count`.
    """
    chance = random.Random(seed)
    environ = environ | {"OTEL_SERVICE_NAME": "everything"}
    first = count * 2 // 3
    async with _bot(folder, environ | _NEVER) as bot:
        await _act(bot.discord, first, chance)
        await _hang(bot.discord)
        bot.kill()
        await bot.ended()
        sent = len(bot.discord.ledger.actions)
    async with _bot(folder, environ | _SOON) as bot:
        await _act(bot.discord, count - first, chance)
        await _hang(bot.discord)
        await _everything_sent(folder)
        bot.signal(signal.SIGTERM)
        await bot.ended()
        return sent + len(bot.discord.ledger.actions)


async def record_ladder(folder: Path, environ: dict[str, str], count: int, seed: int) -> int:
    """Actions on the reference bot. Returns how many were sent."""
    players = DemoPlayers.create(50)
    dsn = f"sqlite:///{folder / 'ladder.db'}"
    await enrol(dsn, players, seed)
    async with bot_process(LADDER, folder, environ | _SOON | {"LADDER_DSN": dsn}, guilds=[GUILD]) as bot:
        actions = await drive(bot.discord, mixed(count, players, GUILD, seed), rate=200)
        answered = [action.answered(LATE_SECONDS) for action in actions if action.note.outcome != "not_found"]
        await asyncio.gather(*answered)
        await _everything_sent(folder)
        await bot.interrupt()
        await bot.ended()
    return count


@asynccontextmanager
async def _bot(folder: Path, environ: dict[str, str]) -> AsyncIterator[BotProcess]:
    async with bot_process(EVERYTHING, folder, environ, guilds=[GUILD], shards=2) as bot:
        yield bot


async def _act(discord: StandIn, count: int, chance: random.Random) -> None:
    slots = asyncio.Semaphore(AT_ONCE)
    people = [
        User(snowflake(), user.name, locale=chance.choice(("pl", "en-US", "zh-TW"))) for user in users(3 * len(NAMES))
    ]

    async def one(case: Case | None, number: int) -> None:
        async with slots:
            if case is None:
                which = number % len(ATTRIBUTES)
                action = await discord.slash("annotated", options={"which": which}, user=chance.choice(people))
                await action.answered(LATE_SECONDS)
            else:
                await case.do(discord, case.user if case.user.name != "nelly" else chance.choice(people))

    # A third annotates; what remains to be sent is not known, since some cases send several actions.
    while len(discord.ledger.actions) < count:
        missing = count - len(discord.ledger.actions)
        cases = [chance.choice((None, *chance.choices(REPEATABLE, k=2))) for _ in range(missing)]
        await asyncio.gather(*(one(case, number) for number, case in enumerate(cases)))


async def _hang(discord: StandIn) -> None:
    for _ in range(HANGING):
        await (await discord.slash("waits_for_modal", guild=GUILD)).acknowledged()
    for shard in range(discord.shards):
        await discord.idle(shard, LATE_SECONDS)


async def _everything_sent(folder: Path) -> None:
    """Wait until nothing is waiting for the database or for the collector but what is running."""
    await until_async(lambda: not any(status.rows for status in inspect(folder / "spool")), LATE_SECONDS)
