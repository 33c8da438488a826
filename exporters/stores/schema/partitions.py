"""PostgreSQL: monthly range partitions on `called_at`, created ahead of time. Months are in UTC.

A new partition is created as a table and then attached: unlike CREATE TABLE … PARTITION OF, this does not block readers
and writers of other partitions. The default partition takes rows whose month has none, so no row is refused.
"""

from __future__ import annotations

import contextlib
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, Final

import asyncpg

from slashspan.exporters.stores.schema.postgres_state import TableState, read_state
from slashspan.sum_tables import SumTables, postgres_triggers

if TYPE_CHECKING:
    from slashspan.table import Table

MONTHS_AHEAD: Final = 3
LOCK_SECONDS: Final = 2
_LOCK: Final = 0x736C6175


def utc_now() -> datetime:
    """The clock that decides which partitions are due."""
    return datetime.now(timezone.utc)


async def try_partitions(connection: Any, table: Table, now: datetime, *, state: TableState | None = None) -> None:
    """`ensure_partitions`, if this role may create them. Otherwise the default partition takes the rows, and
    `slashspan migrate`, run by the owner, moves them."""
    with contextlib.suppress(asyncpg.PostgresError):
        await ensure_partitions(connection, table, now, state=state)


async def ensure_partitions(
    connection: Any, table: Table, now: datetime, *, move: bool = False, state: TableState | None = None
) -> list[str]:
    """Create partitions for this month and MONTHS_AHEAD more; the names of those created. Ignores unpartitioned tables.

    A month with rows in the default partition is skipped, unless `move`: then they are moved, while writers wait.
    Raises asyncpg's errors, LockNotAvailableError after LOCK_SECONDS.
    """
    state = state or await read_state(connection, table)
    if state is None or not state.partitioned:
        return []
    stray = await stray_months(connection, state) if move else []
    there = {leaf["name"] for leaf in state.partitions}
    made = []
    for month in sorted({*months_to_make(table, state, now), *stray}):
        name = table.part(f"{month:%Y_%m}")
        if name not in there:
            try:
                await _make(connection, table, state, month, move=month in stray)
            except asyncpg.CheckViolationError:
                continue  # the default partition has rows of that month
            except (asyncpg.DuplicateTableError, asyncpg.InvalidObjectDefinitionError):
                continue  # another process created it, or somebody created wider ones
            made.append(name)
    return made


def months_to_make(table: Table, state: TableState | None, now: datetime) -> list[datetime]:
    """This month and MONTHS_AHEAD more, without those that have a partition."""
    there = {leaf["name"] for leaf in state.partitions} if state else set()
    months = [_month(now, ahead) for ahead in range(MONTHS_AHEAD + 1)]
    return [month for month in months if table.part(f"{month:%Y_%m}") not in there]


async def stray_months(connection: Any, state: TableState) -> list[datetime]:
    """The months of the rows in the default partition."""
    for leaf in state.partitions:
        if leaf["bound"] == "DEFAULT":
            rows = await connection.fetch(
                "SELECT DISTINCT date_trunc('month', called_at AT TIME ZONE 'UTC') AS month "  # noqa: S608 - quoted
                f"FROM {leaf['quoted']} ORDER BY 1"
            )
            return [row["month"].replace(tzinfo=timezone.utc) for row in rows]
    return []


def _month(now: datetime, ahead: int) -> datetime:
    """The start of the month that is `count` months after `now`."""
    years, month = divmod(now.astimezone(timezone.utc).month - 1 + ahead, 12)
    return datetime(now.astimezone(timezone.utc).year + years, month + 1, 1, tzinfo=timezone.utc)


async def _make(connection: Any, table: Table, state: TableState, month: datetime, *, move: bool) -> None:
    new = table.beside(f"{month:%Y_%m}")
    since, until = month.isoformat(), _month(month, 1).isoformat()
    async with connection.transaction():
        await connection.execute(f"SET LOCAL lock_timeout = '{LOCK_SECONDS}s'")
        await connection.execute("SELECT pg_advisory_xact_lock($1)", _LOCK)
        await connection.execute(f"CREATE TABLE {new} (LIKE {table.quoted} INCLUDING ALL EXCLUDING IDENTITY)")
        if move:
            default = next(leaf["quoted"] for leaf in state.partitions if leaf["bound"] == "DEFAULT")
            await connection.execute(f"LOCK TABLE {default} IN ACCESS EXCLUSIVE MODE")
            await connection.execute(
                f"WITH moved AS (DELETE FROM {default} WHERE called_at >= '{since}' AND called_at < '{until}' "  # noqa: S608
                f"RETURNING *) INSERT INTO {new} SELECT * FROM moved"
            )
        sums = SumTables(table)
        if await connection.fetchval("SELECT to_regprocedure($1) IS NOT NULL", f"{sums.function}()"):
            for sql in postgres_triggers(sums, new):
                await connection.execute(sql)
        await connection.execute(
            f"ALTER TABLE {table.quoted} ATTACH PARTITION {new} FOR VALUES FROM ('{since}') TO ('{until}')"
        )
