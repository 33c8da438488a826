"""How many rows are lost or duplicated when the bot is killed or its database is unavailable?

The ladder bot, one process for each logging strategy; only the log is in the database that fails. The outage begins
with answers of the database that are lost, as when a connection breaks: the bot cannot know what was committed.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from discord_standin import Guild, drive, snowflake, users

from benchmarks._report import Report, Target
from tests.support import ROOT
from tests.support.postgres import postgres
from tests.support.processes import BotProcess, bot_process
from tests.support.proxy import Proxy

if TYPE_CHECKING:
    from collections.abc import Sequence

    from discord_standin import Action

    from tests.support.postgres import Postgres

ONE_WAY_SECONDS: Final = 0.080
BEFORE_KILL_SECONDS: Final = 2.5
"""Of load before a kill; a little more for each one, so that they hit a batch's second at different points."""
KILL_RATE: Final = 25.0
"""Commands per second, to each bot."""
OUTAGE_RATE: Final = 20.0
BEFORE_OUTAGE_SECONDS: Final = 2.5
"""Of load before the outage."""
AFTER_OUTAGE_SECONDS: Final = 10.0
"""Of load after the outage, for a strategy to catch up."""
ANSWERS_LOST_SECONDS: Final = 1.5
"""At the start of the outage: requests reach the server, answers do not reach the bot."""
POSTGRESQL: Final = "slashspan, PostgreSQL"
STRATEGIES: Final = {
    "INSERT, then the command": ("awaited", "old_calls"),
    "a task for each INSERT": ("task", "old_calls"),
    "a queue in memory": ("queue", "old_calls"),
    POSTGRESQL: ("slashspan", "command_calls"),
}


@dataclass(slots=True)
class Tally:
    """The result of one strategy under one fault."""

    answered: int = 0
    lost: int = 0
    duplicates: int = 0

    def add(self, actions: Sequence[Action], rows: Counter[int]) -> None:
        """Compare the commands whose user saw an answer with the number of rows of each interaction."""
        answered = [action.id for action in actions if action.answer is not None]
        self.answered += len(answered)
        self.lost += sum(not rows[each] for each in answered)
        self.duplicates += sum(rows[each] - 1 for each in answered if rows[each])

    def cells(self) -> list[str]:
        return [f"{self.answered:,}", f"{self.lost:,}", f"{self.duplicates:,}"]


@dataclass(slots=True)
class Subject:
    """One strategy, its log and its results."""

    strategy: str
    database: str
    environ: dict[str, str]
    killed: Tally = field(default_factory=Tally)
    outage: Tally = field(default_factory=Tally)


def run(*, quick: bool = False) -> Report:
    kills, outage = (1, 5.0) if quick else (5, 30.0)
    with (
        postgres() as server,
        Proxy(server.port, delay=ONE_WAY_SECONDS) as far,
        tempfile.TemporaryDirectory() as folder,
    ):
        subjects = [_subject(strategy, server, far, folder) for strategy in STRATEGIES]
        asyncio.run(_measure(subjects, server, far, Path(folder), kills, outage))
    ours = next(subject for subject in subjects if subject.strategy == POSTGRESQL)
    lost, duplicates = ours.killed.lost + ours.outage.lost, ours.killed.duplicates + ours.outage.duplicates
    return Report(
        "lost_rows",
        "How many rows are lost or duplicated when the bot is killed or its database is unavailable?",
        ("", "SIGKILL: answered", "lost", "duplicate", f"{outage:.0f} s outage: answered", "lost", "duplicate"),
        [[subject.strategy, *subject.killed.cells(), *subject.outage.cells()] for subject in subjects],
        targets=(
            Target(f"slashspan duplicates nothing: {duplicates}", duplicates == 0),
            Target(f"slashspan loses nothing: {lost}", lost == 0),
        ),
        notes=(
            f"{kills} kills, at {KILL_RATE:.0f} commands per second; rows are counted after a restart",
            f"outage at {OUTAGE_RATE:.0f} commands per second, {AFTER_OUTAGE_SECONDS:.0f} s of recovery, then Ctrl-C",
        ),
    )


def _subject(strategy: str, server: Postgres, far: Proxy, folder: str) -> Subject:
    name, _ = STRATEGIES[strategy]
    database = server.create_database()
    environ = {
        "PYTHONPATH": os.pathsep.join((str(ROOT / "examples"), str(ROOT))),
        "LADDER_DSN": f"sqlite:///{folder}/{name}.db",
        "LOGGING_STRATEGY": name,
        "LOGGING_DSN": server.dsn(database, port=far.port),
        "SLASHSPAN_DSN": server.dsn(database, port=far.port),
    }
    return Subject(strategy, database, environ)


async def _measure(
    subjects: Sequence[Subject], server: Postgres, far: Proxy, folder: Path, kills: int, outage: float
) -> None:
    for kill in range(kills):
        seconds = BEFORE_KILL_SECONDS + kill / kills
        actions = await asyncio.gather(*(_killed(subject, folder, seconds) for subject in subjects))
        for subject, theirs in zip(subjects, actions, strict=True):
            subject.killed.add(theirs, _rows(server, subject))
    duration = BEFORE_OUTAGE_SECONDS + outage + AFTER_OUTAGE_SECONDS
    async with contextlib.AsyncExitStack() as stack:
        bots = await asyncio.gather(
            *(stack.enter_async_context(_bot(subject, folder)) for subject in subjects),
        )
        fault = asyncio.create_task(_outage(far, outage))
        actions = await asyncio.gather(*(_load(bot, OUTAGE_RATE, duration) for bot in bots))
        await fault
        await asyncio.gather(*(_end(bot) for bot in bots))
    for subject, theirs in zip(subjects, actions, strict=True):
        subject.outage.add(theirs, _rows(server, subject))


def _bot(subject: Subject, folder: Path) -> contextlib.AbstractAsyncContextManager[BotProcess]:
    return bot_process(["-m", "benchmarks._ladder_process"], folder, subject.environ)


async def _killed(subject: Subject, folder: Path, seconds: float) -> list[Action]:
    async with _bot(subject, folder) as bot:
        actions = await _load(bot, KILL_RATE, seconds)
        bot.kill()
        await bot.ended()
    async with _bot(subject, folder) as bot:  # it delivers what it kept
        await _end(bot)
    return actions


async def _end(bot: BotProcess) -> None:
    await bot.interrupt()
    await bot.ended()


async def _load(bot: BotProcess, rate: float, seconds: float) -> list[Action]:
    guild, crowd = Guild(snowflake()), users(20)
    steps = (
        lambda discord, number=number: discord.slash("termsofservice", user=crowd[number % len(crowd)], guild=guild)
        for number in range(round(rate * seconds))
    )
    return await drive(bot.discord, steps, rate=rate)


async def _outage(far: Proxy, seconds: float) -> None:
    await asyncio.sleep(BEFORE_OUTAGE_SECONDS)
    far.swallow_answers()
    await asyncio.sleep(ANSWERS_LOST_SECONDS)
    far.refuse()
    await asyncio.sleep(seconds - ANSWERS_LOST_SECONDS)
    far.swallow_answers(False)
    far.refuse(False)


def _rows(server: Postgres, subject: Subject) -> Counter[int]:
    """The number of rows of each interaction."""
    table = STRATEGIES[subject.strategy][1]
    rows = server.execute(f"SELECT interaction_id FROM {table}", subject.database)
    return Counter(int(row["interaction_id"]) for row in rows)
