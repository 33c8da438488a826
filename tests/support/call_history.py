"""A generated history of calls, as rows for a store and as plain objects to count by hand."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, Final

from slashspan.exporters.rows.command_call import CommandCall
from slashspan.semconv import Kind, Outcome
from tests.support.stored_rows import write_rows
from tests.support.tables import execute

if TYPE_CHECKING:
    from collections.abc import Sequence

EPOCH: Final = datetime(1970, 1, 1, tzinfo=timezone.utc)
COMMANDS: Final = ("play", "setup", "admin ban", "leaderboard", "it's; --", "")
BOTS: Final = ((1395121340893008024, "ladder-bot"), (1395121340893008025, "other-bot"))
EDGES: Final = (
    "2025-02-28T23:59:59.999+00:00",  # month's end
    "2025-03-01T00:00:00+00:00",
    "2025-03-09T06:59:59.999+00:00",  # New York's clocks go forward
    "2025-03-09T07:00:00+00:00",
    "2025-03-29T23:00:00+00:00",  # Berlin's day of 23 hours
    "2025-03-30T00:59:59.999+00:00",
    "2025-03-30T01:00:00+00:00",
    "2025-03-30T22:00:00+00:00",
    "2025-04-24T22:00:00+00:00",  # Cairo's day begins at 01:00
    "2025-04-24T21:59:59.999+00:00",
    "2025-10-26T00:30:00+00:00",  # 02:30 in Berlin, twice
    "2025-10-26T01:30:00+00:00",
    "2025-10-26T22:59:59.999+00:00",
    "2025-10-26T23:00:00+00:00",
)
"""Moments at which days, months and offsets change."""

STARTS: Final = (datetime(2025, 2, 20, tzinfo=timezone.utc), datetime(2025, 10, 18, tzinfo=timezone.utc))


@dataclass(slots=True)
class Call:
    """One row as the reports should see it: None and '' as they define them."""

    id: int
    at: datetime
    user: int | None
    name: str
    command: str
    kind: str = ""
    outcome: str = ""
    error_type: str | None = None
    duration: float | None = None
    ack: float | None = None
    delay: float | None = None
    guild: int | None = None
    shard: int | None = None
    locale: str | None = None
    guild_locale: str | None = None
    release: str = ""
    environment: str = ""
    service: str | None = None
    application: int | None = None
    trace: str | None = None
    steps: list[tuple[str, float, float]] = field(default_factory=list)
    lag: float | None = None
    """Milliseconds from the call to its insertion."""


def generated(count: int, seed: int) -> list[Call]:
    """Calls from February to May, and from October on, so that users come back. Every tenth is an old bot's."""
    dice = random.Random(seed)
    found: list[Call] = []
    for number in range(1, count + 1):
        user = dice.choice([*range(1, 25), 80351110224678912, 0])
        if number <= len(EDGES):
            at = datetime.fromisoformat(EDGES[number - 1])
        elif dice.random() < 0.5:  # the same user goes on, in a moment, after just half an hour, or at once
            user, at = found[-1].user or 0, found[-1].at
            seconds = dice.choice([0, 1, 60, 300, 1800, 1800.001, 2400])
            at += timedelta(seconds=seconds)
        else:
            start = dice.choices(STARTS, [3, 1])[0]
            days = dice.choice([2, 40, 80])
            at = start + timedelta(milliseconds=dice.randrange(days * 86_400_000))
        call = Call(number, at, user or None, f"player {user}", dice.choice(COMMANDS))
        if number % 10:
            _record(call, dice)
        found.append(call)
    return found


def _record(call: Call, dice: random.Random) -> None:
    call.kind = dice.choices(Kind.ALL, [8, 1, 1, 4, 2, 1, 1])[0]
    call.outcome = dice.choices(Outcome.ALL, [70, 10, 8, 3, 2, 3, 2, 2])[0]
    call.error_type = "KeyError" if call.outcome == "error" else dice.choice([None, None, None, "CheckFailure"])
    call.duration = dice.choice([None, *(round(dice.lognormvariate(4, 1.5), 3) for _ in range(8))])
    call.ack = dice.choice([None, *(round(dice.lognormvariate(5, 2), 3) for _ in range(6))])
    call.delay = dice.choice([None, *(round(dice.gauss(60, 60), 3) for _ in range(6))])
    call.guild = dice.choice([None, 10, 20, 197038439483310086])
    call.shard = dice.choice([None, 0, 1])
    call.locale = dice.choice([None, "de", "en-US"])
    call.guild_locale = dice.choice([None, "fr", "en-US"])
    call.release = dice.choice(["", "1.0", "1.1", "2.0"])
    if call.outcome == "error" and call.id % 2:  # each release has an exception of its own
        call.error_type = {"1.0": "FirstError", "1.1": "SecondError", "2.0": "ThirdError"}.get(call.release, "KeyError")
    call.environment = dice.choice(["", "production", "staging"])
    call.application, call.service = dice.choice(BOTS)
    call.trace = f"{dice.getrandbits(128):032x}"
    reached = 0.0
    for name in ("found", "loaded", "found")[: dice.randrange(4)]:
        step = round(dice.lognormvariate(3, 1.5), 3)
        reached = round(reached + step, 3)
        call.steps.append((name, reached, step))
    call.lag = call.id % 7 * 20_000.0


def store_calls(dsn: str, calls: Sequence[Call]) -> None:
    """Into a new table: by the store what a bot records, by an INSERT of the first columns what an old bot does."""
    write_rows(dsn, [row_of(call) for call in calls if call.kind])
    sqlite = dsn.startswith("sqlite")
    plus = (
        "strftime('%Y-%m-%dT%H:%M:%f000Z', called_at, ({0}) || ' seconds')"
        if sqlite
        else "called_at + ({0}) * interval '1 second'"
    )
    lag = "(span_id % 7) * 20"
    old = [
        "INSERT INTO command_calls (discord_uid, player_name, command, called_at) VALUES "
        f"({call.user or 0}, '{call.name}', '{_quoted(call.command)}', '{_old_form(call, sqlite)}')"
        for call in calls
        if not call.kind
    ]
    execute(
        dsn,
        f"UPDATE command_calls SET inserted_at = {plus.format(lag)}",
        *old,
        "UPDATE command_calls SET inserted_at = NULL WHERE kind IS NULL",
    )


def _quoted(text: str) -> str:
    return text.replace("'", "''")


def _old_form(call: Call, sqlite: bool) -> str:
    """As an old bot's SQLite adapter writes it, in turn without and with an offset."""
    if not sqlite:
        return call.at.isoformat()
    shifted = call.at.astimezone(timezone(timedelta(hours=call.id % 5)))
    return str(call.at.replace(tzinfo=None)) if call.id % 20 else str(shifted)


def row_of(call: Call) -> CommandCall:
    """What a bot records of it."""
    steps = [{"name": name, "at_ms": reached, "step_ms": step} for name, reached, step in call.steps]
    more: dict[str, Any] = {"checkpoints": json.dumps(steps)} if steps else {}
    return CommandCall(
        called_at=(call.at - EPOCH) // timedelta(microseconds=1),
        span_id=call.id,
        trace_id=call.trace or "",
        discord_uid=call.user or 0,
        player_name=call.name,
        command=call.command,
        kind=call.kind,
        outcome=call.outcome,
        error_type=call.error_type,
        duration_ms=call.duration,
        ack_ms=call.ack,
        gateway_delay_ms=call.delay,
        guild_id=call.guild,
        shard_id=call.shard,
        locale=call.locale,
        guild_locale=call.guild_locale,
        service_name=call.service,
        service_version=call.release or None,
        environment=call.environment or None,
        application_id=call.application,
        **more,
    )
