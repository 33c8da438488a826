"""What fails."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from slashspan.insights.reports.registry import report
from slashspan.insights.reports.shared import moment, ratio, wilson
from slashspan.insights.result import column

if TYPE_CHECKING:
    from datetime import datetime

    from slashspan.insights.filters import Filters
    from slashspan.insights.readers.base import Reader, Row

LOOK_BACK: Final = timedelta(days=30)
"""Before the period. Without sums, the rows of these days are read, too."""


@dataclass(frozen=True, slots=True)
class ErrorsRow:
    command: str = column("name", "command", "Qualified name")
    kind: str = column("text", "kind", "Kind; empty: written by an old bot")
    ran: int = column("count", "ran", "Calls with the outcome `ok` or `error`")
    errors: int = column("count", "errors", "Calls with the outcome `error`")
    error_rate: float | None = column("share", "error rate", "errors ÷ ran")
    low: float | None = column("share", "at least", "Lower bound of the true error rate, with 95 % confidence (Wilson)")
    high: float | None = column("share", "at most", "Upper bound of the true error rate, with 95 % confidence (Wilson)")
    rejected: int = column("count", "rejected", "Calls with the outcome `rejected`, which are no failures")
    calls: int = column("count", "calls", "All calls, whatever their outcome")


@report("Error rate of each command", ErrorsRow)
async def errors(reader: Reader, filters: Filters) -> list[ErrorsRow]:
    """error ÷ (ok + error) of each command, the clearest failures first (by the lower bound). A rejection (a check, a
    cooldown, a missing permission, invalid input) is no failure and not in the denominator; neither is any other
    outcome."""
    rows = []
    for row in await reader.query("errors", filters):
        ran = row["ok"] + row["errors"]
        counts = (ran, row["errors"], ratio(row["errors"], ran), *wilson(row["errors"], ran))
        rows.append(ErrorsRow(row["command"], row["kind"], *counts, row["rejected"], row["calls"]))
    return sorted(rows, key=lambda row: (-(row.low or 0.0), -row.errors, -row.calls, row.command, row.kind))


@dataclass(frozen=True, slots=True)
class OutcomesRow:
    outcome: str = column("text", "outcome", "Outcome; empty: written by an old bot")
    calls: int = column("count", "calls", "All calls")
    share: float | None = column("share", "share", "Share of all calls")


@report("How calls ended", OutcomesRow)
async def outcomes(reader: Reader, filters: Filters) -> list[OutcomesRow]:
    """Calls by outcome, most frequent first: ok, error, rejected, not_found, unhandled, expired, cancelled,
    interrupted."""
    found = await reader.query("outcomes", filters)
    total = sum(row["calls"] for row in found)
    rows = [OutcomesRow(row["outcome"], row["calls"], ratio(row["calls"], total)) for row in found]
    return sorted(rows, key=lambda row: (-row.calls, row.outcome))


@dataclass(frozen=True, slots=True)
class ErrorTypesRow:
    error_type: str = column("name", "error", "Qualified name of the exception; empty: unknown")
    command: str = column("name", "command", "Qualified name")
    kind: str = column("text", "kind", "Kind")
    outcome: str = column("text", "outcome", "Outcome")
    calls: int = column("count", "calls", "Calls that ended with it")
    users: int = column("count", "users", "Different users")
    new_in: str | None = column("name", "new in", "The newest release, if this exception has occurred in no other one")
    first: datetime | None = column("time", "first", "The first one in the period")
    last: datetime | None = column("time", "last", "The last one in the period")


@report("Exceptions", ErrorTypesRow)
async def error_types(reader: Reader, filters: Filters, *, novelty: bool = True) -> list[ErrorTypesRow]:
    """Types of exceptions by command and outcome, errors before rejections and others, most frequent first. An
    exception is new in the newest release (the one whose first call is the latest) if no call of another release, or of
    none, has ended with it in this command, neither in the period nor in the 30 days before it. This is looked up among
    all guilds, users, shards and releases. If there was only one release in that time, nothing is new. Without
    `novelty` it is not looked up."""
    found = await reader.query("error_types", filters)
    newest, known = await _known_errors(reader, filters) if found and novelty else ("", set())
    rows = [
        ErrorTypesRow(
            error_type=row["type"],
            command=row["command"],
            kind=row["kind"],
            outcome=row["outcome"],
            calls=row["calls"],
            users=row["users"],
            new_in=newest if newest and _error(row) not in known else None,
            first=moment(row["first_at"], filters),
            last=moment(row["last_at"], filters),
        )
        for row in found
    ]
    return sorted(
        rows, key=lambda row: (row.outcome != "error", -row.calls, row.error_type, row.command, row.kind, row.outcome)
    )


_Error = tuple[str, str, str, str]


def _error(row: Row) -> _Error:
    return row["kind"], row["command"], row["outcome"], row["type"]


async def _known_errors(reader: Reader, filters: Filters) -> tuple[str, set[_Error]]:
    """The newest release, and the exceptions that have occurred without it; no release if there are not two."""
    since = filters.since and filters.since.astimezone(filters.tz) - LOOK_BACK  # the same time of the day
    longer = dataclasses.replace(filters, since=since, guilds=(), users=(), shards=(), releases=())
    starts = await reader.query("release_starts", longer)
    if len(starts) < 2:
        return "", set()
    newest = max(starts, key=lambda row: (row["first_at"], row["release"]))["release"]
    return newest, {_error(row) for row in await reader.query("error_releases", longer) if row["release"] != newest}
