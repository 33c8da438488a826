"""ClickHouse: what is there under our names."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from slashspan.exporters.stores.schema.clickhouse_columns import SCHEMA_VERSION

if TYPE_CHECKING:
    from slashspan.exporters.stores.schema.clickhouse_sql import Names, Statement

_CLUSTER: Final = re.compile(r"Distributed\('?([^',]+)'?,")
_COMMENT: Final = re.compile(r"slashspan (\d+) [0-9a-f]+")
_TABLES: Final = """
SELECT name, engine, engine_full, comment
  FROM system.tables
 WHERE database = {database:String} AND name IN {names:Array(String)}
"""
_COLUMNS: Final = """
SELECT table, name, type
  FROM system.columns
 WHERE database = {database:String} AND table IN {names:Array(String)}
"""


@dataclass(frozen=True, slots=True)
class Found:
    """A table or view that is there."""

    engine: str
    engine_full: str
    """With its partitions, TTL and settings."""
    comment: str
    columns: dict[str, str]
    """Types by name."""

    @property
    def version(self) -> int:
        """The schema's version that it was created for; 0: not by slashspan."""
        found = _COMMENT.fullmatch(self.comment)
        return int(found[1]) if found else 0

    def is_current(self, wanted: Statement) -> bool:
        """Whether it is what this slashspan would create, or that of a newer one."""
        return self.version > SCHEMA_VERSION or self.comment == wanted.comment


@dataclass(frozen=True, slots=True)
class State:
    """What is there."""

    has_database: bool
    tables: dict[str, Found]

    @property
    def cluster(self) -> str | None:
        """The cluster of the tables; None: they are of one node, or not there."""
        for found in self.tables.values():
            if match := _CLUSTER.match(found.engine_full):
                return match[1]
        return None


def read_state(client: Any, names: Names) -> State:
    """From the catalog, with three queries."""
    asked = {"database": names.database, "names": names.all}
    there = client.query("SELECT count() FROM system.databases WHERE name = {database:String}", parameters=asked)
    columns: dict[str, dict[str, str]] = {}
    for table, name, type_ in client.query(_COLUMNS, parameters=asked).result_rows:
        columns.setdefault(table, {})[name] = type_
    tables = {
        name: Found(engine, engine_full, said, columns.get(name, {}))
        for name, engine, engine_full, said in client.query(_TABLES, parameters=asked).result_rows
    }
    return State(bool(there.first_row[0]), tables)
