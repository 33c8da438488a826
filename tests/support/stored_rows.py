"""Rows in a store: written by the real store, read by the real reader."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, Final

from slashspan import insights
from slashspan.dsn import Dsn
from slashspan.exporters.admin.migrate import run_migration
from slashspan.exporters.rows.command_call import ROW_COLUMNS
from slashspan.exporters.stores.factory import open_store
from slashspan.insights.filters import ALL_KINDS
from tests.support.clickhouse import client_of
from tests.support.otel_traces import exported_for, insert
from tests.support.postgres import in_own_thread

if TYPE_CHECKING:
    from collections.abc import Sequence

    from slashspan.exporters.rows.command_call import CommandCall

EVERYTHING: Final = insights.Filters(kinds=ALL_KINDS)
"""Leaves nothing out."""


def write_rows(dsn: str, rows: Sequence[CommandCall]) -> None:
    """Over a connection of its own; the table is created if it is missing. In ClickHouse as a collector does."""
    if Dsn.parse(dsn).is_clickhouse:
        run_migration(dsn, "command_calls")
        with client_of(dsn) as client:
            insert(client, Dsn.parse(dsn).database or "", [exported_for(row) for row in rows])
        return
    store = open_store(dsn)
    try:
        store.write(rows, timeout=20)
    finally:
        store.close(timeout=5)


def read_rows(dsn: str, table: str = "command_calls") -> list[dict[str, Any]]:
    """What each row was written with, by the time of the call; also from a test whose event loop is running."""

    def read() -> list[dict[str, Any]]:
        with insights.open_reader(dsn, table=table) as reader:
            found = reader.query("rows", EVERYTHING)
            return [{column.name: row[column.name] for column in ROW_COLUMNS} for row in found]

    rows: list[dict[str, Any]] = in_own_thread(read)
    return rows


def read_outcomes(dsn: str) -> list[tuple[str, str, str]]:
    """Kind, command and outcome of each row."""
    return [(row["kind"], row["command"], row["outcome"]) for row in read_rows(dsn)]


def as_utc(value: Any) -> datetime:
    """A time as either store returns it; one without an offset is in UTC."""
    found = datetime.fromisoformat(value.replace("Z", "+00:00")) if isinstance(value, str) else value
    return found if found.tzinfo else found.replace(tzinfo=timezone.utc)
