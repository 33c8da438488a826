"""The ladder's database, PostgreSQL or SQLite: both run the same statements, from `sql/queries.sql`."""

from __future__ import annotations

import asyncio
import re
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol
from urllib.parse import unquote

from ladder_bot.settings import SettingError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

STATEMENT_SECONDS: Final = 10.0
"""Timeout of a single statement: a database that does not answer must not hold up a command for ever."""
ADVISORY_LOCK: Final = 0x1ADDE5
"""Held while the schema is created: two bots may start at the same time."""
_FOLDER = resources.files("ladder_bot").joinpath("sql")
_BLOCK = re.compile(r"^-- name: (\w+)\n(.*?)(?=^-- name: |\Z)", re.MULTILINE | re.DOTALL)
QUERIES: Final = dict(_BLOCK.findall(_FOLDER.joinpath("queries.sql").read_text("utf-8")))

Row = dict[str, Any]
Statement = tuple[Any, ...]
"""A query's name and its parameters."""


class Database(Protocol):
    """Runs named queries. Safe to use from many tasks of one event loop."""

    async def open(self) -> None:
        """Connect, and create whatever is missing from the schema."""

    async def close(self) -> None: ...

    async def fetch(self, name: str, *parameters: Any) -> list[Row]:
        """The rows of one statement, in a transaction of its own."""

    async def apply(self, statements: Sequence[Statement]) -> None:
        """Run all statements in one transaction. Raises AlreadyExists."""


class AlreadyExists(Exception):  # noqa: N818 - describes a state
    """A row with that key exists."""


def open_database(dsn: str, *, pool: int = 5) -> Database:
    """The database at `dsn`, not connected yet. Raises SettingError."""
    scheme, _, path = dsn.partition(":///")
    if scheme == "sqlite" and path:
        return SqliteDatabase(Path(unquote(path)))
    if dsn.startswith(("postgresql://", "postgres://")):
        return PostgresDatabase(dsn, pool)
    # The value is left out: it may contain a password.
    raise SettingError("LADDER_DSN: must be sqlite:///path or postgresql://user:password@host/database")


class PostgresDatabase:
    """A pool of asyncpg connections."""

    def __init__(self, dsn: str, size: int) -> None:
        self._dsn = dsn
        self._size = size
        self._pool: Any = None

    async def open(self) -> None:
        try:
            import asyncpg
        except ModuleNotFoundError:
            raise SettingError("LADDER_DSN needs an extra: pip install 'slashspan[postgresql]'") from None
        self._duplicate = asyncpg.UniqueViolationError
        self._pool = await asyncpg.create_pool(
            self._dsn,
            min_size=self._size,
            max_size=self._size,
            max_inactive_connection_lifetime=0,
            command_timeout=STATEMENT_SECONDS,
            reset=_skip_reset,
        )
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute("SELECT pg_advisory_xact_lock($1)", ADVISORY_LOCK)
            await connection.execute(_FOLDER.joinpath("schema_postgresql.sql").read_text("utf-8"))

    async def close(self) -> None:
        if self._pool is not None:
            await self._pool.close()

    async def fetch(self, name: str, *parameters: Any) -> list[Row]:
        return [dict(row) for row in await self._pool.fetch(QUERIES[name], *parameters)]

    async def apply(self, statements: Sequence[Statement]) -> None:
        async with self._pool.acquire() as connection:
            try:
                async with connection.transaction():
                    for name, *parameters in statements:
                        await connection.execute(QUERIES[name], *parameters)
            except self._duplicate as error:
                raise AlreadyExists from error


async def _skip_reset(_: Any) -> None:
    """Leave the session as it is: asyncpg's own reset costs a round trip for each query, and nothing here changes it.

    The pool rolls an open transaction back before it calls this.
    """


class SqliteDatabase:
    """One file, one connection, one thread of its own, so that the event loop never waits for the disk."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="ladder-sqlite")
        self._connection: sqlite3.Connection | None = None

    async def open(self) -> None:
        if sqlite3.sqlite_version_info < (3, 35):
            raise SettingError(f"LADDER_DSN: SQLite {sqlite3.sqlite_version} is too old; 3.35 is needed")
        await self._in_thread(self._open)

    def _open(self) -> None:
        self._connection = sqlite3.connect(self._path, timeout=STATEMENT_SECONDS, isolation_level=None)
        self._connection.row_factory = sqlite3.Row
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = NORMAL")
        self._connection.execute("PRAGMA foreign_keys = ON")
        self._connection.executescript(_FOLDER.joinpath("schema_sqlite.sql").read_text("utf-8"))

    async def close(self) -> None:
        await self._in_thread(self._close)
        self._thread.shutdown()

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()

    async def fetch(self, name: str, *parameters: Any) -> list[Row]:
        rows: list[Row] = await self._in_thread(lambda: [dict(row) for row in self._run(name, parameters)])
        return rows

    async def apply(self, statements: Sequence[Statement]) -> None:
        await self._in_thread(lambda: self._apply(statements))

    def _apply(self, statements: Sequence[Statement]) -> None:
        assert self._connection is not None
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            for name, *parameters in statements:
                self._run(name, parameters)
        except BaseException as error:
            self._connection.execute("ROLLBACK")
            if isinstance(error, sqlite3.IntegrityError) and str(error).startswith("UNIQUE"):
                raise AlreadyExists from error
            raise
        self._connection.execute("COMMIT")

    def _run(self, name: str, parameters: Sequence[Any]) -> list[sqlite3.Row]:
        assert self._connection is not None
        # `$1` is a named parameter to SQLite; its name is "1".
        named = {str(number): value for number, value in enumerate(parameters, 1)}
        return self._connection.execute(QUERIES[name], named).fetchall()

    async def _in_thread(self, work: Callable[[], Any]) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)
