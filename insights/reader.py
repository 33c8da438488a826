"""Reads `command_calls`: the same named queries on SQLite and PostgreSQL."""

from __future__ import annotations

import asyncio
import contextlib
import re
import sqlite3
from datetime import datetime, timezone
from importlib import resources
from typing import TYPE_CHECKING, Any, Final, Protocol

from slashspan.dsn import POSTGRESQL_EXTRA, Dsn
from slashspan.errors import ConfigurationError
from slashspan.loop_thread import LoopThread
from slashspan.sqlite_time import CALLED_AT_AS_ISO, SQLITE_SINCE_DAY, SQLITE_UNTIL_DAY
from slashspan.table import Table

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from typing_extensions import Self

READ_SECONDS: Final = 60.0
CONNECT_SECONDS: Final = 10.0
_PARAMETER = re.compile(r"(?<!:):([a-z_]+)")

Row = dict[str, Any]


class ReadError(Exception):
    """The table cannot be read. The message says what to do."""


class Reader(Protocol):
    """Runs the queries in `insights/sql`. To be used in a `with` block."""

    def query(self, name: str, parameters: Mapping[str, Any]) -> list[Row]:
        """Rows of the named query; times are aware datetimes. Raises ReadError."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...


def open_reader(dsn: Dsn | str, *, table: str = "command_calls") -> Reader:
    """A reader of the store at `dsn`. Raises ReadError or ConfigurationError."""
    dsn = Dsn.parse(dsn)
    named = Table.parse(table, schemas=not dsn.is_sqlite)
    return SqliteReader(dsn.path, named) if dsn.is_sqlite else PostgresReader(dsn, named)


def _sql(dialect: str, name: str, table: str) -> str:
    folder = resources.files("slashspan.insights").joinpath("sql")
    for place in (dialect, "common"):
        file = folder.joinpath(place).joinpath(f"{name}.sql")
        if file.is_file():
            return file.read_text("utf-8").replace("{table}", table)
    raise LookupError(name)


def _as_text(moment: datetime) -> str:
    return moment.astimezone(timezone.utc).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _advice(error: Exception) -> str:
    """Where the table or a column is missing."""
    missing = str(error).startswith("no such ") or getattr(error, "sqlstate", None) in ("42P01", "42703")
    return ". `slashspan migrate` creates the table and its columns" if missing else ""


class SqliteReader:
    """Reads a file to which a bot may be writing."""

    def __init__(self, path: Path, table: Table) -> None:
        if path.is_dir():
            raise ReadError(f"{path} is a folder; name a file in SLASHSPAN_DSN")
        if not path.is_file():
            raise ReadError(f"{path} does not exist yet. Run a bot with `slashspan run`, or try `slashspan demo`.")
        self._table = table.quoted
        self._path = path
        self._connection = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=READ_SECONDS)
        self._connection.row_factory = sqlite3.Row
        self._connection.text_factory = lambda data: data.decode("utf-8", "replace")

    def query(self, name: str, parameters: Mapping[str, Any]) -> list[Row]:
        values = {key: _as_text(value) if isinstance(value, datetime) else value for key, value in parameters.items()}
        try:
            rows = self._connection.execute(_sql("sqlite", name, self._source(parameters)), values).fetchall()
        except sqlite3.Error as error:
            raise ReadError(f"{self._path}: {error}{_advice(error)}") from error
        return [dict(row) for row in rows]

    def _source(self, parameters: Mapping[str, Any]) -> str:
        """The table with all times in our form and all values in their column's type, whoever wrote them.

        Limited by day here, where the index is used.
        """
        types = {row[1]: row[2].upper() for row in self._connection.execute(f"PRAGMA table_info({self._table})")}
        if "called_at" not in types:
            return self._table
        columns = [f'{_checked(name, type_)} AS "{name}"' for name, type_ in types.items()]
        bounds = [
            bound for name, bound in (("since", SQLITE_SINCE_DAY), ("until", SQLITE_UNTIL_DAY)) if name in parameters
        ]
        where = f" WHERE {' AND '.join(bounds)}" if bounds else ""
        return f"(SELECT {', '.join(columns)} FROM {self._table}{where})"  # noqa: S608 - checked

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()


def _checked(name: str, type_: str) -> str:
    """SQL for a column's values: SQLite keeps any value in any column (https://www.sqlite.org/datatype3.html)."""
    if name == "called_at":
        return CALLED_AT_AS_ISO
    if any(word in type_ for word in ("CHAR", "CLOB", "TEXT")):
        return f'CAST("{name}" AS TEXT)'
    return f'CASE WHEN typeof("{name}") <> \'blob\' THEN "{name}" END' if _is_loose(type_) else _number(name)


def _is_loose(type_: str) -> bool:
    """Whether a column of this declared type is meant to contain text."""
    return not any(word in type_ for word in ("INT", "REAL", "FLOA", "DOUB"))


def _number(name: str) -> str:
    return f"CASE WHEN typeof(\"{name}\") IN ('integer', 'real') THEN \"{name}\" END"


class PostgresReader:
    """Reads over one connection, in an event loop in its own thread: a notebook's thread already runs one."""

    def __init__(self, dsn: Dsn, table: Table) -> None:
        try:
            import asyncpg
        except ModuleNotFoundError:
            raise ConfigurationError(f"SLASHSPAN_DSN={dsn.masked!r} needs an extra: {POSTGRESQL_EXTRA}") from None
        self._errors = (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, asyncio.TimeoutError)
        self._table = table.quoted
        self._thread = LoopThread("slashspan-reader")

        async def connect() -> Any:
            return await asyncpg.connect(
                **dsn.connect_arguments(),
                timeout=dsn.connect_timeout or CONNECT_SECONDS,
                command_timeout=READ_SECONDS,
                statement_cache_size=0,
            )

        try:
            self._connection = self._thread.submit(connect()).result()
        except (*self._errors, ValueError) as error:
            self._thread.stop()
            raise ReadError(f"{dsn} cannot be reached: {dsn.redact(str(error) or type(error).__name__)}") from error

    def query(self, name: str, parameters: Mapping[str, Any]) -> list[Row]:
        order: list[str] = []

        def number(match: re.Match[str]) -> str:
            if match[1] not in order:
                order.append(match[1])
            return f"${order.index(match[1]) + 1}"

        sql = _PARAMETER.sub(number, _sql("postgresql", name, self._table))
        try:
            rows = self._thread.submit(self._connection.fetch(sql, *(parameters[key] for key in order))).result()
        except self._errors as error:
            raise ReadError(f"{str(error) or type(error).__name__}{_advice(error)}") from error
        return [dict(row) for row in rows]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(*self._errors):
            self._thread.submit(self._connection.close(timeout=1)).result()
        self._thread.stop()
