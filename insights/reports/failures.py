"""What fails."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from slashspan.insights.reports.registry import report
from slashspan.insights.reports.shared import moment, ratio, wilson
from slashspan.insights.result import column

if TYPE_CHECKING:
    from datetime import datetime

    from slashspan.insights.filters import Filters
    from slashspan.insights.readers.base import Reader


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
    """error ÷ (ok + error) of each command, the surest failures (by the lower bound) first. A rejection (a check, a
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
    first: datetime | None = column("time", "first", "The first one in the period")
    last: datetime | None = column("time", "last", "The last one in the period")


@report("Exceptions", ErrorTypesRow)
async def error_types(reader: Reader, filters: Filters) -> list[ErrorTypesRow]:
    """Types of exceptions by command and outcome, errors before rejections and others, most frequent first."""
    rows = [
        ErrorTypesRow(
            error_type=row["type"],
            command=row["command"],
            kind=row["kind"],
            outcome=row["outcome"],
            calls=row["calls"],
            users=row["users"],
            first=moment(row["first_at"], filters),
            last=moment(row["last_at"], filters),
        )
        for row in await reader.query("error_types", filters)
    ]
    return sorted(
        rows, key=lambda row: (row.outcome != "error", -row.calls, row.error_type, row.command, row.kind, row.outcome)
    )
