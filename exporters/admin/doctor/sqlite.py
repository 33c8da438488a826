"""Checks a SQLite store, without writing to it."""

from __future__ import annotations

import os
import shutil
import sqlite3
import time
from typing import TYPE_CHECKING, Final

from slashspan.exporters.admin.connections import file_exists, sqlite_connection
from slashspan.exporters.admin.doctor import Finding, Level, age, nearest, schema
from slashspan.exporters.stores.errors import StoreError
from slashspan.sqlite_time import CALLED_AT_AS_ISO

if TYPE_CHECKING:
    from pathlib import Path

    from slashspan.dsn import Dsn
    from slashspan.table import Table

STORE: Final = "store"
CHECK_SECONDS: Final = 5.0
"""Time limit of the integrity check."""
LEAST_FREE_BYTES: Final = 100 * 2**20
_CREATED: Final = "restore the file, or move it away: a new one is created"


def diagnose(dsn: Dsn, table: Table) -> list[Finding]:
    """Findings about the file, its disk and the table in it."""
    path = dsn.path
    found = [_writable(path), _space(path)]
    try:
        if not file_exists(path):
            return [*found, Finding(Level.NOTE, STORE, f"{path} does not exist yet; the bot will create it")]
        with sqlite_connection(dsn, seconds=CHECK_SECONDS) as connection:
            found += [_integrity(connection, path), schema.diagnose(dsn, table)]
            if found[-1].level != Level.ERROR:
                found.append(_last(connection, table))
    except StoreError as error:
        fix = "SLASHSPAN_DSN must name a file" if path.is_dir() else _CREATED
        found.append(Finding(Level.ERROR, STORE, str(error), fix))
    return found


def _writable(path: Path) -> Finding:
    folder = nearest(path.absolute().parent)
    place = path if path.exists() else folder
    if os.access(place, os.W_OK) and os.access(folder, os.W_OK) and folder.is_dir():
        return Finding(Level.OK, STORE, f"{path.absolute()} can be written")
    fix = "give the bot's user the right to write there, or name another file in SLASHSPAN_DSN"
    return Finding(Level.ERROR, STORE, f"{place} cannot be written", fix)


def _space(path: Path) -> Finding:
    free = shutil.disk_usage(nearest(path.absolute().parent)).free
    level = Level.OK if free >= LEAST_FREE_BYTES else Level.WARNING
    return Finding(level, "disk", f"{free / 2**20:,.0f} MiB free", None if level == Level.OK else "free some space")


def _integrity(connection: sqlite3.Connection, path: Path) -> Finding:
    deadline = time.monotonic() + CHECK_SECONDS
    connection.set_progress_handler(lambda: int(time.monotonic() > deadline), 10_000)
    try:
        said = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    except sqlite3.OperationalError as error:
        if "interrupted" not in str(error):
            raise
        return Finding(Level.NOTE, "integrity", f"not fully checked within {CHECK_SECONDS:g} s")
    finally:
        connection.set_progress_handler(None, 0)
    if said == "ok":
        return Finding(Level.OK, "integrity", "sound")
    fix = f"sqlite3 {path} .recover, or move the file away: a new one is created"
    return Finding(Level.ERROR, "integrity", f"damaged: {said}", fix)


def _last(connection: sqlite3.Connection, table: Table) -> Finding:
    try:
        sql = f"SELECT strftime('%s', max({CALLED_AT_AS_ISO})), count(*) FROM {table.quoted}"  # noqa: S608 - quoted
        last, rows = connection.execute(sql).fetchone()
    except sqlite3.OperationalError:
        return Finding(Level.NOTE, "rows", "no table yet")
    if last is None:
        return Finding(Level.NOTE, "rows", "no rows yet")
    return Finding(Level.NOTE, "rows", f"the last row is {age(time.time() - int(last))} old, {rows:,} rows")
