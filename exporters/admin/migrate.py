"""The rare work of a person at the command line: upgrade, prune, forget. One connection each, blocking, no store."""

from __future__ import annotations

import asyncio
import contextlib
import re
import sqlite3
from typing import TYPE_CHECKING, Any, Final

from exporters.stores.dsn import check_postgresql, masked, sqlite_path
from exporters.stores.errors import StoreError, StoreUnavailable
from exporters.stores.schema import Table
from slashspan.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine, Iterator

    from exporters.stores.schema.plan import Plan, Step

CONNECT_SECONDS: Final = 10.0
_ZONE = re.compile(r"[A-Za-z][A-Za-z0-9_+\-/]*")


def is_sqlite(dsn: str) -> bool:
    return dsn.lower().startswith("sqlite:")


def parsed_table(dsn: str, table: str) -> Table:
    """Raises ConfigurationError."""
    return Table.parse(table, schemas=not is_sqlite(dsn))


@contextlib.contextmanager
def sqlite_connection(dsn: str, *, seconds: float, create: bool = False) -> Iterator[sqlite3.Connection]:
    """In autocommit. Raises StoreUnavailable, also for a file that is not there unless `create`."""
    path = sqlite_path(dsn)
    if create:
        path.parent.mkdir(parents=True, exist_ok=True)
    elif not path.is_file():
        raise StoreUnavailable(f"{path} does not exist")
    try:
        with contextlib.closing(sqlite3.connect(path, timeout=seconds, isolation_level=None)) as connection:
            yield connection
    except (sqlite3.Error, OSError) as error:
        raise StoreUnavailable(f"{path}: {error}") from error


@contextlib.asynccontextmanager
async def postgres_connection(dsn: str) -> AsyncIterator[Any]:
    """A connection to PostgreSQL. Raises StoreUnavailable, with PostgreSQL's words and no password."""
    check_postgresql(dsn)
    try:
        import asyncpg
    except ModuleNotFoundError:
        raise ConfigurationError(
            f"SLASHSPAN_DSN={masked(dsn)!r} needs an extra: pip install 'slashspan[postgresql]'"
        ) from None
    try:
        connection = await asyncpg.connect(dsn, timeout=CONNECT_SECONDS, statement_cache_size=0)
        try:
            yield connection
        finally:
            with contextlib.suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError, asyncio.TimeoutError):
                await connection.close(timeout=1)
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, asyncio.TimeoutError, ValueError) as error:
        if isinstance(error, (StoreError, ConfigurationError)):
            raise
        detail = getattr(error, "detail", None)
        words = (str(error) or type(error).__name__) + (f" ({detail})" if detail else "")
        raise StoreUnavailable(f"{masked(dsn)}: {words}") from error


def in_loop(work: Coroutine[Any, Any, Any]) -> Any:
    """Run it to its end."""
    return asyncio.run(work)


def plan_migration(
    dsn: str, table: str, *, partitioned: bool = False, zone: str = "UTC", seconds: float = 30.0
) -> Plan:
    """What `run_migration` would do; nothing is changed. Raises StoreError, ConfigurationError."""
    named = parsed_table(dsn, table)
    if is_sqlite(dsn):
        from exporters.stores.schema import sqlite_upgrade

        _check_sqlite(partitioned, zone)
        with contextlib.ExitStack() as stack:
            if sqlite_path(dsn).is_file():
                return sqlite_upgrade.plan(stack.enter_context(sqlite_connection(dsn, seconds=seconds)), named)
            return sqlite_upgrade.plan(stack.enter_context(contextlib.closing(sqlite3.connect(":memory:"))), named)

    async def work() -> Plan:
        async with postgres_connection(dsn) as connection:
            from exporters.stores.schema import postgres_apply

            wishes = await _wishes(connection, partitioned, zone)
            async with connection.transaction(readonly=True):
                return await postgres_apply.plan(connection, named, wishes)

    planned: Plan = in_loop(work())
    return planned


def run_migration(
    dsn: str,
    table: str,
    *,
    partitioned: bool = False,
    zone: str = "UTC",
    seconds: float = 30.0,
    done: Callable[[Step], None] = lambda _: None,
) -> None:
    """Bring the table up to date; `done` after each step. Safe to cut off and to run again.

    `seconds`: how long to try for locks; an index takes as long as it takes. Raises StoreError, ConfigurationError.
    """
    named = parsed_table(dsn, table)
    if is_sqlite(dsn):
        from exporters.stores.schema import sqlite_upgrade

        _check_sqlite(partitioned, zone)
        with sqlite_connection(dsn, seconds=seconds, create=True) as connection:
            sqlite_upgrade.migrate(connection, named, done=done)
        return

    async def work() -> None:
        async with postgres_connection(dsn) as connection:
            from exporters.stores.schema import postgres_apply

            wishes = await _wishes(connection, partitioned, zone)
            await postgres_apply.migrate(connection, named, wishes, seconds=seconds, done=done)

    in_loop(work())


def _check_sqlite(partitioned: bool, zone: str) -> None:
    if partitioned:
        raise ConfigurationError("--partitioned: SQLite has no partitions")
    if zone.upper() != "UTC":
        raise ConfigurationError(f"--naive-called-at-zone={zone}: times in SQLite are read as UTC")


async def _wishes(connection: Any, partitioned: bool, zone: str) -> Any:
    from exporters.stores.schema.postgres_plan import UTC, Wishes

    if zone.upper() in ("UTC", "ETC/UTC", "GMT", "Z"):
        return Wishes(partitioned, UTC)
    known = await connection.fetchval(
        "SELECT EXISTS (SELECT FROM pg_timezone_names WHERE lower(name) = lower($1))", zone
    )
    if not _ZONE.fullmatch(zone) or not known:
        raise ConfigurationError(
            f"--naive-called-at-zone={zone}: PostgreSQL knows no such zone; write it like Europe/Berlin"
        )
    return Wishes(partitioned, zone)
