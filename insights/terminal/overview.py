"""What `slashspan stats` shows first."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from rich.text import Text

from slashspan.insights.reports import calls, checkpoints, commands, totals
from slashspan.insights.reports import outcomes as outcomes_report
from slashspan.insights.terminal.table import print_result
from slashspan.insights.terminal.values import formatted, shown, sparkline

if TYPE_CHECKING:
    from rich.console import Console

    from slashspan.insights.filters import Filters
    from slashspan.insights.readers.base import Reader
    from slashspan.insights.reports.failures import OutcomesRow
    from slashspan.insights.reports.latency import CheckpointsRow
    from slashspan.insights.reports.usage import CallsRow, CommandRow, TotalsRow
    from slashspan.insights.result import Result

COMMANDS_SHOWN: Final = 15
STEPS_SHOWN: Final = 5
_COMMANDS: Final = ("command", "kind", "calls", "users", "error_rate", "p50_ms", "p95_ms", "over_3s")
_STEPS: Final = ("command", "step", "calls", "p95_ms", "share", "slow")


@dataclass(frozen=True, slots=True)
class Overview:
    """Several reports of one moment."""

    totals: Result[TotalsRow]
    calls: Result[CallsRow]
    outcomes: Result[OutcomesRow]
    commands: Result[CommandRow]
    checkpoints: Result[CheckpointsRow]

    def to_dict(self) -> dict[str, Any]:
        """All of them for programs, by name."""
        found = (self.totals, self.calls, self.outcomes, self.commands, self.checkpoints)
        return {each.report: each.to_dict() for each in found}


async def overview(reader: Reader, filters: Filters) -> Overview:
    """Raises ReadError."""
    async with reader.snapshot():
        return Overview(
            await totals(reader, filters),
            await calls(reader, filters),
            await outcomes_report(reader, filters),
            await commands(reader, filters),
            await checkpoints(reader, filters),
        )


def print_overview(found: Overview, console: Console, *, limit: int = COMMANDS_SHOWN) -> None:
    """At most 80 columns."""
    total, filters = found.totals.rows[0], found.totals.filters
    if not total.calls:
        console.print(
            "No calls in this period. See older ones with --since 90d, or try `slashspan demo`.", markup=False
        )
        return
    console.print(
        f"{total.calls:,} calls by {total.users:,} users, {total.first:%Y-%m-%d %H:%M} to {total.last:%Y-%m-%d %H:%M} "
        f"{filters.zone}",
        markup=False,
    )
    line = Text()
    for label, value, unit in (
        ("errors", total.error_rate, "share"),
        ("p50", total.p50_ms, "ms"),
        ("p95", total.p95_ms, "ms"),
        ("answered after 3 s", total.over_3s, "count"),
        ("never", total.never, "count"),
    ):
        line.append(f"{label} ", style="dim").append_text(formatted(value, unit)).append("   ")  # type: ignore[arg-type]
    console.print(line)
    sums: Counter[float] = Counter()
    for row in found.calls.rows:
        sums[row.start.timestamp()] += row.calls
    console.print(
        Text("calls ", style="dim") + Text(sparkline([sums[start] for start in sorted(sums)][-70:]), style="cyan")
    )
    outcomes = ", ".join(f"{row.outcome or 'unknown'} {row.calls:,}" for row in found.outcomes.rows)
    console.print(shown(f"outcomes: {outcomes}"))
    console.print()
    print_result(found.commands.head(limit), console, only=_COMMANDS)
    if found.checkpoints.rows:
        console.print()
        print_result(found.checkpoints.head(STEPS_SHOWN), console, only=_STEPS)
