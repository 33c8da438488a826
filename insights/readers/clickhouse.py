"""Reads a table or view `command_calls` in ClickHouse, over a client of clickhouse-connect."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from slashspan.insights.query import PERCENTS, statement
from slashspan.insights.readers.base import ReadError
from slashspan.insights.zones import EPOCH
from slashspan.table import Table

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from typing_extensions import Self

    from slashspan.insights.filters import Filters
    from slashspan.insights.readers.base import Row

SETTINGS: Final = {"prefer_column_name_to_alias": 1, "readonly": 2}
"""Names mean what they do in other databases; nothing can be written. `readonly` 2 allows other settings."""
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
    """`ClickhouseReader(clickhouse_connect.get_client(host="…", username="reader"))`; the client stays open.

    Each query runs in a thread, one after the other. ClickHouse has no snapshots of several queries: `snapshot` does
    nothing.
    """

    def __init__(self, client: Any, *, table: str = "command_calls") -> None:
        self._client = client
        self._dialect = ClickhouseDialect(Table.parse(table, schemas=True))
        self._turn = asyncio.Lock()

    async def query(
        self, name: str, filters: Filters, expressions: Mapping[str, str] | None = None, **values: Any
    ) -> list[Row]:
        """Like every reader's."""
        from clickhouse_connect.driver.exceptions import ClickHouseError

        sql, _, bound = statement(self._dialect, name, filters, expressions or {}, values)
        async with self._turn:
            try:
                found = await asyncio.to_thread(self._client.query, sql, parameters=bound, settings=SETTINGS)
            except ClickHouseError as error:
                raise ReadError(f"ClickHouse: {error}") from error
        return list(found.named_results())

    @contextlib.asynccontextmanager
    async def snapshot(self) -> AsyncIterator[None]:
        """Nothing: see the class."""
        yield

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        """Nothing: the client is the caller's."""
