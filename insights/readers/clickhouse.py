"""Reads ClickHouse over its HTTP interface, with a client of clickhouse-connect."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from slashspan.insights.query import PERCENTS, statement
from slashspan.insights.readers.base import ReadError
from slashspan.insights.readers.clickhouse_client import READING, ClickhouseClient
from slashspan.insights.zones import EPOCH
from slashspan.table import Table

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from typing_extensions import Self

    from slashspan.dsn import Dsn
    from slashspan.insights.filters import Filters
    from slashspan.insights.readers.base import Row

WITH_DOUBLES: Final = frozenset(("known_commands", "first_call"))
"""Queries to which it makes no difference if a row is there twice. They read the table below the view: several times as
fast, because a view that shows each row once has to compare them all."""
_TYPES: Final = {int: "Int64", float: "Float64", str: "String"}


class ClickhouseDialect:
    """ClickHouse's. A table of an old bot does not exist there, and rows have no `id`."""

    name: Final = "clickhouse"
    fence: Final = ""
    times: Final = {
        "at_us": "toUnixTimestamp64Micro(called_at)",
        "at_s": "toInt64(toUnixTimestamp(called_at))",
        "inserted_us": "toUnixTimestamp64Micro(inserted_at)",
        "row_id": "span_id",
    }

    def __init__(self, table: Table) -> None:
        self.table: Final = table.quoted

    def rows(self, filters: Filters) -> str:
        return self.table

    def nearest_ranks(self, expression: str) -> str:
        ordered = f"arraySort(groupArray({expression}))"
        places = [f"{ordered}[intDiv({percent} * count({expression}) + 99, 100)]" for percent in PERCENTS]
        return f"if(count({expression}) = 0, [], [{', '.join(places)}])"

    def value(self, value: Any) -> Any:
        return (value - EPOCH) // timedelta(microseconds=1) if isinstance(value, datetime) else value

    def placeholder(self, number: int, name: str, value: Any) -> str:
        if isinstance(value, datetime):
            return f"fromUnixTimestamp64Micro({{{name}:Int64}}, 'UTC')"
        return f"{{{name}:{_TYPES[type(value)]}}}"


class ClickhouseReader:
    """One client. Each query runs in a thread, one after the other, and ends if its task is cancelled.

    ClickHouse has no snapshots of several queries: `snapshot` does nothing.
    """

    def __init__(self, dsn: Dsn, table: Table) -> None:
        self._dsn = dsn
        self._dialect = ClickhouseDialect(table)
        self._unmerged = ClickhouseDialect(Table(table.part("rows")))
        self._client: ClickhouseClient | None = None
        self._turn = asyncio.Lock()

    async def query(
        self, name: str, filters: Filters, expressions: Mapping[str, str] | None = None, **values: Any
    ) -> list[Row]:
        """Like every reader's."""
        if self._client is None:
            raise RuntimeError("a reader is used in an `async with` block")
        dialect = self._unmerged if name in WITH_DOUBLES else self._dialect
        sql, _, bound = statement(dialect, name, filters, expressions or {}, values)
        settings: dict[str, Any] = {**READING, "query_id": str(uuid.uuid4())}
        client = self._client
        async with self._turn:
            try:
                return await asyncio.to_thread(client.select, sql, bound, **settings)
            except asyncio.CancelledError:
                _kill(client, settings["query_id"])
                raise

    @contextlib.asynccontextmanager
    async def snapshot(self) -> AsyncIterator[None]:
        """Nothing: see the class."""
        yield

    async def __aenter__(self) -> Self:
        self._client = await asyncio.to_thread(ClickhouseClient(self._dsn).open)
        return self

    async def __aexit__(self, *_: object) -> None:
        client, self._client = self._client, None
        if client is not None:
            await asyncio.to_thread(client.close)


def _kill(client: ClickhouseClient, query_id: str) -> None:
    """End a query on the server, in a thread. Everybody may end their own ones."""

    def run() -> None:
        with contextlib.suppress(ReadError):  # it also ends by itself, after READ_SECONDS
            client.execute("KILL QUERY WHERE query_id = {id:String} ASYNC", id=query_id)

    asyncio.get_running_loop().run_in_executor(None, run)
