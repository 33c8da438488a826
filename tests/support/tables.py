"""Direct access to a store's database, in each dialect."""

from __future__ import annotations

import contextlib
import sqlite3
from typing import Any

import asyncpg

from tests.support.clickhouse import client_of
from tests.support.postgres import in_own_loop

_COLUMNS = """
SELECT attname, format_type(atttypid, atttypmod) AS type, attnotnull, attidentity, pg_get_expr(adbin, adrelid) AS preset
  FROM pg_attribute LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
 WHERE attrelid = '{0}'::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum
"""
_INDEXES = """
SELECT relname, regexp_replace(pg_get_indexdef(indexrelid), ' ON (ONLY )?', ' ON ') AS made, indisvalid
  FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
 WHERE indrelid = '{0}'::regclass ORDER BY relname
"""
_PARTITIONS = """
SELECT relname, pg_get_expr(relpartbound, oid) AS bound,
       (SELECT count(*) FROM pg_index WHERE indrelid = pg_class.oid AND indisvalid) AS indexes,
       (SELECT string_agg(attname || ' ' || format_type(atttypid, atttypmod) || attnotnull, ',' ORDER BY attnum)
          FROM pg_attribute WHERE attrelid = pg_class.oid AND attnum > 0) AS columns
  FROM pg_class WHERE oid IN (SELECT inhrelid FROM pg_inherits WHERE inhparent = '{0}'::regclass) ORDER BY relname
"""


LOCK_SECONDS = 60.0
"""How long a statement waits for SQLite's lock: other threads of a test hold it for long on a busy machine."""


def execute(dsn: str, *statements: str) -> list[dict[str, Any]]:
    """Run them in autocommit; return the rows of the last one."""
    if dsn.startswith("sqlite"):
        connected = sqlite3.connect(dsn.removeprefix("sqlite:///"), timeout=LOCK_SECONDS, isolation_level=None)
        with contextlib.closing(connected) as lite:
            lite.row_factory = sqlite3.Row
            return [[dict(row) for row in lite.execute(sql)] for sql in statements][-1]
    if dsn.startswith("clickhouse"):
        with client_of(dsn) as client:
            return [list(client.query(sql).named_results()) for sql in statements][-1]

    async def run() -> list[dict[str, Any]]:
        connection = await asyncpg.connect(dsn)
        try:
            return [[dict(row) for row in await connection.fetch(sql)] for sql in statements][-1]
        finally:
            await connection.close()

    rows: list[dict[str, Any]] = in_own_loop(run())
    return rows


def catalog(dsn: str, table: str = "command_calls") -> dict[str, list[dict[str, Any]]]:
    """The table's structure as the database knows it, and the recorded migrations."""
    recorded = execute(dsn, "SELECT table_name, version FROM slashspan_migrations ORDER BY 1, 2")
    if dsn.startswith("sqlite"):
        made = execute(dsn, f"SELECT type, name, sql FROM sqlite_master WHERE tbl_name = '{table}' ORDER BY 1, 2")
        return {"made": made, "recorded": recorded, "columns": execute(dsn, f"PRAGMA table_info({table})")}
    parts = {"columns": _COLUMNS, "indexes": _INDEXES, "partitions": _PARTITIONS}
    return {"recorded": recorded, **{name: execute(dsn, sql.format(table)) for name, sql in parts.items()}}


def add_check(dsn: str, condition: str) -> None:
    """Add the constraint `own_check` to the table, as its owner might."""
    column = " COLUMN own INTEGER" if dsn.startswith("sqlite") else ""  # SQLite adds constraints only with a column
    execute(dsn, f"ALTER TABLE command_calls ADD{column} CONSTRAINT own_check CHECK ({condition})")


def drop_check(dsn: str) -> None:
    """Undo `add_check`."""
    what = "COLUMN own" if dsn.startswith("sqlite") else "CONSTRAINT own_check"
    execute(dsn, f"ALTER TABLE command_calls DROP {what}")
