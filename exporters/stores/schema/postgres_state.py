"""PostgreSQL: the state of the table according to the catalog, read with one query."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from importlib import resources
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from slashspan.table import Table

_STATE: Final = resources.files(__package__).joinpath("postgresql/state.sql").read_text("utf-8")


@dataclass(frozen=True, slots=True)
class TableState:
    """The table as the catalog describes it."""

    kind: str
    """`pg_class.relkind`: r an ordinary table, p a partitioned one."""
    rows: int
    """The planner's estimate."""
    server: int
    zone: str
    columns: dict[str, dict[str, Any]]
    indexes: dict[str, dict[str, Any]]
    partitions: list[dict[str, Any]] = field(default_factory=list)

    @property
    def partitioned(self) -> bool:
        return self.kind == "p"


async def read_state(connection: Any, table: Table) -> TableState | None:
    """None if there is no such table. One round trip."""
    row = await connection.fetchrow(_STATE, table.quoted)
    if row is None:
        return None
    found = {key: json.loads(row[key] or "{}") for key in ("columns", "indexes")}
    partitions = json.loads(row["partitions"] or "[]")
    return TableState(row["kind"], row["rows"], row["server"], row["zone"], **found, partitions=partitions)
