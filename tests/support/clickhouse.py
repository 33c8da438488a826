"""ClickHouse in the process: chdb has its engine, and clickhouse-connect talks to it as it does to a server."""

from __future__ import annotations

import sys
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from tests.support import ROOT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.support.call_history import Call

PACKAGES: Final = ROOT / ".cache" / "clickhouse"
"""Where `make clickhouse` installs chdb, which is half a gigabyte."""
MISSING: Final = "chdb is not installed: make clickhouse"
_COLUMNS: Final = {
    "discord_uid": "UInt64",
    "player_name": "String",
    "command": "LowCardinality(String)",
    "called_at": "DateTime64(6, 'UTC')",
    "kind": "LowCardinality(Nullable(String))",
    "outcome": "LowCardinality(Nullable(String))",
    "error_type": "LowCardinality(Nullable(String))",
    "duration_ms": "Nullable(Float64)",
    "ack_ms": "Nullable(Float64)",
    "gateway_delay_ms": "Nullable(Float64)",
    "application_id": "Nullable(UInt64)",
    "guild_id": "Nullable(UInt64)",
    "shard_id": "Nullable(Int32)",
    "locale": "LowCardinality(Nullable(String))",
    "guild_locale": "LowCardinality(Nullable(String))",
    "service_name": "LowCardinality(Nullable(String))",
    "service_version": "LowCardinality(Nullable(String))",
    "environment": "LowCardinality(Nullable(String))",
    "trace_id": "Nullable(String)",
    "span_id": "Int64",
    "checkpoints": "Array(Tuple(name LowCardinality(String), at_ms Float64, step_ms Nullable(Float64)))",
    "inserted_at": "Nullable(DateTime64(6, 'UTC'))",
}


def installed() -> bool:
    return all((PACKAGES / name).is_dir() for name in ("chdb", "clickhouse_cityhash"))


def client() -> Any:
    """A client of an empty database."""
    return connect(interface="chdb")


def connect(**arguments: Any) -> Any:
    """A client of clickhouse-connect."""
    if str(PACKAGES) not in sys.path:
        sys.path.append(str(PACKAGES))
    import clickhouse_connect

    return clickhouse_connect.get_client(**arguments)


def store_calls_in(opened: Any, table: str, calls: Sequence[Call]) -> None:
    """Into a new table."""
    columns = ", ".join(f"{name} {type_}" for name, type_ in _COLUMNS.items())
    opened.command(f"CREATE TABLE {table} ({columns}) ENGINE = MergeTree ORDER BY (command, called_at, span_id)")
    if calls:
        opened.insert(table, [_row(call) for call in calls], column_names=list(_COLUMNS))


def _row(call: Call) -> list[Any]:
    return [
        *(call.user or 0, call.name, call.command, call.at, call.kind or None, call.outcome or None, call.error_type),
        *(call.duration, call.ack, call.delay, call.application, call.guild, call.shard, call.locale),
        *(call.guild_locale, call.service, call.release or None, call.environment or None, call.trace),
        call.id + (0 if call.kind else 1_000_000),  # in the other databases an old bot's rows are inserted last
        [(name, reached, step) for name, reached, step in call.steps],
        None if call.lag is None else call.at + timedelta(milliseconds=call.lag),
    ]
