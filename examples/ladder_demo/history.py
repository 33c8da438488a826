"""A plausible past for the reference bot: rows as it would have recorded them, without having run."""

from __future__ import annotations

import json
import math
import random
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Final

from discord_standin import snowflake

from ladder_demo.recorded_in_time import record_in_time
from slashspan import insights
from slashspan.dsn import Dsn
from slashspan.exporters.rows.command_call import CommandCall
from slashspan.exporters.stores.factory import open_store
from slashspan.insights import Filters
from slashspan.insights.filters import ALL_KINDS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console
    from rich.progress import Progress

ENVIRONMENT: Final = "demo"
BATCH: Final = 1000
PREPARE_SECONDS: Final = 15.0
WRITE_SECONDS: Final = 60.0
NEW_USERS_A_DAY: Final = 12
STAY_DAYS: Final = 21.0
"""Mean number of days for which a user who stays comes back; half of the users do not stay."""
CALLS_A_DAY: Final = 5.0
"""Mean, of an active user on an active day."""
PAUSE_HOURS: Final = 0.03
"""Mean, between two calls of a sitting."""
RELEASES: Final = ("1.3.0", "1.4.0", "1.4.1")
"""Each for a third of the time; the second one has a fault in `/queue`, the last one a new one in `/leaderboard`."""
GUILDS: Final = 24
NAMES: Final = ("Ada", "Bo", "Cleo", "Dag", "Edda", "Finn", "Gro", "Hugo", "Ida", "Jan", "Kaja", "Lars", "Mia", "Nils")
LOCALES: Final = ("en-US", "en-GB", "de", "fr", "pl", "pt-BR", "ko")


@dataclass(frozen=True, slots=True)
class Habit:
    """How one command is used."""

    command: str
    weight: float
    kind: str = "slash"
    median_ms: float = 12.0
    spread: float = 0.5
    """Standard deviation of the logarithm of the duration."""
    fails: float = 0.002
    error_type: str = "asyncpg.exceptions.TooManyConnectionsError"
    rejected: float = 0.01
    steps: tuple[tuple[str, float], ...] = ()
    """Checkpoints, each with its share of the duration."""


HABITS: Final = (
    Habit("queue", 30, median_ms=24, rejected=0.06, steps=(("guard_checks_complete", 0.2), ("player_loaded", 0.5))),
    Habit(
        "leaderboard",
        22,
        median_ms=70,
        spread=0.8,
        steps=(("guard_checks_complete", 0.05), ("rows_fetched", 0.8), ("embed_built", 0.1)),
    ),
    Habit("profile", 14, median_ms=18),
    Habit("report", 9, median_ms=40, rejected=0.04, fails=0.01, error_type="ladder_bot.ladder.ReportConflict"),
    Habit("setup", 3, median_ms=90, spread=0.7, steps=(("data_fetched", 0.7), ("saved", 0.2))),
    Habit("termsofservice", 4, median_ms=3),
    Habit("admin ban", 0.3, median_ms=30, rejected=0.3),
    Habit("season archive", 0.2, median_ms=1900, spread=0.6, fails=0.03, error_type="asyncio.exceptions.TimeoutError"),
    Habit("LeaderboardView.next", 9, kind="component", median_ms=20),
    Habit("TermsView.accept", 3, kind="component", median_ms=15),
    Habit("ReportForm", 3, kind="modal", median_ms=25),
    Habit("rank", 5, kind="prefix", median_ms=14),
    Habit("Show profile", 1.5, kind="user_menu", median_ms=20),
)
_WEIGHTS: Final = tuple(habit.weight for habit in HABITS)


@dataclass(slots=True)
class _User:
    id: int
    name: str
    locale: str
    guild: int
    begins: int
    """Day, from the first of the history on; negative: before it."""
    ends: float
    eager: float


def fill(dsn: str, *, days: int, seed: int, console: Console, progress: Progress) -> int:
    """Write the rows of `days` days into `dsn`, show what to do with them, return the exit status.

    A table that has other rows than a demo's is left alone: nobody could tell them apart afterwards.
    """
    store = open_store(dsn)
    try:
        store.prepare(timeout=PREPARE_SECONDS)
        with insights.open_reader(dsn) as reader:
            (everything,) = reader.run(insights.totals, Filters(kinds=ALL_KINDS)).rows
            (own,) = reader.run(insights.totals, Filters(kinds=ALL_KINDS, environments=(ENVIRONMENT,))).rows
        if everything.calls != own.calls:
            console.print(
                f"{store.address} has {everything.calls - own.calls:,} calls that are not from a demo; give the demo a "
                "table of its own: slashspan demo --history 90d --dsn sqlite:///demo.db"
            )
            return 1
        rows = list(history(days, seed=seed))
        with progress:
            task = progress.add_task("", total=len(rows))
            for start in range(0, len(rows), BATCH):
                batch = rows[start : start + BATCH]
                store.write(batch, timeout=WRITE_SECONDS)
                progress.advance(task, len(batch))
    finally:
        store.close(timeout=WRITE_SECONDS)
    record_in_time(dsn, ENVIRONMENT)
    place = Dsn.parse(dsn).masked
    console.print(
        f"{len(rows):,} calls of {days} days are in {place}. Have a look:", style="bold green", soft_wrap=True
    )
    for command in ("dashboard", "stats --since 90d", "report report.html --since 90d"):
        console.print(f"  slashspan {command} --dsn {place}", soft_wrap=True)
    return 0


def history(days: int, *, seed: int, now: datetime | None = None) -> Iterator[CommandCall]:
    """Rows of the last `days` days up to now, in the order of time; the same ones for the same seed and `now`."""
    dice = random.Random(seed)
    now = now or datetime.now(timezone.utc)
    first = (now - timedelta(days=days)).replace(hour=0, minute=0, second=0, microsecond=0)
    users = list(_users(days, dice))
    for day in range(days + 1):
        midnight = first + timedelta(days=day)
        busy = 1.35 if midnight.weekday() >= 5 else 1.0
        moments: list[tuple[datetime, _User]] = []
        for user in users:
            if user.begins > day or user.ends < day or (user.begins != day and dice.random() > user.eager):
                continue
            moments += [(midnight + timedelta(hours=hour), user) for hour in _hours(user, busy, dice)]
        for moment, user in sorted(moments, key=lambda item: item[0]):
            if moment < now:
                yield _call(user, moment, min(len(RELEASES) - 1, day * len(RELEASES) // max(1, days)), dice)


def _users(days: int, dice: random.Random) -> Iterator[_User]:
    guilds = [snowflake() + number for number in range(GUILDS)]
    popular = [1 / (place + 1) for place in range(GUILDS)]
    number = 0
    for begins in range(-30, days + 1):
        growth = 1 + max(0, begins) / max(1, days) / 2
        for _ in range(int(dice.gauss(NEW_USERS_A_DAY * growth, 3))):
            number += 1
            stays = dice.expovariate(1 / STAY_DAYS) if dice.random() < 0.5 else dice.random() * 1.5
            yield _User(
                id=snowflake() + number,
                name=f"{dice.choice(NAMES)}{number}",
                locale=dice.choices(LOCALES, (40, 10, 18, 10, 8, 8, 6))[0],
                guild=dice.choices(guilds, popular)[0],
                begins=begins,
                ends=begins + stays,
                eager=min(0.95, dice.betavariate(2, 3)),
            )


def _hours(user: _User, busy: float, dice: random.Random) -> Iterator[float]:
    """The times of a user's calls on one day, in hours: a sitting or two, mostly in the evening."""
    left = 1 + int(dice.expovariate(1 / (CALLS_A_DAY * user.eager * busy)))
    while left:
        hour = (dice.gauss(19.5, 3.0) if dice.random() < 0.75 else dice.uniform(6, 23)) % 24
        sitting = min(left, 1 + int(dice.expovariate(1 / 4)))
        left -= sitting
        for _ in range(sitting):
            yield min(hour, 23.999)
            hour += dice.expovariate(1 / PAUSE_HOURS)


def _call(user: _User, moment: datetime, release: int, dice: random.Random) -> CommandCall:
    habit = dice.choices(HABITS, _WEIGHTS)[0]
    duration = habit.median_ms * math.exp(dice.gauss(0, habit.spread))
    fails = 0.05 if habit.command == "queue" and release == 1 else habit.fails
    outcome = dice.choices(("ok", "error", "rejected"), (1 - fails - habit.rejected, fails, habit.rejected))[0]
    ack: float | None = min(duration, duration * dice.uniform(0.3, 1.0))
    if habit.kind == "prefix":
        ack = None
    elif dice.random() < 0.0008:
        outcome, ack, duration = "expired", None, dice.uniform(3000, 6000)
    direct = habit.kind != "user_menu" and dice.random() < 0.12
    called_at = int(moment.timestamp() * 1_000_000)
    return CommandCall(
        discord_uid=user.id,
        player_name=user.name,
        command=habit.command,
        called_at=called_at,
        kind=habit.kind,
        outcome=outcome,
        error_type={"error": _error_type(habit, release), "rejected": "ladder_bot.guard.Refused"}.get(outcome),
        duration_ms=round(duration, 3),
        ack_ms=ack and round(ack, 3),
        gateway_delay_ms=round(dice.gauss(85, 20), 3),
        rate_limited_ms=0.0,
        interaction_id=snowflake() + dice.getrandbits(20),
        guild_id=None if direct else user.guild,
        channel_id=user.guild + 1,
        locale=None if habit.kind == "prefix" else user.locale,
        guild_locale=None if direct else "en-US",
        service_name="ladder-bot",
        service_version=RELEASES[release],
        environment=ENVIRONMENT,
        trace_id=f"{dice.getrandbits(128):032x}",
        span_id=dice.getrandbits(63),
        checkpoints=_checkpoints(habit, duration) if outcome == "ok" else None,
    )


def _error_type(habit: Habit, release: int) -> str:
    new = habit.command == "leaderboard" and release == len(RELEASES) - 1
    return "builtins.KeyError" if new else habit.error_type


def _checkpoints(habit: Habit, duration: float) -> str | None:
    at, steps = 0.0, []
    for name, share in habit.steps:
        at += duration * share
        steps.append({"name": name, "at_ms": round(at, 3), "step_ms": round(duration * share, 3)})
    return json.dumps(steps) if steps else None
