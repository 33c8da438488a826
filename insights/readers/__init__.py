"""Connections to the stores: `connect` for asynchronous code, `open_reader` for everything else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from slashspan.dsn import Dsn
from slashspan.insights.readers.base import Reader, ReadError
from slashspan.insights.readers.blocking import BlockingReader
from slashspan.insights.readers.clickhouse import ClickhouseReader
from slashspan.insights.readers.postgres import PostgresReader
from slashspan.insights.readers.sqlite import SqliteReader
from slashspan.insights.sums.cache import Documents
from slashspan.insights.sums.clickhouse.source import ClickhouseSource
from slashspan.insights.sums.reader import SummedReader
from slashspan.insights.sums.snapshot import PostgresSource, SqliteSource
from slashspan.table import Table

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["BlockingReader", "ReadError", "Reader", "connect", "connector", "open_reader"]


def connect(dsn: Dsn | str, *, table: str = "command_calls") -> Reader:
    """A reader of the store at `dsn`, for `async with`, which raises ReadError. Raises ConfigurationError."""
    return connector(dsn, table=table)()


def connector(dsn: Dsn | str, *, table: str = "command_calls") -> Callable[[], Reader]:
    """Makes any number of readers for one event loop, which keep the sums that they have read together. Raises
    ConfigurationError."""
    dsn = Dsn.parse(dsn)
    named = Table.parse(table, schemas=dsn.has_schemas)
    documents = Documents()
    if dsn.is_clickhouse:
        return lambda: SummedReader(ClickhouseReader(dsn, named), ClickhouseSource(named), documents)
    if dsn.is_sqlite:
        return lambda: SummedReader(SqliteReader(dsn.path, named), SqliteSource(named), documents)
    return lambda: SummedReader(PostgresReader(dsn, named), PostgresSource(named), documents)


def open_reader(dsn: Dsn | str, *, table: str = "command_calls") -> BlockingReader:
    """The same for code without `await`, also in a notebook, whose thread runs an event loop. Raises ReadError or
    ConfigurationError."""
    return BlockingReader(lambda: connect(dsn, table=table))
