"""A single report in a terminal: two have a form of their own, all others are tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from rich.table import Table
from rich.text import Text

from slashspan.insights.terminal.table import print_result
from slashspan.insights.terminal.values import NONE

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console

    from slashspan.insights.reports.usage import HoursRow
    from slashspan.insights.reports.users import RetentionRow
    from slashspan.insights.result import Result

WEEKS_SHOWN: Final = 10
"""Of a cohort, so that the triangle is at most 80 columns wide."""
_DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_SHADES: Final = "·░▒▓█"
_COLUMNS: Final = {
    "commands": ("command", "kind", "calls", "users", "error_rate", "p50_ms", "p95_ms", "over_3s"),
    "recent": ("at", "command", "outcome", "error_type", "duration_ms", "user_name"),
    "releases": ("release", "first", "calls", "error_rate", "error_verdict", "p95_ms", "p95_verdict"),
    "pipeline": ("start", "calls", "p50_ms", "p95_ms", "longest_ms", "late", "batch_rows", "waiting"),
    "error-types": ("error_type", "command", "outcome", "calls", "new_in", "last"),
}
"""What is shown of reports with many columns; --json and --csv have all."""


def print_report(result: Result[Any], console: Console, *, limit: int) -> None:
    """At most `limit` rows, or cohorts; of a report over time the latest."""
    form = _FORMS.get(result.report)
    if form is not None and result.rows:
        form(result, console, limit)
    else:
        in_time = result.columns[0].name in ("start", "day")
        shown = result.tail(limit) if in_time else result.head(limit)
        print_result(shown, console, only=_COLUMNS.get(result.report))


def _heat_map(result: Result[HoursRow], console: Console, _: int) -> None:
    """A line for each weekday, a place for each hour."""
    top = max((row.mean or 0.0 for row in result.rows), default=0.0)
    console.print(Text(f"{result.title} ({result.filters.zone}), mean per hour; the darkest is {top:,.1f}", "bold"))
    console.print(Text("    " + " ".join(f"{hour:02}" for hour in range(24)), "dim"))
    for weekday, name in enumerate(_DAYS):
        means = [row.mean or 0.0 for row in result.rows if row.weekday == weekday]
        line = " ".join(_shade(mean, top) * 2 for mean in means)
        console.print(Text(f"{name} ", "dim").append(line, "cyan"))


def _shade(value: float, top: float) -> str:
    """The lightest is for nothing at all."""
    steps = len(_SHADES) - 1
    return _SHADES[min(steps, 1 + int(value / top * steps))] if value and top else _SHADES[0]


def _triangle(result: Result[RetentionRow], console: Console, limit: int) -> None:
    """A line for each cohort, a column for each week."""
    cohorts: dict[Any, list[RetentionRow]] = {}
    for row in result.rows:
        cohorts.setdefault(row.cohort, []).append(row)
    weeks = min(WEEKS_SHOWN, max(map(len, cohorts.values())))
    table = Table(title=f"{result.title}: share of a week's new users who are active n weeks later", box=None)
    table.title_justify, table.title_style, table.pad_edge = "left", "bold", False
    table.add_column("week of")
    table.add_column("new users", justify="right")
    for week in range(weeks):
        table.add_column(str(week), justify="right")
    for cohort, rows in list(cohorts.items())[-limit:]:
        shares = [NONE if row.share is None else f"{row.share:.0%}" for row in rows[:weeks]]
        table.add_row(f"{cohort}", f"{rows[0].size:,}", *shares)
    console.print(table)
    console.print(Text(f"{NONE}: the week is not over, or nobody was new", "dim"))


_FORMS: Final[dict[str, Callable[[Result[Any], Console, int], None]]] = {"hours": _heat_map, "retention": _triangle}
