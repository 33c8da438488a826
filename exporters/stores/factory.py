"""Creates the store for a DSN."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from slashspan.dsn import POSTGRESQL_EXTRA, Dsn
from slashspan.errors import ConfigurationError
from slashspan.exporters.stores.sqlite import SqliteStore
from slashspan.table import Table

if TYPE_CHECKING:
    from slashspan.exporters.stores.base import Store


NOT_WRITTEN_DIRECTLY: Final = (
    "rows reach ClickHouse through a collector, in batches large enough for it: set OTEL_TRACES_EXPORTER=otlp and "
    "OTEL_EXPORTER_OTLP_ENDPOINT, see docs/clickhouse.md; this address is for reports, migrate, doctor, prune, export "
    "and forget"
)


def open_store(dsn: Dsn | str, *, table: str = "command_calls") -> Store:
    """The store for `dsn`, not connected yet. Raises ConfigurationError."""
    dsn = Dsn.parse(dsn)
    named = Table.parse(table, schemas=dsn.has_schemas)
    if dsn.read_only:
        raise ConfigurationError(f"SLASHSPAN_DSN={dsn.text.partition('?')[0]!r} has ?mode=ro; leave it out to record")
    if dsn.is_clickhouse:
        raise ConfigurationError(f"SLASHSPAN_DSN={dsn.masked!r}: {NOT_WRITTEN_DIRECTLY}")
    if dsn.is_sqlite:
        return SqliteStore(dsn.path, named)
    try:
        from slashspan.exporters.stores.postgres import PostgresStore
    except ModuleNotFoundError as error:
        if error.name != "asyncpg":
            raise
        raise ConfigurationError(f"SLASHSPAN_DSN={dsn.masked!r} needs an extra: {POSTGRESQL_EXTRA}") from None
    return PostgresStore(dsn, named)
