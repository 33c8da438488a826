"""The SQLite store: one file, which can be read while the bot writes.

WAL lets readers and the one writer work at the same time. `synchronous=NORMAL` survives a crash of the process, but a
power failure may lose the last batches.
"""

from __future__ import annotations

import contextlib
import re
import sqlite3
import threading
import time
from functools import lru_cache
from itertools import chain, count
from typing import TYPE_CHECKING, Any, Final

from opentelemetry.instrumentation.utils import suppress_instrumentation

from slashspan.exporters.common.at_fork import ForkAware, register
from slashspan.exporters.common.gil import yielding_gil
from slashspan.exporters.common.throttled_log import ThrottledLog
from slashspan.exporters.rows.command_call import INSERTED_AT, ROW_COLUMNS
from slashspan.exporters.rows.lazy_rows import columns_of_rows
from slashspan.exporters.rows.misfits import misfit
from slashspan.exporters.rows.timestamps import as_text, as_texts
from slashspan.exporters.stores import sqlite_files
from slashspan.exporters.stores.errors import REFUSED, RowsRefused, RowsRejected, StoreError, StoreUnavailable
from slashspan.exporters.stores.schema.sqlite_upgrade import prepare, transaction
from slashspan.exporters.stores.sqlite_files import OpenFiles

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from slashspan.exporters.rows.command_call import CommandCall
    from slashspan.table import Table

_NAMES: Final = [column.name for column in ROW_COLUMNS]
_CALLED_AT: Final = _NAMES.index("called_at")
_SHARED: Final = frozenset(map(_NAMES.index, ("application_id", "service_name", "service_version", "environment")))
"""Columns that are the same in all rows of most processes."""
ROW_ERRORS: Final = (
    sqlite3.IntegrityError,
    sqlite3.DataError,
    sqlite3.InterfaceError,
    sqlite3.ProgrammingError,
    OverflowError,
    UnicodeEncodeError,
)
"""Raised by SQLite and its driver for a row, or for something that the owner added to the table."""
ROWS_PER_STATEMENT: Final = 32
"""Rows of one INSERT: to start a statement takes longer than to insert a row. Before 3.32 SQLite binds 999 values."""
STATEMENTS_PER_SLICE: Final = 2
"""Statements prepared before other threads get the GIL: half a millisecond. Each time that the two threads exchange it
costs both of them, so no less; and the bot's loop waits for as long, so no more."""
LAYOUTS: Final = 16
"""So many layouts are used; each is another statement, for each number of rows. The driver keeps 128 compiled."""
BUSY_SECONDS: Final = 0.05
"""How long one attempt waits for SQLite's write lock. Attempts are repeated until the write's own timeout."""
PAUSE_SECONDS: Final = 0.005
_CONSTRAINT = re.compile(r"(CHECK|NOT NULL|UNIQUE|PRIMARY KEY|FOREIGN KEY) constraint failed(: .*)?")


# How a column's values get into a statement. No enum, whose members take a call in Python to be hashed.
_EACH: Final = 0
"""A parameter for each row."""
_ONCE: Final = 1
"""One parameter for all rows, which have the same value."""
_ABSENT: Final = 2
"""NULL in the text: no row has a value."""
_EACH_COLUMN: Final = (_EACH,) * len(_NAMES)


class SqliteStore(ForkAware):
    """Writes to `path`, and creates its folder if necessary. See `slashspan.exporters.stores.base.Store`."""

    def __init__(self, path: Path, table: Table) -> None:
        self._path = path.absolute()  # a bot may change its working directory
        self._table = table
        self._next = threading.Lock()
        """Held while waiting for `_lock`, so that a fork can proceed before the next attempt of a waiting write."""
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._files: OpenFiles | None = None
        self._replaced = ThrottledLog()
        self._layouts = {_EACH_COLUMN}
        self._insert_into = f"INSERT INTO {table.quoted} ({INSERTED_AT.name}, {', '.join(_NAMES)}) VALUES "  # noqa: S608 - quoted
        register(self)

    @property
    def address(self) -> str:
        return f"sqlite:///{self._path}"

    def prepare(self, *, timeout: float) -> None:
        self._until_done(lambda _: None, timeout)

    def write(self, rows: Sequence[CommandCall], *, timeout: float) -> None:
        try:
            statements = [self._statement(some) for some in yielding_gil(_several(rows), STATEMENTS_PER_SLICE)]
        except (TypeError, ValueError, OverflowError) as error:
            raise RowsRejected(f"column called_at does not contain a time ({type(error).__name__})") from error

        def insert(connection: sqlite3.Connection) -> None:
            with transaction(connection):
                # The column's default would ask for the time and format it for each row.
                now = as_text(time.time_ns() // 1_000_000 * 1000)
                try:
                    for statement, values in statements:
                        connection.execute(statement, (now, *values))
                except ROW_ERRORS as error:
                    raise self._refusal(rows, error) from None  # the cause may quote a row

        self._until_done(insert, timeout)

    def _statement(self, rows: Sequence[CommandCall]) -> tuple[str, Sequence[Any]]:
        """An INSERT of these rows, and the values that it binds after the time of the insert."""
        columns: list[Any] = columns_of_rows(rows)
        columns[_CALLED_AT] = as_texts(columns[_CALLED_AT])
        layout = tuple([_bound(index, column) for index, column in enumerate(columns)])
        if layout not in self._layouts:
            if len(self._layouts) < LAYOUTS:
                self._layouts.add(layout)
            else:
                layout = _EACH_COLUMN
        once = [column[0] for column, bound in zip(columns, layout, strict=True) if bound == _ONCE]
        each = [column for column, bound in zip(columns, layout, strict=True) if bound == _EACH]
        return self._insert_into + _placeholders(len(rows), layout), [
            *once,
            *chain.from_iterable(zip(*each, strict=True)),
        ]

    def close(self, *, timeout: float) -> None:
        if self._lock.acquire(timeout=timeout):  # a write in progress keeps its connection
            try:
                self._disconnect()
            finally:
                self._lock.release()

    # Around a fork. SQLite tracks its locks in memory, which a child would inherit and trust: parent and child would
    # overwrite each other's data (https://www.sqlite.org/howtocorrupt.html, 2.6). So no connection is open then.

    def before_fork(self) -> None:
        self._next.acquire()
        self._lock.acquire()
        self._disconnect()

    def after_fork_in_parent(self) -> None:
        self._lock.release()
        self._next.release()

    def after_fork_in_child(self) -> None:
        self.after_fork_in_parent()

    # Attempts

    def _until_done(self, action: Callable[[sqlite3.Connection], None], timeout: float) -> None:
        """Run `action` on a connection; repeat it while another process holds SQLite's write lock or the files change.

        Raises StoreUnavailable after `timeout` seconds, and what `action` raises.
        """
        deadline = time.monotonic() + timeout
        with suppress_instrumentation():  # a bot that traces sqlite3 does not want to see our statements
            while (reason := self._try(action)) is not None:
                if time.monotonic() >= deadline:
                    raise StoreUnavailable(f"{self._path}: {reason}")
                time.sleep(PAUSE_SECONDS)

    def _try(self, action: Callable[[sqlite3.Connection], None]) -> str | None:
        """None if it succeeded, otherwise why the next attempt may succeed."""
        with self._next:
            self._lock.acquire()
        try:
            action(self._connected())
            if self._files is not None and self._files.unchanged():
                return None
            # The commit may have gone to deleted files: write the rows again to the current ones.
            self._disconnect()
            self._replaced.warn("%s was deleted or replaced while it was open; opening it again", self._path)
            return "the file was deleted or replaced while it was open"
        except (sqlite3.Error, OSError) as error:
            if isinstance(error, sqlite3.OperationalError) and "locked" in str(error):
                return str(error)
            self._disconnect()  # the next attempt checks the file and the table again
            raise StoreUnavailable(f"{self._path}: {error}") from error
        finally:
            self._lock.release()

    def _connected(self) -> sqlite3.Connection:
        if self._connection is not None and self._files is not None and self._files.unchanged():
            return self._connection
        self._disconnect()
        sqlite_files.create(self._path)
        files = OpenFiles(self._path)
        connection = sqlite3.connect(self._path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        try:
            (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
            connection.execute("PRAGMA synchronous = NORMAL")
            prepare(connection, self._table)
            if mode == "wal":
                files.add_side_files()
        except BaseException:
            connection.close()
            raise
        self._connection, self._files = connection, files
        return connection

    def _disconnect(self) -> None:
        if self._connection is not None:
            with contextlib.suppress(sqlite3.Error):
                self._connection.close()
            self._connection = self._files = None

    def _refusal(self, rows: Sequence[CommandCall], error: Exception) -> StoreError:
        """The error for the rows or the table, without any value of a row."""
        if column := misfit(rows):
            return RowsRejected(f"column {column} holds a value that SQLite cannot store ({type(error).__name__})")
        if isinstance(error, sqlite3.DataError):
            return RowsRejected(f"a value is too large for SQLite ({type(error).__name__})")
        name = getattr(error, "sqlite_errorname", type(error).__name__)  # since Python 3.11
        constraint = _CONSTRAINT.fullmatch(str(error))  # a trigger's own message may quote the row
        return RowsRefused(f"{self._path}: {REFUSED}: {constraint[0] if constraint else name}")


def _several(rows: Sequence[CommandCall]) -> Iterator[Sequence[CommandCall]]:
    """ROWS_PER_STATEMENT at a time, the rest in powers of two: so there are few statements, and all stay compiled."""
    at, count = 0, ROWS_PER_STATEMENT
    while at < len(rows):
        if len(rows) - at >= count:
            yield rows[at : at + count]
            at += count
        else:
            count //= 2


def _bound(index: int, column: Sequence[Any]) -> int:
    first = column[0]
    if first is None:
        return _ABSENT if column.count(None) == len(column) else _EACH
    return _ONCE if index in _SHARED and column.count(first) == len(column) else _EACH


@lru_cache(maxsize=LAYOUTS * ROWS_PER_STATEMENT.bit_length())
def _placeholders(rows: int, layout: tuple[int, ...]) -> str:
    """Parameter 1 is the time of the insert; then those of ONCE, then those of each row."""
    once = count(2)
    fixed = {at: f"?{next(once)}" for at, bound in enumerate(layout) if bound == _ONCE}
    each = count(2 + len(fixed))
    texts = []
    for _ in range(rows):
        row = ["NULL" if bound == _ABSENT else fixed.get(at) or f"?{next(each)}" for at, bound in enumerate(layout)]
        texts.append(f"(?1, {', '.join(row)})")
    return f"{', '.join(texts)} ON CONFLICT (called_at, span_id) DO NOTHING"
