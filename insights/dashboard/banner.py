"""The banner: what is wrong now, in words, or nothing."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from slashspan.insights.reports import acknowledgements, error_types, errors, pipeline
from slashspan.insights.wording import command_name, milliseconds, percent, plural

if TYPE_CHECKING:
    from slashspan.insights.filters import Filters
    from slashspan.insights.readers.base import Reader

RECENT: Final = timedelta(hours=1)
USUAL: Final = timedelta(days=7)
FEW_ERRORS: Final = 3
"""Fewer in an hour are no trend."""
LATE_SHARE: Final = 0.01


@dataclass(frozen=True, slots=True)
class Finding:
    text: str
    chart: str
    """Where to look."""


async def findings(reader: Reader, filters: Filters) -> list[Finding]:
    """What the last hour of the period has that the week before it had not. Raises ReadError."""
    end = filters.end
    hour = dataclasses.replace(filters, since=end - RECENT, until=end)
    week = dataclasses.replace(filters, since=end - USUAL, until=end - RECENT)
    return [*await _failing(reader, hour, week), *await _late_answers(reader, hour), *await _late_rows(reader, hour)]


async def _failing(reader: Reader, hour: Filters, week: Filters) -> list[Finding]:
    """Commands whose error rate is above the usual one with 95 % confidence."""
    failing = [row for row in (await errors(reader, hour)).rows if row.errors >= FEW_ERRORS]
    if not failing:
        return []
    usual = {(row.command, row.kind): row for row in (await errors(reader, week)).rows}
    types = (await error_types(reader, hour, novelty=False)).rows
    found = []
    for row in failing:
        before = usual.get((row.command, row.kind))
        if before is not None and (before.high or 0.0) >= (row.low or 0.0):
            continue
        often = f", usually {percent(before.error_rate)}" if before and before.error_rate is not None else ""
        type_ = next(
            (t.error_type for t in types if (t.command, t.kind, t.outcome) == (row.command, row.kind, "error")), ""
        )
        what = f": {type_.rpartition('.')[2]}" if type_ else ""
        text = f"{percent(row.error_rate)} of {command_name(row)} failed in the last hour{often}{what}"
        found.append(Finding(text, "error-types"))
    return found


async def _late_answers(reader: Reader, hour: Filters) -> list[Finding]:
    rows = (await acknowledgements(reader, hour)).rows
    late = round(sum((row.over_3s or 0.0) * row.calls for row in rows))
    if late < max(1, LATE_SHARE * sum(row.calls for row in rows)):
        return []
    return [
        Finding(f"{plural(late, 'answer')} came after 3 s in the last hour, too late for Discord", "acknowledgements")
    ]


async def _late_rows(reader: Reader, hour: Filters) -> list[Finding]:
    rows = [row for row in (await pipeline(reader, hour)).rows if row.late]
    if not rows:
        return []
    longest = max(row.longest_ms or 0.0 for row in rows)
    late = plural(sum(row.late for row in rows), "row")
    return [Finding(f"{late} of the last hour arrived up to {milliseconds(longest)} late", "pipeline")]
