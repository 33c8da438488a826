"""Any result as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from rich.table import Table
from rich.text import Text

from slashspan.insights.terminal.values import bar, formatted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from slashspan.insights.result import Column, Result

BAR_WIDTH: Final = 14
_LEFT: Final = ("name", "text", "time", "date")
_MEASURES: Final = ("calls", "users", "share", "dau", "mean", "stickiness", "p95_ms", "active", "new")
_NAME_WIDTH: Final = 22
"""At least so wide are names that do not fit; they are continued in the next line."""
_GAP: Final = 2
"""Between two columns."""


def print_result(result: Result[Any], console: Console, *, only: Sequence[str] | None = None) -> None:
    """A table with the columns in `only`, or as many as fit the width of the console."""
    if not result.rows:
        console.print(f"{result.title}: nothing in this period.", markup=False)
        return
    console.print(table_of(result, width=console.width, only=only))
    if result.left_out:
        console.print(f"… and {result.left_out:,} more", markup=False)


def table_of(result: Result[Any], *, width: int = 80, only: Sequence[str] | None = None) -> Table:
    """The first number gets bars, if there is room for them."""
    columns = [each for each in result.columns if only is None or each.name in only]
    cells = {each.name: [formatted(getattr(row, each.name), each.unit) for row in result.rows] for each in columns}
    widths, room = _widths(columns, cells, width)
    columns = [each for each in columns if each.name in widths]
    measure = _measure(columns) if room >= BAR_WIDTH + _GAP else None
    table = Table(
        title=result.title,
        title_justify="left",
        title_style="bold",
        expand=False,
        box=None,
        pad_edge=False,
        padding=(0, 1),
    )
    for each in columns:
        left = each.unit in _LEFT
        table.add_column(
            each.label, justify="left" if left else "right", overflow="fold", no_wrap=not left, width=widths[each.name]
        )
        if each is measure:
            table.add_column("")
    top = max((getattr(row, measure.name) or 0 for row in result.rows), default=0) if measure else 0
    for number, row in enumerate(result.rows):
        line: list[Text] = []
        for each in columns:
            line.append(cells[each.name][number])
            if each is measure:
                line.append(Text(bar(getattr(row, each.name) or 0, top, BAR_WIDTH), style="cyan"))
        table.add_row(*line)
    return table


def _measure(columns: Sequence[Column]) -> Column | None:
    """The column whose values are shown as bars."""
    numbers = [each for each in columns if each.unit in ("count", "ms", "share", "ratio")]
    preferred = [each for each in numbers if each.name in _MEASURES]
    return next(iter(preferred or numbers), None)


def _widths(columns: Sequence[Column], cells: dict[str, list[Text]], width: int) -> tuple[dict[str, int], int]:
    """The widths of the columns that fit, from the first on, and the room that is left. Names get what others leave."""
    chosen: dict[str, int] = {}
    wanted = {each.name: max(len(each.label), *(cell.cell_len for cell in cells[each.name])) for each in columns}
    left = width + _GAP
    for each in columns:
        needed = min(wanted[each.name], _NAME_WIDTH) if each.unit == "name" else wanted[each.name]
        if needed + _GAP <= left:
            chosen[each.name] = needed
            left -= needed + _GAP
    for each in columns:
        if each.unit == "name" and each.name in chosen:
            more = min(left, wanted[each.name] - chosen[each.name])
            chosen[each.name] += more
            left -= more
    return chosen, left
