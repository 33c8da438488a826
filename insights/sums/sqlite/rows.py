"""The rows of a SQLite table that are to be summed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from slashspan.insights.filters import ALL_KINDS, Filters
from slashspan.insights.query import statement
from slashspan.insights.readers.sqlite import SqliteDialect
from slashspan.insights.sums import hours
from slashspan.insights.sums.snapshot import ROWS, rows_between

if TYPE_CHECKING:
    from collections.abc import Iterator

    from slashspan.insights.sums.sqlite.file import SumsFile


def new_rows(file: SumsFile, low: int, high: int) -> Iterator[Any]:
    """Those with ids above `low`, up to `high`."""
    return _rows(file, "row_id > :low AND row_id <= :high", Filters(kinds=ALL_KINDS), low=low, high=high)


def rows_of_hours(file: SumsFile, since: int, until: int, top: int, *, strange: bool) -> Iterator[Any]:
    """Those of some hours, up to the id `top`.

    If all times are in our form, the index finds them; otherwise (`strange`) those of the days around are read.
    """
    if strange:
        return _rows(file, "row_id <= :high", hours.within(Filters(), since, until), high=top)
    return _rows(
        file,
        f"{rows_between(file.table)} AND row_id <= :high",
        Filters(kinds=ALL_KINDS),
        high=top,
        first=hours.as_datetime(since),
        end=hours.as_datetime(until),
    )


def _rows(file: SumsFile, only: str, filters: Filters, **values: Any) -> Iterator[Any]:
    dialect = SqliteDialect(file.connection, file.table)
    sql, _, bound = statement(dialect, ROWS, filters, {"only": only}, values)
    return file.connection.execute(sql, bound)


def highest_id(file: SumsFile, low: int, limit: int) -> int:
    """The id of the last of `limit` rows above `low`; `low` if there are none."""
    sql = f"SELECT max(id) FROM (SELECT id FROM {file.table.quoted} WHERE id > ? ORDER BY id LIMIT {limit})"
    (top,) = file.one(sql, low)
    return low if top is None else int(top)


def count(file: SumsFile, low: int, high: int) -> int:
    """The number of rows with ids above `low`, up to `high`."""
    sql = f"SELECT count(*) FROM {file.table.quoted} WHERE id > ? AND id <= ?"
    return int(file.one(sql, low, high)[0])


def has_strange_times(file: SumsFile, low: int, high: int) -> bool:
    """Whether a row of these has a `called_at` that is not in our form, so that times do not sort as text."""
    sql = (
        f"SELECT EXISTS (SELECT 1 FROM {file.table.quoted} WHERE id > ? AND id <= ? AND NOT coalesce("
        "length(called_at) = 27 AND substr(called_at, 11, 1) = 'T' AND substr(called_at, 27) = 'Z', 0))"
    )
    return bool(file.one(sql, low, high)[0])
