"""What is lost or doubled when the bot is killed, or its database goes away, by how commands are logged?

The ladder bot, a process for each way of logging; only the log is in the database that goes away. An outage begins with
answers that get lost on the way, as they do when a line breaks: what was written then is not known to be.
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

from benchmarks._report import Aim, Report
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
"""Of load, and for each kill some more, so that they fall at different moments of a batch's second."""
KILL_RATE: Final = 25.0
"""Commands a second, to each bot."""
OUTAGE_RATE: Final = 20.0
AROUND_SECONDS: Final = 2.5
"""Of load before the outage."""
AFTER_SECONDS: Final = 10.0
"""Of load after it: time in which a way can catch up."""
UNHEARD_SECONDS: Final = 1.5
"""At the outage's beginning: the server hears the bot, the bot hears nothing."""
POSTGRESQL: Final = "slashspan, PostgreSQL"
WAYS: Final = {
    "INSERT, then the command": ("awaited", "old_calls"),
    "a task for each INSERT": ("task", "old_calls"),
    "a queue in memory": ("queue", "old_calls"),
    POSTGRESQL: ("slashspan", "command_calls"),
}


@dataclass(slots=True)
class Tally:
    """Of one way under one fault."""

    answered: int = 0
    lost: int = 0
    doubled: int = 0

    def add(self, actions: Sequence[Action], rows: Counter[int]) -> None:
        """Commands whose user saw an answer, against the rows by interaction."""
        answered = [action.id for action in actions if action.answer is not None]
        self.answered += len(answered)
        self.lost += sum(not rows[each] for each in answered)
        self.doubled += sum(rows[each] - 1 for each in answered if rows[each])

    def cells(self) -> list[str]:
        return [f"{self.answered:,}", f"{self.lost:,}", f"{self.doubled:,}"]


@dataclass(slots=True)
class Subject:
    """One way, its log and what became of it."""

    way: str
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
        subjects = [_subject(way, server, far, folder) for way in WAYS]
        asyncio.run(_measure(subjects, server, far, Path(folder), kills, outage))
    ours = next(subject for subject in subjects if subject.way == POSTGRESQL)
    lost, doubled = ours.killed.lost + ours.outage.lost, ours.killed.doubled + ours.outage.doubled
    return Report(
        "lost_rows",
        "What is lost or doubled when the bot is killed, or its database goes away?",
        ("", "kill -9: answered", "lost", "doubled", f"{outage:.0f} s outage: answered", "lost", "doubled"),
        [[subject.way, *subject.killed.cells(), *subject.outage.cells()] for subject in subjects],
        aims=(
            Aim(f"slashspan doubles nothing: {doubled}", doubled == 0),
            Aim(f"slashspan loses nothing: {lost}", lost == 0),
        ),
        notes=(
            f"kills: {kills}, at {KILL_RATE:.0f} commands a second; rows are counted after a restart",
            f"outage at {OUTAGE_RATE:.0f} commands a second, with {AFTER_SECONDS:.0f} s after it, then Ctrl-C",
        ),
    )


def _subject(way: str, server: Postgres, far: Proxy, folder: str) -> Subject:
    name, _ = WAYS[way]
    database = server.create_database()
    environ = {
        "PYTHONPATH": os.pathsep.join((str(ROOT / "examples"), str(ROOT))),
        "LADDER_DSN": f"sqlite:///{folder}/{name}.db",
        "LOGGING_WAY": name,
        "LOGGING_DSN": server.dsn(database, port=far.port),
        "SLASHSPAN_DSN": server.dsn(database, port=far.port),
    }
    return Subject(way, database, environ)


async def _measure(
    subjects: Sequence[Subject], server: Postgres, far: Proxy, folder: Path, kills: int, outage: float
) -> None:
    for kill in range(kills):
        seconds = BEFORE_KILL_SECONDS + kill / kills
        actions = await asyncio.gather(*(_killed(subject, folder, seconds) for subject in subjects))
        for subject, theirs in zip(subjects, actions, strict=True):
            subject.killed.add(theirs, _rows(server, subject))
    duration = AROUND_SECONDS + outage + AFTER_SECONDS
    async with contextlib.AsyncExitStack() as stack:
        bots = await asyncio.gather(
            *(stack.enter_async_context(_bot(subject, folder)) for subject in subjects),
        )
        fault = asyncio.create_task(_go_away(far, outage))
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
    async with _bot(subject, folder) as bot:  # what was kept is sent now
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


async def _go_away(far: Proxy, seconds: float) -> None:
    await asyncio.sleep(AROUND_SECONDS)
    far.swallow_answers()
    await asyncio.sleep(UNHEARD_SECONDS)
    far.refuse()
    await asyncio.sleep(seconds - UNHEARD_SECONDS)
    far.swallow_answers(False)
    far.refuse(False)


def _rows(server: Postgres, subject: Subject) -> Counter[int]:
    """How many rows each interaction has."""
    table = WAYS[subject.way][1]
    rows = server.execute(f"SELECT interaction_id FROM {table}", subject.database)
    return Counter(int(row["interaction_id"]) for row in rows)
