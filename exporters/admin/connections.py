"""One blocking connection for one command; a bot's store has its own."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from typing import TYPE_CHECKING, Any, Final

from slashspan.clickhouse import ClickhouseError, connected
from slashspan.dsn import POSTGRESQL_EXTRA, Dsn
from slashspan.errors import ConfigurationError
from slashspan.exporters.stores import sqlite_files
from slashspan.exporters.stores.errors import StoreError, StoreUnavailable
from slashspan.table import Table

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine, Iterator
    from pathlib import Path
    from typing import TypeVar

    T = TypeVar("T")

CONNECT_SECONDS: Final = 10.0
STATEMENT_SECONDS: Final = 86_400.0
"""How long ClickHouse may take for a statement: one that rewrites a large table takes as long as it takes."""


def parse_target(dsn: Dsn | str, table: str) -> tuple[Dsn, Table]:
    """The database and the table. Raises ConfigurationError."""
    dsn = Dsn.parse(dsn)
    return dsn, Table.parse(table, schemas=dsn.has_schemas)


def file_exists(path: Path) -> bool:
    """Raises StoreUnavailable if the path must not be read."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise StoreUnavailable(f"{path}: {error}") from error
    return True


@contextlib.contextmanager
def sqlite_connection(dsn: Dsn, *, seconds: float, create: bool = False) -> Iterator[sqlite3.Connection]:
    """A connection in autocommit mode. `seconds`: how long to wait for locks. Raises StoreUnavailable, also for a file
    that does not exist, unless `create`.
    """
    path = dsn.path
    try:
        if create:
            sqlite_files.create(path)
        elif not file_exists(path):
            raise StoreUnavailable(f"{path} does not exist")
        if path.is_dir():
            raise StoreUnavailable(f"{path} is a folder; SLASHSPAN_DSN must name a file")
        uri = f"{path.absolute().as_uri()}?mode={'ro' if dsn.read_only else 'rwc'}"
        with contextlib.closing(sqlite3.connect(uri, uri=True, timeout=seconds, isolation_level=None)) as connection:
            yield connection
    except (sqlite3.Error, OSError) as error:
        raise StoreUnavailable(f"{path}: {error}") from error


@contextlib.asynccontextmanager
async def postgres_connection(dsn: Dsn) -> AsyncIterator[Any]:
    """A connection to PostgreSQL. Raises StoreUnavailable with PostgreSQL's message and no password."""
    try:
        import asyncpg
    except ModuleNotFoundError:
        raise ConfigurationError(f"SLASHSPAN_DSN={dsn.masked!r} needs an extra: {POSTGRESQL_EXTRA}") from None
    try:
        connection = await asyncpg.connect(
            **dsn.connect_arguments(), timeout=dsn.connect_timeout or CONNECT_SECONDS, statement_cache_size=0
        )
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
        raise StoreUnavailable(f"{dsn}: {dsn.redact(words)}") from error


@contextlib.contextmanager
def clickhouse_client(dsn: Dsn) -> Iterator[Any]:
    """A client of clickhouse-connect. Raises StoreUnavailable with ClickHouse's message and no password."""
    try:
        with connected(dsn, seconds=STATEMENT_SECONDS) as client:
            yield client
    except ClickhouseError as error:
        raise StoreUnavailable(str(error)) from error


def run_to_end(work: Coroutine[Any, Any, T]) -> T:
    """Runs a coroutine in an event loop of its own."""
    return asyncio.run(work)
