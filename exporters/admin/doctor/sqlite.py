"""A SQLite store, looked at without writing to it."""

from __future__ import annotations

import os
import shutil
import sqlite3
import time
from typing import TYPE_CHECKING, Final

from exporters.admin.doctor import Finding, Level, age
from exporters.admin.migrate import parsed_table, plan_migration, sqlite_connection
from exporters.stores.dsn import sqlite_path
from exporters.stores.errors import SchemaMismatch, StoreError
from slashspan.sqlite_time import SQLITE_MOMENT

if TYPE_CHECKING:
    from pathlib import Path

    from exporters.stores.schema import Table

STORE: Final = "store"
CHECK_SECONDS: Final = 5.0
"""Longest look at the file's integrity."""
LEAST_FREE_BYTES: Final = 100 * 2**20


def diagnose(dsn: str, name: str) -> list[Finding]:
    """Raises ConfigurationError."""
    table = parsed_table(dsn, name)
    path = sqlite_path(dsn)
    found = [_writable(path), _space(path)]
    if not path.is_file():
        return [*found, Finding(Level.NOTE, STORE, f"{path} is not there yet; the bot makes it")]
    try:
        with sqlite_connection(dsn, seconds=CHECK_SECONDS) as connection:
            found += [_integrity(connection, path), _schema(dsn, name)]
            if found[-1].level != Level.ERROR:
                found.append(_last(connection, table))
    except StoreError as error:
        found.append(Finding(Level.ERROR, STORE, str(error), "restore the file, or move it away: a new one is made"))
    return found


def nearest(path: Path) -> Path:
    """The folder itself, or where it would be made."""
    return path if path.exists() else nearest(path.parent)


def _writable(path: Path) -> Finding:
    place = path if path.exists() else nearest(path.absolute().parent)
    if os.access(place, os.W_OK) and os.access(nearest(path.absolute().parent), os.W_OK):
        return Finding(Level.OK, STORE, f"{path.absolute()} can be written")
    return Finding(Level.ERROR, STORE, f"{place} cannot be written", "give the bot's user the right, or name another")


def _space(path: Path) -> Finding:
    free = shutil.disk_usage(nearest(path.absolute().parent)).free
    level = Level.OK if free >= LEAST_FREE_BYTES else Level.WARNING
    return Finding(level, "disk", f"{free / 2**20:,.0f} MiB free", None if level == Level.OK else "make room")


def _integrity(connection: sqlite3.Connection, path: Path) -> Finding:
    deadline = time.monotonic() + CHECK_SECONDS
    connection.set_progress_handler(lambda: int(time.monotonic() > deadline), 10_000)
    try:
        said = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    except sqlite3.OperationalError as error:
        if "interrupted" not in str(error):
            raise
        return Finding(Level.NOTE, "integrity", f"not looked at in full within {CHECK_SECONDS:g} s")
    finally:
        connection.set_progress_handler(None, 0)
    if said == "ok":
        return Finding(Level.OK, "integrity", "sound")
    mend = f"sqlite3 {path} .recover, or move the file away: a new one is made"
    return Finding(Level.ERROR, "integrity", f"damaged: {said}", mend)


def _schema(dsn: str, name: str) -> Finding:
    try:
        plan = plan_migration(dsn, name)
    except SchemaMismatch as error:
        return Finding(Level.ERROR, "schema", str(error), "name another table with SLASHSPAN_TABLE")
    if not plan.steps:
        return Finding(Level.OK, "schema", "up to date")
    text = "; ".join(step.title for step in plan.steps)
    return Finding(Level.WARNING, "schema", f"not up to date: {text}", "slashspan migrate --dry-run, then migrate")


def _last(connection: sqlite3.Connection, table: Table) -> Finding:
    try:
        sql = f"SELECT strftime('%s', max({SQLITE_MOMENT})), count(*) FROM {table.quoted}"  # noqa: S608 - quoted
        last, rows = connection.execute(sql).fetchone()
    except sqlite3.OperationalError:
        return Finding(Level.NOTE, "rows", "no table yet")
    if last is None:
        return Finding(Level.NOTE, "rows", "no row yet")
    return Finding(Level.NOTE, "rows", f"the last row is {age(time.time() - int(last))} old, {rows:,} rows")
