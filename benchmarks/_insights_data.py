"""90 days of calls, the same in every database: each value is arithmetic with the number of the row."""

from __future__ import annotations

import asyncio
import contextlib
import math
import sqlite3
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, Final

import asyncpg

from slashspan.exporters.admin.migrate import run_migration

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.clickhouse_server import ClickhouseServer

DAYS: Final = 90
COMMANDS: Final = 40
USERS: Final = 200_000
CHUNK: Final = 500_000
_COLUMNS: Final = {
    "discord_uid": "CAST(floor(a * a * {users}) AS bigint) + 1",
    "player_name": "'user'",
    "command": "{command}",
    "called_at": "{moment}",
    "kind": "'slash'",
    "outcome": "CASE WHEN c < 0.9 THEN 'ok' WHEN c < 0.95 THEN 'rejected' ELSE 'error' END",
    "duration_ms": "exp(2 + 5 * d)",
    "ack_ms": "exp(1 + 4 * c)",
    "gateway_delay_ms": "30 * a",
    "guild_id": "CAST(floor(b * 2000) AS bigint)",
    "service_name": "'bot'",
    "trace_id": "''",
    "span_id": "n",
}
_DICE: Final = {"a": (7_919, 1_000_003), "b": (104_729, 999_983), "c": (1_299_709, 999_979), "d": (15_485_863, 999_961)}
"""Factor and modulus: evenly spread from 0 to below 1, and different for each."""
_NUMBERS: Final = {
    "sqlite": (
        "(WITH RECURSIVE n(n) AS (SELECT {low} UNION ALL SELECT n + 1 FROM n WHERE n + 1 < {high}) SELECT n FROM n)"
    ),
    "postgresql": "generate_series(CAST({low} AS bigint), {high} - 1) AS n",
    "clickhouse": "(SELECT toInt64(number) AS n FROM numbers({low}, {high} - {low}))",
    "duckdb": "range({low}, {high}) AS r(n)",
}
_MOMENTS: Final = {
    "sqlite": (
        "strftime('%Y-%m-%dT%H:%M:%S', ({first} + n * {step}) / 1000000, 'unixepoch') "
        "|| printf('.%06dZ', ({first} + n * {step}) % 1000000)"
    ),
    "postgresql": "timestamptz 'epoch' + ({first} + n * {step}) * interval '1 microsecond'",
    "clickhouse": "fromUnixTimestamp64Micro({first} + n * {step}, 'UTC')",
    "duckdb": "make_timestamp({first} + n * {step})",
}
_NAMES: Final = {
    "sqlite": "printf('command%02d', CAST(b * b * {commands} AS INTEGER))",
    "clickhouse": "concat('command', leftPad(toString(toInt64(floor(b * b * {commands}))), 2, '0'))",
}
_NAME: Final = "'command' || lpad(CAST(CAST(floor(b * b * {commands}) AS bigint) AS text), 2, '0')"
_DUCKDB: Final = "COPY ({rows}) TO '{file}' (FORMAT parquet)"


NOW: Final = datetime.now(timezone.utc)
FIRST: Final = NOW.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=DAYS - 1)


def select(dialect: str, count: int, low: int, high: int) -> str:
    """SQL for the rows from number `low` to before `high`, of `count` up to now."""
    first = int(FIRST.timestamp()) * 1_000_000
    step = (NOW - FIRST) // timedelta(microseconds=1) // count
    values = {"first": first, "step": step, "users": min(USERS, count // 10), "commands": COMMANDS}
    dice = ", ".join(
        f"CAST(n * {factor} % {modulus} AS double precision) / {modulus} AS {name}"
        for name, (factor, modulus) in _DICE.items()
    )
    chosen = {"moment": _MOMENTS[dialect], "command": _NAMES.get(dialect, _NAME)}
    columns = ", ".join(
        f"{sql.format(**chosen, **values).format(**values)} AS {name}" for name, sql in _COLUMNS.items()
    )
    numbers = _NUMBERS[dialect].format(low=low, high=high)
    return f"SELECT {columns} FROM (SELECT n, {dice} FROM {numbers}) AS dice"


def fill(dsn: str, count: int) -> None:
    """A new table."""
    run_migration(dsn, "command_calls")
    if dsn.startswith("sqlite"):
        with contextlib.closing(sqlite3.connect(dsn.removeprefix("sqlite:///"), isolation_level=None)) as lite:
            lite.execute("PRAGMA synchronous = OFF")
            lite.create_function("exp", 1, math.exp, deterministic=True)  # it may be built without
            lite.create_function("floor", 1, math.floor, deterministic=True)
            for sql in inserts("sqlite", count):
                lite.execute(sql)
            lite.execute("ANALYZE")
    else:
        asyncio.run(_fill_postgres(dsn, count))


async def _fill_postgres(dsn: str, count: int) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        for sql in inserts("postgresql", count):
            await connection.execute(sql)
        await connection.execute("VACUUM ANALYZE command_calls")
    finally:
        await connection.close()


def fill_clickhouse(server: ClickhouseServer, database: str, count: int) -> None:
    """A new database."""
    run_migration(server.dsn(database), "command_calls")
    for sql in inserts("clickhouse", count, f"{database}.command_calls_rows"):
        server.query(sql)


def write_parquet(connection: Any, folder: Path, count: int) -> str:
    """Files with the same rows; what DuckDB calls them."""
    for number, low in enumerate(range(0, count, CHUNK)):
        rows = select("duckdb", count, low, min(low + CHUNK, count))
        connection.execute(_DUCKDB.format(rows=rows, file=folder / f"{number:03}.parquet"))
    return f"read_parquet('{folder}/*.parquet')"


def inserts(dialect: str, count: int, table: str = "command_calls", size: int = CHUNK) -> Iterator[str]:
    """SQL that inserts all rows, so many at a time."""
    names = ", ".join(_COLUMNS)
    for low in range(0, count, size):
        rows = select(dialect, count, low, min(low + size, count))
        yield f"INSERT INTO {table} ({names}) {rows}"
