"""What `slashspan stats` shows first."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from rich.text import Text

from slashspan.insights.reports import calls, checkpoints, commands, outcomes, totals
from slashspan.insights.terminal.table import print_result
from slashspan.insights.terminal.values import formatted, shown, sparkline
from slashspan.insights.zones import DAY_SECONDS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from slashspan.insights.filters import Filters
    from slashspan.insights.readers.base import Reader
    from slashspan.insights.reports.failures import OutcomesRow
    from slashspan.insights.reports.latency import CheckpointsRow
    from slashspan.insights.reports.usage import CallsRow, CommandRow, TotalsRow
    from slashspan.insights.result import Result, Unit

COMMANDS_SHOWN: Final = 15
STEPS_SHOWN: Final = 5
STEPS_UP_TO: Final = 20_000
"""Calls of which the checkpoints are read for an overview: each is JSON, and 20,000 take about 0.1 s."""
_SPARKS: Final = 64
_COMMANDS: Final = ("command", "kind", "calls", "users", "error_rate", "p50_ms", "p95_ms", "over_3s")
_STEPS: Final = ("command", "step", "calls", "p95_ms", "share", "slow")


@dataclass(frozen=True, slots=True)
class Overview:
    """Several reports of one moment."""

    totals: Result[TotalsRow]
    calls: Result[CallsRow]
    outcomes: Result[OutcomesRow]
    commands: Result[CommandRow]
    checkpoints: Result[CheckpointsRow] | None
    """None if there are too many calls to read them for an overview."""
    before: int | None
    """Calls in the period before, if this one has a beginning."""
    last: datetime | None = None
    """The last call of all times, if there is none in the period."""

    def to_dict(self) -> dict[str, Any]:
        """All reports for programs, by name."""
        found = (self.totals, self.calls, self.outcomes, self.commands, self.checkpoints)
        return {each.report: each.to_dict() for each in found if each is not None}


async def overview(reader: Reader, filters: Filters) -> Overview:
    """Raises ReadError."""
    previous = filters.previous()
    async with reader.snapshot():
        total = await totals(reader, filters)
        found = Overview(
            total,
            await calls(reader, filters),
            await outcomes(reader, filters),
            await commands(reader, filters),
            await checkpoints(reader, filters) if total.rows[0].calls <= STEPS_UP_TO else None,
            None if previous is None else sum(row.calls for row in (await outcomes(reader, previous)).rows),
        )
        if not found.totals.rows[0].calls:
            used = [row.last for row in found.commands.rows if row.last]
            found = replace(found, last=max(used, key=datetime.timestamp, default=None))
    return found


def print_overview(found: Overview, console: Console, *, limit: int = COMMANDS_SHOWN) -> None:
    """At most 80 columns."""
    (total,) = found.totals.rows
    if not total.calls:
        _print_nothing(found, console)
        return
    zone = found.totals.filters.zone
    first, last = (f"{edge:%Y-%m-%d %H:%M}" if edge else "?" for edge in (total.first, total.last))
    console.print(f"{total.calls:,} calls by {total.users:,} users, {first} to {last} {zone}", markup=False)
    if found.before:
        change = total.calls / found.before - 1
        arrow = "▲" if change >= 0 else "▼"
        console.print(f"{arrow} {abs(change):.0%} against the period before, which had {found.before:,}", markup=False)
    outcomes = ", ".join(f"{row.outcome or 'unknown'} {row.calls:,}" for row in found.outcomes.rows)
    console.print(shown(f"outcomes: {outcomes}"))
    facts: list[tuple[str, float | None, Unit]] = [
        ("error rate", total.error_rate, "share"),
        ("p50", total.p50_ms, "ms"),
        ("p95", total.p95_ms, "ms"),
        ("answered after 3 s", total.over_3s, "count"),
        ("never", total.never, "count"),
    ]
    console.print(_facts(facts))
    console.print(_sparkline(found.calls))
    console.print()
    print_result(found.commands.head(limit), console, only=_COMMANDS)
    if found.checkpoints is None:
        console.print("Slow steps: slashspan stats checkpoints", style="dim")
    elif found.checkpoints.rows:
        console.print()
        print_result(found.checkpoints.head(STEPS_SHOWN), console, only=_STEPS)


def _facts(facts: Sequence[tuple[str, float | None, Unit]]) -> Text:
    found = [Text(f"{label} ", "dim").append_text(formatted(value, unit)) for label, value, unit in facts]
    return Text("   ").join(found)


def _sparkline(found: Result[CallsRow]) -> Text:
    """Calls of each hour or day; the first and the last may not be whole ones."""
    sums: Counter[float] = Counter()
    for row in found.rows:
        sums[row.start.timestamp()] += row.calls
    starts = sorted(sums)
    hourly = len(starts) > 1 and starts[1] - starts[0] < DAY_SECONDS / 2
    values = [sums[start] for start in starts][-_SPARKS:]
    return Text(f"calls per {'hour' if hourly else 'day'} ", "dim").append(sparkline(values), "cyan")


def _print_nothing(found: Overview, console: Console) -> None:
    if found.last is None:
        console.print("No calls are recorded yet. Use `slashspan run`, or try `slashspan demo`.", markup=False)
        return
    console.print(
        f"No calls in this period. The last one before it was on {found.last:%Y-%m-%d at %H:%M} "
        f"{found.totals.filters.zone}: see it with --since {found.last:%Y-%m-%d}.",
        markup=False,
    )
