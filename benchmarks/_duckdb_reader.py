"""The reports' queries on DuckDB, to compare with: it is no store of slashspan."""

from __future__ import annotations

import contextlib
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, Final

from slashspan.insights.query import PERCENTS, statement

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    import duckdb
    from typing_extensions import Self

    from slashspan.insights.filters import Filters
    from slashspan.insights.readers.base import Row
_MACROS: Final = (
    "has(list, one) AS list_contains(list, one)",
    "arrayJoin(list) AS unnest(list)",
    "JSONExtract(text, type) AS CAST(CAST(text AS JSON) AS VARCHAR[])",
)
"""ClickHouse's functions in the queries that are taken from there."""


class DuckdbDialect:
    """Near PostgreSQL's. Times are in UTC, without a zone: DuckDB's zones need an extension that is downloaded."""

    name: Final = "clickhouse"
    """Whose few queries of its own DuckDB understands."""
    fence: Final = ""
    times: Final = {
        "at_us": "epoch_us(called_at)",
        "at_s": "CAST(floor(epoch(called_at)) AS bigint)",
        "row_id": "span_id",
    }

    def __init__(self, table: str) -> None:
        self.table: Final = table

    def rows(self, filters: Filters) -> str:
        return self.table

    def nearest_ranks(self, expression: str) -> str:
        return f"quantile_disc({expression}, [{', '.join(str(percent / 100) for percent in PERCENTS)}])"

    def value(self, value: Any) -> Any:
        return value.astimezone(timezone.utc).replace(tzinfo=None) if isinstance(value, datetime) else value

    def placeholder(self, number: int, name: str, value: Any) -> str:
        return f"${name}"


class DuckdbReader:
    """Each query sees the files as they are."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, table: str) -> None:
        self._connection = connection
        self._dialect = DuckdbDialect(table)
        for macro in _MACROS:
            connection.execute(f"CREATE OR REPLACE MACRO {macro}")

    async def query(
        self, name: str, filters: Filters, expressions: Mapping[str, str] | None = None, **values: Any
    ) -> list[Row]:
        sql, _, bound = statement(self._dialect, name, filters, expressions or {}, values)
        found = self._connection.execute(sql.replace(" GLOBAL IN ", " IN "), bound)  # it has no shards
        names = [each[0] for each in found.description or ()]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]

    @contextlib.asynccontextmanager
    async def snapshot(self) -> AsyncIterator[None]:
        yield

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._connection.close()
