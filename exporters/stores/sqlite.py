"""The SQLite store: one file, which can be read while the bot writes.

WAL lets readers and the one writer work at the same time. `synchronous=NORMAL` survives a crash of the process, but a
power failure may lose the last batches.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
import weakref
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final

from exporters.common.gil import yielding_gil
from exporters.rows.command_call import ROW_COLUMNS
from exporters.rows.timestamps import as_text
from exporters.stores.errors import RowsRejected, StoreUnavailable
from exporters.stores.schema.sqlite_upgrade import prepare, transaction

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from exporters.rows.command_call import CommandCall
    from slashspan.table import Table

_NAMES: Final = [column.name for column in ROW_COLUMNS]
_CALLED_AT: Final = _NAMES.index("called_at")
_values_of: Final = attrgetter(*_NAMES)
ROW_ERRORS: Final = (
    sqlite3.IntegrityError,
    sqlite3.DataError,
    sqlite3.InterfaceError,
    sqlite3.ProgrammingError,
    OverflowError,
    UnicodeEncodeError,
)


_stores: weakref.WeakSet[SqliteStore] = weakref.WeakSet()
_held: list[SqliteStore] = []
"""Stores whose locks are held during a fork."""


class SqliteStore:
    """Writes to `path`, and creates its folder if necessary. See `exporters.stores.base.Store`."""

    def __init__(self, path: Path, table: Table) -> None:
        self._path = path
        self._table = table
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        _stores.add(self)
        self._insert = (
            f"INSERT INTO {table.quoted} ({', '.join(_NAMES)}) VALUES ({', '.join('?' * len(_NAMES))}) "  # noqa: S608 - quoted
            "ON CONFLICT (called_at, span_id) DO NOTHING"
        )

    @property
    def address(self) -> str:
        return f"sqlite:///{self._path}"

    def prepare(self, *, timeout: float) -> None:
        with self._lock, self._as_store_errors():
            self._open(timeout)

    def write(self, rows: Sequence[CommandCall], *, timeout: float) -> None:
        with self._lock, self._as_store_errors():
            connection = self._open(timeout)
            try:
                values = [_bound(row) for row in yielding_gil(rows)]
            except OverflowError as error:
                raise RowsRejected(f"a time is out of range: {error}") from error
            with transaction(connection):
                try:
                    connection.executemany(self._insert, values)
                except ROW_ERRORS as error:
                    raise RowsRejected(str(error)) from error

    def close(self, *, timeout: float) -> None:
        if self._lock.acquire(timeout=timeout):  # a write in progress keeps its connection
            try:
                self._forget()
            finally:
                self._lock.release()

    def _forget(self) -> None:
        if self._connection is not None:
            with contextlib.suppress(sqlite3.Error):
                self._connection.close()
            self._connection = None

    @contextlib.contextmanager
    def _as_store_errors(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            self._forget()  # the next attempt checks the file and the table again
            raise StoreUnavailable(f"{self._path}: {error}") from error

    def _open(self, timeout: float) -> sqlite3.Connection:
        milliseconds = max(1, int(timeout * 1000))
        if self._connection is not None:
            self._connection.execute(f"PRAGMA busy_timeout = {milliseconds}")
            return self._connection
        self._path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(self._path, timeout=timeout, isolation_level=None, check_same_thread=False)
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
            prepare(connection, self._table)
        except BaseException:
            connection.close()
            raise
        self._connection = connection
        return connection


def _before_fork() -> None:
    # SQLite tracks its locks in memory, which a child would inherit and trust: parent and child would overwrite each
    # other's data (https://www.sqlite.org/howtocorrupt.html, 2.6). So no connection is open during a fork.
    for store in list(_stores):
        store._lock.acquire()
        store._forget()
        _held.append(store)


def _after_fork() -> None:
    while _held:
        _held.pop()._lock.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork)


def _bound(row: CommandCall) -> tuple[Any, ...]:
    """The values of a row, as SQLite binds them."""
    values = _values_of(row)
    return *values[:_CALLED_AT], as_text(values[_CALLED_AT]), *values[_CALLED_AT + 1 :]
