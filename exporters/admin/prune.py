"""Deletes rows: those before a given time, or those of a user. In small batches, so that a bot can write in between.

In PostgreSQL the partition of a month that is old as a whole is dropped, which is immediate and leaves no dead rows.
ClickHouse has a file of its own.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from slashspan.exporters.admin import clickhouse_rows
from slashspan.exporters.admin.connections import parse_target, postgres_connection, run_to_end, sqlite_connection
from slashspan.exporters.stores.errors import SchemaMismatch, StoreUnavailable
from slashspan.exporters.stores.schema.plan import MIGRATE
from slashspan.exporters.stores.schema.sqlite_upgrade import read_state as read_sqlite
from slashspan.exporters.stores.schema.sqlite_upgrade import transaction
from slashspan.sqlite_time import CALLED_AT_AS_ISO, SQLITE_UNTIL_DAY

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Collection, Iterator
    from datetime import datetime

    from slashspan.dsn import Dsn
    from slashspan.table import Table

_BEFORE: Final = f"{SQLITE_UNTIL_DAY} AND {CALLED_AT_AS_ISO} < :until"
BATCH: Final = 2000
"""Rows in one transaction."""
LOCK_SECONDS: Final = 2
_NO_TABLE: Final = "there is no table {table} with the columns called_at and discord_uid; check SLASHSPAN_TABLE"
BUSY_SECONDS: Final = 30.0


@dataclass(frozen=True, slots=True)
class PruneEstimate:
    """What `prune` would delete."""

    rows: int
    partitions: tuple[str, ...] = ()
    """Partitions that are dropped as a whole."""


def count_old(dsn: Dsn | str, table: str, before: datetime) -> PruneEstimate:
    """What was called before this (aware) time. Changes nothing. Raises StoreError, ConfigurationError."""
    target, named = parse_target(dsn, table)
    if target.is_clickhouse:
        with clickhouse_rows.opened(target, named) as stored:
            return PruneEstimate(stored.count_old(before), tuple(map(str, stored.old_partitions(before))))
    if target.is_sqlite:
        with sqlite_connection(target, seconds=BUSY_SECONDS) as connection:
            check_sqlite(connection, named)
            sql = f"SELECT count(*) FROM {named.quoted} WHERE {_BEFORE}"  # noqa: S608 - quoted
            return PruneEstimate(connection.execute(sql, {"until": _text(before)}).fetchone()[0])

    async def work() -> PruneEstimate:
        async with postgres_connection(target) as connection:
            whole, _ = await _leaves(connection, named, before)
            sql = f"SELECT count(*) FROM {named.quoted} WHERE called_at < $1"  # noqa: S608 - quoted
            return PruneEstimate(await connection.fetchval(sql, before), tuple(whole))

    return run_to_end(work())


def prune(dsn: Dsn | str, table: str, before: datetime, *, done: Callable[[int], None] = lambda _: None) -> int:
    """Delete these rows; returns their number. `done` gets the number of each batch. Can be interrupted and run again.

    Raises StoreError, ConfigurationError.
    """
    target, named = parse_target(dsn, table)
    if target.is_clickhouse:
        with clickhouse_rows.opened(target, named) as stored:
            return _sum_with_progress(_pruned_clickhouse(stored, before), done)
    if target.is_sqlite:
        where = f"SELECT rowid FROM {named.quoted} WHERE {_BEFORE} LIMIT {BATCH}"  # noqa: S608 - quoted
        with sqlite_connection(target, seconds=BUSY_SECONDS) as connection:
            check_sqlite(connection, named)
            sql = f"DELETE FROM {named.quoted} WHERE rowid IN ({where})"  # noqa: S608 - quoted
            return _sum_with_progress(_sqlite_batches(connection, sql, {"until": _text(before)}), done)

    async def work() -> int:
        async with postgres_connection(target) as connection:
            return await _sum_with_progress_async(_pruned(connection, named, before), done)

    return run_to_end(work())


def count_user(dsn: Dsn | str, table: str, user_ids: Collection[int]) -> int:
    """The number of rows of these users. Changes nothing. Raises StoreError, ConfigurationError."""
    target, named = parse_target(dsn, table)
    ids = [int(user) for user in user_ids]
    if target.is_clickhouse:
        with clickhouse_rows.opened(target, named) as stored:
            return stored.count_users(ids)
    if target.is_sqlite:
        with sqlite_connection(target, seconds=BUSY_SECONDS) as connection:
            check_sqlite(connection, named)
            sql = f"SELECT count(*) FROM {named.quoted} WHERE discord_uid IN ({', '.join('?' * len(ids))})"  # noqa: S608
            return int(connection.execute(sql, ids).fetchone()[0])

    async def work() -> int:
        async with postgres_connection(target) as connection:
            await check_postgres(connection, named)
            sql = f"SELECT count(*) FROM {named.quoted} WHERE discord_uid = ANY ($1)"  # noqa: S608 - quoted
            return int(await connection.fetchval(sql, ids))

    return run_to_end(work())


def forget_user(
    dsn: Dsn | str, table: str, user_ids: Collection[int], *, done: Callable[[int], None] = lambda _: None
) -> int:
    """Erase every row of these users (such as a user and the pseudonym); returns their number.

    The table is read once and rows are deleted in small batches. Rows written in the meantime may remain: stop
    recording the user, or call it again. Raises StoreError, ConfigurationError.
    """
    target, named = parse_target(dsn, table)
    ids = [int(user) for user in user_ids]
    if target.is_clickhouse:
        with clickhouse_rows.opened(target, named) as stored:
            return _sum_with_progress(iter([stored.delete_users(ids)]), done)
    if target.is_sqlite:
        with sqlite_connection(target, seconds=BUSY_SECONDS) as connection:
            check_sqlite(connection, named)
            return _sum_with_progress(_forgotten_sqlite(connection, named, ids), done)

    async def work() -> int:
        async with postgres_connection(target) as connection:
            return await _sum_with_progress_async(_forgotten(connection, named, ids), done)

    return run_to_end(work())


def _sum_with_progress(pieces: Iterator[int], done: Callable[[int], None]) -> int:
    total = 0
    for piece in pieces:
        total += piece
        done(piece)
    return total


async def _sum_with_progress_async(pieces: AsyncIterator[int], done: Callable[[int], None]) -> int:
    total = 0
    async for piece in pieces:
        total += piece
        done(piece)
    return total


def _pruned_clickhouse(stored: clickhouse_rows.Stored, before: datetime) -> Iterator[int]:
    for partition in stored.old_partitions(before):
        yield stored.drop(partition)
    yield stored.delete_old(before)


# SQLite


def check_sqlite(connection: Any, table: Table) -> None:
    """Raise SchemaMismatch if there is no such table of ours."""
    state = read_sqlite(connection, table)
    if state is None or not {"called_at", "discord_uid"} <= set(state.columns):
        raise SchemaMismatch(_NO_TABLE.format(table=table))


def _text(moment: datetime) -> str:
    from slashspan.exporters.rows.timestamps import EPOCH, as_text

    since = moment - EPOCH
    return as_text((since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds)


def _sqlite_batches(connection: Any, sql: str, values: dict[str, Any]) -> Iterator[int]:
    while True:
        with transaction(connection):
            count: int = connection.execute(sql, values).rowcount
        if count:
            yield count
        if count < BATCH:
            return


def _forgotten_sqlite(connection: Any, table: Table, ids: list[int]) -> Iterator[int]:
    for user in ids:
        sql = f"SELECT rowid FROM {table.quoted} WHERE discord_uid = ?"  # noqa: S608 - quoted
        rows = [row[0] for row in connection.execute(sql, (user,))]
        for start in range(0, len(rows), BATCH):
            chunk = [(row, user) for row in rows[start : start + BATCH]]
            with transaction(connection):
                gone = connection.executemany(
                    f"DELETE FROM {table.quoted} WHERE rowid = ? AND discord_uid = ?",  # noqa: S608 - quoted
                    chunk,
                )
            yield gone.rowcount


# PostgreSQL

_BRANCHES: Final = """
SELECT format('%I.%I', n.nspname, p.relname) AS quoted,
       substring(pg_get_expr(p.relpartbound, p.oid) FROM $q$ TO \\('([^']+)'\\)$q$)::timestamptz <= $2 AS whole
  FROM pg_inherits h JOIN pg_class p ON p.oid = h.inhrelid JOIN pg_namespace n ON n.oid = p.relnamespace
 WHERE h.inhparent = to_regclass($1)
 ORDER BY p.relname
"""


async def _leaves(connection: Any, table: Table, before: datetime | None) -> tuple[list[str], list[str]]:
    """Partitions that are old as a whole, and the other tables with rows. Raises SchemaMismatch."""
    columns = await connection.fetch(
        "SELECT attname, atttypid = 'timestamptz'::regtype AS aware "
        "FROM pg_attribute WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped",
        table.quoted,
    )
    aware = {column["attname"]: column["aware"] for column in columns}
    if not {"called_at", "discord_uid"} <= set(aware):
        raise SchemaMismatch(_NO_TABLE.format(table=table))
    if before is not None and not aware["called_at"]:
        raise SchemaMismatch(f"called_at of {table} has no time zone yet: {MIGRATE} first")
    branches = await connection.fetch(_BRANCHES, table.quoted, before)
    whole = [branch["quoted"] for branch in branches if branch["whole"]]
    return whole, [branch["quoted"] for branch in branches if not branch["whole"]] or ([] if whole else [table.quoted])


async def check_postgres(connection: Any, table: Table) -> None:
    """Raise SchemaMismatch if there is no such table of ours."""
    await _leaves(connection, table, None)


async def _pruned(connection: Any, table: Table, before: datetime) -> AsyncIterator[int]:
    whole, others = await _leaves(connection, table, before)
    for leaf in whole:
        count = await connection.fetchval(f"SELECT count(*) FROM {leaf}")  # noqa: S608 - quoted by PostgreSQL
        await _drop(connection, leaf)
        yield count
    for leaf in others:
        since = None
        while True:
            row = await connection.fetchrow(
                f"WITH gone AS (DELETE FROM {leaf} WHERE ctid = ANY (ARRAY("  # noqa: S608 - quoted by PostgreSQL
                f"SELECT ctid FROM {leaf} WHERE called_at < $1 AND called_at >= coalesce($2, '-infinity'::timestamptz) "
                f"ORDER BY called_at LIMIT {BATCH})) AND called_at < $1 RETURNING called_at) "
                "SELECT count(*) AS count, max(called_at) AS last FROM gone",
                before,
                since,
            )
            if row["count"]:
                yield row["count"]
            if row["count"] < BATCH:
                break
            since = row["last"]  # deleted rows are not scanned again


async def _drop(connection: Any, leaf: str) -> None:
    import asyncpg

    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            async with connection.transaction():
                await connection.execute(f"SET LOCAL lock_timeout = '{LOCK_SECONDS}s'")
                await connection.execute(f"DROP TABLE {leaf}")
            return
        except asyncpg.LockNotAvailableError as error:
            if time.monotonic() > deadline:
                raise StoreUnavailable(f"{leaf} is in use by a long transaction; run it again") from error
        await asyncio.sleep(0.5)


async def _forgotten(connection: Any, table: Table, ids: list[int]) -> AsyncIterator[int]:
    _, leaves = await _leaves(connection, table, None)
    for leaf in leaves:
        places = await connection.fetch(f"SELECT ctid FROM {leaf} WHERE discord_uid = ANY ($1)", ids)  # noqa: S608
        for start in range(0, len(places), BATCH):
            chunk = [place["ctid"] for place in places[start : start + BATCH]]
            # By now the place may belong to another row, so the user is checked again.
            status = await connection.execute(
                f"DELETE FROM {leaf} WHERE ctid = ANY ($1::tid[]) AND discord_uid = ANY ($2)",  # noqa: S608
                chunk,
                ids,
            )
            yield int(status.split()[-1])
