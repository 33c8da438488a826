"""Rows in the table below ClickHouse's view `command_calls`, without spans."""

from __future__ import annotations

import dataclasses
import json
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, Final

from slashspan.exporters.admin.migrate import run_migration
from slashspan.exporters.rows.command_call import ROW_COLUMNS
from slashspan.semconv import Outcome
from tests.support.call_history import row_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from slashspan.exporters.rows.command_call import CommandCall
    from tests.support.call_history import Call
    from tests.support.clickhouse_server import ClickhouseServer

EPOCH: Final = datetime(1970, 1, 1, tzinfo=timezone.utc)
NAMES: Final = [*(column.name for column in ROW_COLUMNS), "inserted_at"]


def insert_rows(
    server: ClickhouseServer, database: str, rows: Sequence[CommandCall], inserted: Sequence[datetime] | None = None
) -> None:
    """In one block. `inserted`: when each was; by default now."""
    moments = inserted or [datetime.now(timezone.utc)] * len(rows)
    values = [[*_values(row), moment] for row, moment in zip(rows, moments, strict=True)]
    client = server.client(database)
    try:
        client.insert("command_calls_rows", values, column_names=NAMES)
    finally:
        client.close()


def store_calls_in(server: ClickhouseServer, database: str, calls: Sequence[Call]) -> None:
    """Into a new database of that name.

    Every second call is there twice, and every third first as an interrupted one, as it happens to spans that are sent
    again and to bots that are killed.
    """
    server.query(f"DROP DATABASE IF EXISTS {database} SYNC")
    run_migration(server.dsn(database), "command_calls")
    server.query(f"ALTER TABLE {database}.command_calls_rows REMOVE TTL")  # the calls may be old
    rows = [row_of(call) for call in calls]
    moments = [call.at + timedelta(milliseconds=call.lag or 0) for call in calls]
    cut = [dataclasses.replace(row, outcome=Outcome.INTERRUPTED, duration_ms=1e6) for row in rows]
    for some, when in ((cut[::3], moments[::3]), (rows, moments), (rows[::2], moments[::2])):
        if some:
            insert_rows(server, database, some, when)


def _values(row: CommandCall) -> list[Any]:
    found = dataclasses.asdict(row)
    found["called_at"] = EPOCH + timedelta(microseconds=row.called_at)
    found["checkpoints"] = [_mark(each) for each in json.loads(row.checkpoints or "[]")]
    found["attributes"] = {name: str(value) for name, value in json.loads(row.attributes or "{}").items()}
    return [column.if_absent if found[column.name] is None else found[column.name] for column in ROW_COLUMNS]


def _mark(mark: dict[str, Any]) -> tuple[Any, ...]:
    more = {name: str(value) for name, value in mark.items() if name not in ("name", "at_ms", "step_ms")}
    return mark["name"], mark["at_ms"], mark.get("step_ms"), more
