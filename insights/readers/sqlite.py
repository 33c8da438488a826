"""Reads a SQLite file to which a bot may be writing, in a thread of its own, so that no event loop waits."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, Final, TypeVar

from slashspan.insights.query import PERCENTS, statement
from slashspan.insights.readers.advice import READ_SECONDS, advice
from slashspan.insights.readers.base import ReadError
from slashspan.sqlite_time import CALLED_AT_AS_ISO, SQLITE_SINCE_DAY, SQLITE_UNTIL_DAY

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping
    from pathlib import Path

    from typing_extensions import Self

    from slashspan.insights.filters import Filters
    from slashspan.insights.readers.base import Row
    from slashspan.table import Table

T = TypeVar("T")
_STEPS_BETWEEN_CHECKS: Final = 20_000
"""Instructions of SQLite's virtual machine after which a query looks whether it was cancelled: about a millisecond."""


def _microseconds(column: str) -> str:
    """SQL for a time in our form."""
    return f"({_whole_seconds(column)} * 1000000 + CAST(substr({column}, 21, 6) AS INTEGER))"


def _whole_seconds(column: str) -> str:
    """Without the fraction, which SQLite would round: 59.9996 s are the next minute for it."""
    return f"CAST(strftime('%s', substr({column}, 1, 19)) AS INTEGER)"


class NearestRanks:
    """The aggregate `nearest_ranks`: a JSON list. In Python it takes half the time of SQLite's window functions."""

    def __init__(self) -> None:
        self._values: list[float] = []

    def step(self, value: float | None) -> None:
        if value is not None:
            self._values.append(value)

    def finalize(self) -> str | None:
        count = len(self._values)
        self._values.sort()
        return json.dumps([self._values[-(-count * percent // 100) - 1] for percent in PERCENTS]) if count else None


class SqliteDialect:
    """SQLite's. The columns of the table are asked for before each query: a migration may add some meanwhile."""

    name: Final = "sqlite"
    fence: Final = " LIMIT -1"
    times: Final = {
        "at_us": _microseconds("called_at"),
        "at_s": _whole_seconds("called_at"),
        "inserted_us": _microseconds("inserted_at"),
    }

    def __init__(self, connection: sqlite3.Connection, table: Table) -> None:
        self._connection = connection
        self.table: Final = table.quoted

    def rows(self, filters: Filters) -> str:
        """The table with all times in our form and all values in their column's type, whoever wrote them.

        Limited by day and command here, where an index is used.
        """
        types = {row[1]: row[2].upper() for row in self._connection.execute(f"PRAGMA table_info({self.table})")}
        if "called_at" not in types:
            return self.table
        columns = [f'{_checked(name, type_)} AS "{name}"' for name, type_ in types.items()]
        bounds = ((filters.since, SQLITE_SINCE_DAY), (filters.until, SQLITE_UNTIL_DAY))
        found = [bound for moment, bound in bounds if moment]
        if filters.commands:
            names = ", ".join(f":command_{number}" for number in range(len(filters.commands)))
            found.append(f"command IN ({names})")
        where = f" WHERE {' AND '.join(found)}" if found else ""
        return f"(SELECT {', '.join(columns)} FROM {self.table}{where})"  # noqa: S608 - checked

    def nearest_ranks(self, expression: str) -> str:
        return f"nearest_ranks({expression})"

    def value(self, value: Any) -> Any:
        if isinstance(value, datetime):
            return value.astimezone(timezone.utc).isoformat(timespec="microseconds").replace("+00:00", "Z")
        return value

    def placeholder(self, number: int, name: str, value: Any) -> str:
        return f":{name}"


def _checked(name: str, type_: str) -> str:
    """SQL for a column's values: SQLite keeps any value in any column (https://www.sqlite.org/datatype3.html)."""
    if name == "called_at":
        return CALLED_AT_AS_ISO
    if name == "id" and type_ == "INTEGER":  # the primary key, which can be searched for only as it is
        return "id"
    if any(word in type_ for word in ("CHAR", "CLOB", "TEXT")):
        return f'CAST("{name}" AS TEXT)'
    return f'CASE WHEN typeof("{name}") <> \'blob\' THEN "{name}" END' if _is_loose(type_) else _number(name)


def _is_loose(type_: str) -> bool:
    """Whether a column of this declared type is meant to contain text."""
    return not any(word in type_ for word in ("INT", "REAL", "FLOA", "DOUB"))


def _number(name: str) -> str:
    return f"CASE WHEN typeof(\"{name}\") IN ('integer', 'real') THEN \"{name}\" END"


class SqliteReader:
    """A connection that can only read. A query is interrupted if its task is cancelled."""

    def __init__(self, path: Path, table: Table) -> None:
        self._path = path
        self._table = table
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="slashspan-reader")
        self._connection: sqlite3.Connection | None = None
        self._cancelled = False

    async def query(
        self, name: str, filters: Filters, expressions: Mapping[str, str] | None = None, **values: Any
    ) -> list[Row]:
        connection = self._opened()

        def run() -> list[Row]:
            dialect = SqliteDialect(connection, self._table)
            sql, _, bound = statement(dialect, name, filters, expressions or {}, values)
            cursor = connection.execute(sql, bound)
            names = [each[0] for each in cursor.description]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

        return await self._run(run)

    @contextlib.asynccontextmanager
    async def snapshot(self) -> AsyncIterator[None]:
        connection = self._opened()
        await self._run(lambda: connection.execute("BEGIN"))
        try:
            yield
        finally:
            await self._run(lambda: connection.execute("ROLLBACK"))

    def _opened(self) -> sqlite3.Connection:
        if self._connection is None:
            raise RuntimeError("a reader is used in an `async with` block")
        return self._connection

    async def _run(self, work: Callable[[], T]) -> T:
        future = self._thread.submit(self._unless_cancelled, work)
        answer = asyncio.wrap_future(future)
        try:
            # Not `wait_for`: before Python 3.12 it swallows a cancellation that comes at the moment of the answer, and
            # a task that loops would never end (https://github.com/python/cpython/issues/86296).
            await asyncio.wait({answer}, timeout=READ_SECONDS)
            if answer.done():
                return answer.result()
            raise ReadError(f"{self._path}: no answer within {READ_SECONDS:.0f} s")
        except sqlite3.Error as error:
            raise ReadError(f"{self._path}: {error}{advice(error)}") from error
        finally:
            future.cancel()  # if it has not begun
            answer.cancel()
            self._cancelled = not future.done()

    def _unless_cancelled(self, work: Callable[[], T]) -> T:
        """In the thread. It has one piece of work at a time, so whatever was cancelled is another one."""
        self._cancelled = False
        return work()

    def _connect(self) -> sqlite3.Connection:
        if self._path.is_dir():
            raise ReadError(f"{self._path} is a folder; name a file in SLASHSPAN_DSN")
        if not self._path.is_file():
            raise ReadError(
                f"{self._path} does not exist yet. Run a bot with `slashspan run`, or try `slashspan demo`."
            )
        uri = f"{self._path.resolve().as_uri()}?mode=ro"
        connection = sqlite3.connect(uri, uri=True, timeout=READ_SECONDS, isolation_level=None, check_same_thread=False)
        connection.text_factory = lambda data: data.decode("utf-8", "replace")
        connection.set_progress_handler(lambda: self._cancelled, _STEPS_BETWEEN_CHECKS)
        connection.create_aggregate("nearest_ranks", 1, NearestRanks)  # type: ignore[arg-type]
        return connection

    async def __aenter__(self) -> Self:
        try:
            self._connection = await self._run(self._connect)
        except BaseException:
            self._thread.shutdown(wait=False)
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        connection, self._connection = self._connection, None
        try:
            if connection is not None:
                await self._run(connection.close)
        finally:
            self._thread.shutdown(wait=False)
