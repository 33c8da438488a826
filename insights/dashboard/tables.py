"""Tables on the page: what is found and sorted in them, and what is left out."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from slashspan.insights.result import Column, Result

ROWS: Final = 200
"""More are in the CSV file."""
FIND_FROM: Final = 10
"""Rows without which nobody needs to search."""
NUMBERS: Final = ("count", "ms", "share", "ratio")
_WORDS: Final = ("name", "text", "id")


@dataclasses.dataclass(frozen=True, slots=True)
class Table:
    """What is shown of a result."""

    shown: Result[Any]
    unused: Result[Any] | None
    """Commands without a call, apart from the others; None if there are none."""
    findable: bool
    """Whether there are so many rows that one wants to search them."""


def table_of(result: Result[Any], asked: Mapping[str, str]) -> Table:
    """`asked` may have `find`, a part of a name; `sort`, the name of a column; and `down`."""
    unused: tuple[Any, ...] = ()
    if result.report == "commands":
        unused = tuple(row for row in result.rows if not row.calls)
        result = dataclasses.replace(result, rows=tuple(row for row in result.rows if row.calls))
    findable = len(result.rows) > FIND_FROM
    rows = _sorted(_found(result, asked.get("find", "")), asked.get("sort", ""), down=asked.get("down") == "true")
    return Table(
        rows.head(ROWS),
        dataclasses.replace(result, rows=unused).head(ROWS) if unused else None,
        findable,
    )


def _found(result: Result[Any], text: str) -> Result[Any]:
    wanted = text.strip().casefold()
    if not wanted:
        return result
    names = [column.name for column in result.columns if column.unit in _WORDS]
    return dataclasses.replace(
        result,
        rows=tuple(row for row in result.rows if any(wanted in str(getattr(row, name)).casefold() for name in names)),
    )


def _sorted(result: Result[Any], column: str, *, down: bool) -> Result[Any]:
    """What is not known comes last, whichever way."""
    if column not in [each.name for each in result.columns]:
        return result
    known = [row for row in result.rows if getattr(row, column) is not None]
    unknown = [row for row in result.rows if getattr(row, column) is None]
    known.sort(key=lambda row: _key(getattr(row, column)), reverse=down)
    return dataclasses.replace(result, rows=(*known, *unknown))


def _key(value: Any) -> Any:
    return value.casefold() if isinstance(value, str) else value


def sortable(value: Any, column: Column) -> str:
    """A value as a script sorts it; empty if it is not known."""
    if value is None:
        return ""
    return value.isoformat() if column.unit in ("time", "date") else str(value)
