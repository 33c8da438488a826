"""What is out of date: the marks in PostgreSQL, and the hours and rows that they mean."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from slashspan.insights.filters import Filters
from slashspan.insights.sums import hours
from slashspan.insights.sums.snapshot import ROWS
from slashspan.sum_tables import HOUR

if TYPE_CHECKING:
    from collections.abc import Iterable

    from slashspan.insights.sums.catalog import Range
    from slashspan.insights.sums.postgres.connection import State, SumsConnection
    from slashspan.insights.sums.tally import Tally
    from slashspan.sum_tables import SumTables

ROWS_AT_ONCE: Final = 5_000
_HOURS_WITH_ROWS: Final = """
WITH RECURSIVE found(at) AS (
    (SELECT called_at FROM {table} WHERE called_at >= to_timestamp($1) AND called_at < to_timestamp($2)
      ORDER BY called_at LIMIT 1)
     UNION ALL
    SELECT (SELECT called_at FROM {table}
             WHERE called_at >= to_timestamp(
                       $3 + {hour} * (floor((extract(epoch FROM found.at)::float8 - $3) / {hour}) + 1))
               AND called_at < to_timestamp($2)
             ORDER BY called_at LIMIT 1)
      FROM found WHERE found.at IS NOT NULL
)
SELECT floor(extract(epoch FROM at))::bigint AS second FROM found WHERE at IS NOT NULL
 UNION ALL
SELECT start FROM {hours} WHERE start >= $1 AND start < $2
"""


async def write_mark(connection: Any, names: SumTables, since: int, until: int) -> None:
    """The time from `since` to before `until`, in seconds, is out of date."""
    sql = f"INSERT INTO {names.marks} VALUES (to_timestamp($1), to_timestamp($2) - interval '1 microsecond')"
    await connection.execute(sql, float(since), float(until))


async def read_marks(connection: Any, names: SumTables, *, take: bool = False) -> list[Range]:
    """In seconds, from the first to the last row; `take`: delete them, too."""
    columns = "greatest(extract(epoch FROM since), $1::float8), least(extract(epoch FROM until), $2::float8)"
    sql = f"DELETE FROM {names.marks} RETURNING {columns}" if take else f"SELECT {columns} FROM {names.marks}"
    return [
        (int(row[0] // 1), int(row[1] // 1) + 1)
        for row in await connection.fetch(sql, float(hours.FIRST), float(hours.END))
    ]


async def marked_hours(connection: Any, state: State, marks: Iterable[Range]) -> list[int]:
    """The hours of these marks that have rows or a document, newest first."""
    found: set[int] = set()
    wide: list[Range] = []
    for since, until in sorted(
        {(hours.floor(a, state.shift), hours.floor(b - 1, state.shift) + HOUR) for a, b in marks}
    ):
        if until - since <= 2 * HOUR:
            found.update(range(since, until, HOUR))
        elif wide and since <= wide[-1][1]:
            wide[-1] = (wide[-1][0], max(until, wide[-1][1]))
        else:
            wide.append((since, until))
    sql = _HOURS_WITH_ROWS.format(table=state.names.table.quoted, hours=state.names.hours, hour=HOUR)
    for since, until in wide:
        rows = await connection.fetch(sql, since, until, state.shift)
        found.update(hours.floor(row["second"], state.shift) for row in rows)
    return sorted(found, reverse=True)


async def tally_hours(connection: SumsConnection, tally: Tally, starts: Iterable[int]) -> None:
    """Add the rows of these hours."""
    for since, until in hours.runs(starts):
        sql, arguments = connection.select(ROWS, hours.within(Filters(), since, until), {"only": "true"}, {})
        cursor = await connection.asyncpg.cursor(sql, *arguments)
        while rows := await cursor.fetch(ROWS_AT_ONCE):
            tally.add(rows)
