"""Creates the store for a DSN."""

from __future__ import annotations

from typing import TYPE_CHECKING

from slashspan.dsn import POSTGRESQL_EXTRA, Dsn
from slashspan.errors import ConfigurationError
from slashspan.exporters.stores.sqlite import SqliteStore
from slashspan.table import Table

if TYPE_CHECKING:
    from slashspan.exporters.stores.base import Store


def open_store(dsn: Dsn | str, *, table: str = "command_calls") -> Store:
    """The store for `dsn`, not connected yet. Raises ConfigurationError."""
    dsn = Dsn.parse(dsn)
    named = Table.parse(table, schemas=not dsn.is_sqlite)
    if dsn.read_only:
        raise ConfigurationError(f"SLASHSPAN_DSN={dsn.text.partition('?')[0]!r} has ?mode=ro; leave it out to record")
    if dsn.is_sqlite:
        return SqliteStore(dsn.path, named)
    try:
        from slashspan.exporters.stores.postgres import PostgresStore
    except ModuleNotFoundError as error:
        if error.name != "asyncpg":
            raise
        raise ConfigurationError(f"SLASHSPAN_DSN={dsn.masked!r} needs an extra: {POSTGRESQL_EXTRA}") from None
    return PostgresStore(dsn, named)
