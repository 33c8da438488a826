"""The connection that writes the sums in ClickHouse, and what their state is."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from slashspan.clickhouse import ANSWER_SECONDS
from slashspan.insights.filters import Filters
from slashspan.insights.query import statement
from slashspan.insights.readers.base import ReadError
from slashspan.insights.readers.clickhouse import ClickhouseDialect
from slashspan.insights.readers.clickhouse_client import AS_ELSEWHERE, ClickhouseClient
from slashspan.insights.sums import hours
from slashspan.insights.sums.clickhouse.tables import ClickhouseTables, fingerprints
from slashspan.sum_tables import FORMAT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from slashspan.dsn import Dsn
    from slashspan.insights.readers.base import Row
    from slashspan.insights.sums.clickhouse.fingerprints import Fingerprint
    from slashspan.insights.sums.status import Zones
    from slashspan.table import Table


@dataclass(frozen=True, slots=True)
class State:
    """The row of the table of the state."""

    format: int
    shift: int
    zones: Zones
    generation: int
    """Documents of another one were made by a process that has not noticed that all were removed: they are void."""


class SumsConnection:
    """A client of its own. Raises ReadError."""

    def __init__(self, dsn: Dsn, table: Table) -> None:
        self._client = ClickhouseClient(dsn, seconds=ANSWER_SECONDS)
        self._table = table
        self._dialect = ClickhouseDialect(table)
        self.names = ClickhouseTables(table)

    def open(self) -> None:
        self._client.open()

    def close(self) -> None:
        self._client.close()

    def query(
        self, name: str, expressions: Mapping[str, str], filters: Filters | None = None, **values: Any
    ) -> list[Row]:
        """Rows of `sql/<name>.sql`."""
        sql, _, bound = statement(self._dialect, name, filters or Filters(), expressions, values)
        return self._client.select(sql, bound, **AS_ELSEWHERE)

    def select(self, sql: str, **values: Any) -> list[Any]:
        """Rows as tuples."""
        return [tuple(row.values()) for row in self._client.select(sql, values)]

    def execute(self, *statements: str) -> None:
        for sql in statements:
            self._client.execute(sql)

    def insert(self, table: str, columns: tuple[str, ...], rows: list[list[Any]]) -> None:
        if rows:
            self._client.insert(table, columns, rows)

    def are_there(self, *tables: str) -> bool:
        """Whether these tables exist."""
        names = ", ".join(f"'{name}'" for name in tables)
        return len(self.query("sum_catalog", {"names": names})) == len(tables)

    def engine(self, table: str) -> str | None:
        """Of a table; None if it is not there."""
        rows = self.select(
            "SELECT engine FROM system.tables WHERE database = currentDatabase() AND name = {name:String}", name=table
        )
        return str(rows[0][0]) if rows else None

    def state(self) -> State | None:
        """None if there are no sums."""
        rows = self.query("sum_state", {"state": self.names.state}) if self.are_there(*self.names.names) else []
        if not rows:
            return None
        (row,) = rows
        return State(row["format"], row["shift"], json.loads(row["zones"]), row["generation"])

    def installed(self) -> State:
        """The state of sums that can be refreshed."""
        state = self.state()
        if state is None or state.format != FORMAT:
            raise ReadError(f"there are no sums of {self._table}: run `slashspan rollup build`")
        return state

    def save(self, state: State) -> None:
        columns = ("format", "shift", "zones", "generation")
        row = [state.format, state.shift, json.dumps(state.zones), state.generation]
        self.insert(self.names.state, columns, [row])

    def fingerprints(self, shift: int, low: int = 0, high: int = hours.END) -> dict[int, Fingerprint]:
        """Of the rows of each hour."""
        expressions = {**fingerprints(shift), "stored": self.names.rows}
        rows = self.query("sum_fingerprints", expressions, low=max(low, 0), high=high)
        return {row["start"]: (row["rows"], row["hash"]) for row in rows}
