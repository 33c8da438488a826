"""From `SLASHSPAN_DSN` to a store."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit

from exporters.stores.schema import Table
from exporters.stores.sqlite import SqliteStore
from slashspan.errors import ConfigurationError

if TYPE_CHECKING:
    from exporters.stores.base import Store

CHOICES: Final = "sqlite:///relative/path, sqlite:////absolute/path, postgresql://user:password@host:port/database"
_PASSWORD = re.compile(r"(?<=:)[^:@/]*(?=@)|(?<=password=)[^&]*")


def masked(dsn: str) -> str:
    """The DSN for people: its password replaced."""
    return _PASSWORD.sub("…", dsn)


def open_store(dsn: str, *, table: str = "command_calls") -> Store:
    """The store that `dsn` names; no connection is made yet. Raises ConfigurationError."""
    scheme = dsn.partition(":")[0].lower()
    if scheme == "sqlite":
        return SqliteStore(sqlite_path(dsn), Table.parse(table, schemas=False))
    if scheme in ("postgresql", "postgres"):
        check_postgresql(dsn)
        try:
            from exporters.stores.postgres import PostgresStore
        except ModuleNotFoundError as error:
            if error.name != "asyncpg":
                raise
            raise ConfigurationError(
                f"SLASHSPAN_DSN={masked(dsn)!r} needs an extra: pip install 'slashspan[postgresql]'"
            ) from None
        return PostgresStore(dsn, Table.parse(table, schemas=True), address=masked(dsn))
    raise ConfigurationError(f"SLASHSPAN_DSN={masked(dsn)!r}: must be one of: {CHOICES}")


def sqlite_path(dsn: str) -> Path:
    """The file of `sqlite:///path`. Raises ConfigurationError."""
    prefix, path = dsn[:10], unquote(dsn[10:].partition("?")[0])
    if prefix.lower() != "sqlite:///" or not path:
        raise ConfigurationError(
            f"SLASHSPAN_DSN={dsn!r} names no file; write sqlite:///path or sqlite:////absolute/path"
        )
    if path == ":memory:":
        raise ConfigurationError("SLASHSPAN_DSN='sqlite:///:memory:' would forget every row; name a file")
    return Path(path)


def check_postgresql(dsn: str) -> None:
    """Raise ConfigurationError for what is no PostgreSQL URL."""
    try:
        parts = urlsplit(dsn)
        _ = parts.port
    except ValueError as error:
        raise ConfigurationError(f"SLASHSPAN_DSN={masked(dsn)!r}: {error}; must be like {CHOICES}") from None
    if not dsn.lower().startswith(("postgresql://", "postgres://")):
        raise ConfigurationError(f"SLASHSPAN_DSN={masked(dsn)!r}: must be one of: {CHOICES}")
