"""ClickHouse: the statements that create each table and view, from the `.sql` files."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING, Final

from slashspan.exporters.rows.command_call import ROW_COLUMNS
from slashspan.exporters.stores.schema import clickhouse_columns
from slashspan.exporters.stores.schema.clickhouse_columns import SCHEMA_VERSION

if TYPE_CHECKING:
    from slashspan.exporters.rows.columns import Column
    from slashspan.table import Table

SPANS: Final = "otel_traces"
"""The table into which the collector's exporter inserts, as in the collector's configurations."""
LOGS: Final = "otel_logs"
"""The same for what bots log."""
UNFILLED: Final = f"slashspan {SCHEMA_VERSION} 0"
"""The comment of the materialized view until rows are made of the spans that were there before it."""
_LOCAL: Final = "_local"
_FOLDER: Final = resources.files(__package__).joinpath("clickhouse")


@dataclass(frozen=True, slots=True)
class Names:
    """The names of the tables and views."""

    database: str
    table: Table
    cluster: str | None = None
    """Of several nodes: each table is then a Distributed one over those that store the data."""

    @property
    def calls(self) -> str:
        """The view that people read."""
        return self.table.name

    @property
    def rows(self) -> str:
        return self.table.part("rows")

    @property
    def filled(self) -> str:
        """The materialized view from spans to rows."""
        return self.table.part("filled")

    @property
    def tables(self) -> tuple[str, ...]:
        """Those with data."""
        return (SPANS, LOGS, self.rows)

    def stored(self, name: str) -> str:
        """The table that stores the data of this one."""
        return f"{name}{_LOCAL}" if self.cluster else name

    @property
    def all(self) -> list[str]:
        """Every name that may be taken."""
        return [*self.tables, *(f"{name}{_LOCAL}" for name in self.tables), self.filled, self.calls]

    def sql(self, name: str) -> str:
        """Quoted, with the database."""
        return f"{quoted(self.database)}.{quoted(name)}"

    @property
    def on_cluster(self) -> str:
        return f"ON CLUSTER {quoted(self.cluster)}" if self.cluster else ""


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement that creates a table or view, and the comment by which that is known again."""

    sql: str
    comment: str


def quoted(name: str) -> str:
    """A name for SQL."""
    escaped = name.replace("\\", "\\\\").replace("`", "\\`")
    return f"`{escaped}`"


def literal(value: str) -> str:
    """A text for SQL."""
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def create_database(names: Names) -> str:
    return f"CREATE DATABASE IF NOT EXISTS {quoted(names.database)} {names.on_cluster}".rstrip()


def create_table(names: Names, name: str) -> Statement:
    """The table that stores the data of this one."""
    file, engine, version = {SPANS: ("spans", "Replacing", ""), LOGS: ("logs", "", "")}.get(
        name, ("rows", "Replacing", "version")
    )
    arguments = [version] if version else []
    if names.cluster:
        path = f"/clickhouse/tables/{{shard}}/{names.database}/{name}"
        arguments = [literal(path), literal("{replica}"), *arguments]
    return _statement(
        file,
        names,
        engine=f"{'Replicated' if names.cluster else ''}{engine}MergeTree({', '.join(arguments)})",
        window=f"{'' if names.cluster else 'non_'}replicated_deduplication_window",
        stored=names.sql(names.stored(name)),
        columns=_lines(clickhouse_columns.declarations()),
    )


def create_distributed(names: Names, name: str) -> Statement:
    """The table over all nodes of the cluster."""
    stored = names.stored(name)
    return _statement(
        "distributed",
        names,
        name=names.sql(name),
        stored=names.sql(stored),
        cluster=literal(names.cluster or ""),
        database=literal(names.database),
        stored_name=literal(stored),
        trace="trace_id" if name == names.rows else "TraceId",
    )


def create_filled(names: Names) -> Statement:
    """The materialized view."""
    return _statement(
        "filled",
        names,
        filled=names.sql(names.filled),
        stored=names.sql(names.stored(names.rows)),
        row_of_span=row_of_span(names, names.stored(SPANS)),
    )


def create_unfilled(names: Names) -> str:
    """The same with a comment that says that the spans before it have not become rows yet."""
    wanted = create_filled(names)
    return wanted.sql.replace(literal(wanted.comment), literal(UNFILLED))


def create_calls(names: Names) -> Statement:
    """The view that people read."""
    selected = _lines(clickhouse_columns.names())
    return _statement("calls", names, calls=names.sql(names.calls), rows=names.sql(names.rows), selected=selected)


def row_of_span(names: Names, source: str) -> str:
    """The SELECT from spans to rows."""
    selected = _lines(clickhouse_columns.values())
    return _filled_in("row_of_span", source=names.sql(source), values=selected, **clickhouse_columns.words())


def fill(names: Names) -> str:
    """Makes rows of all spans that are there."""
    columns = ", ".join(column.name for column in ROW_COLUMNS)
    return f"INSERT INTO {names.sql(names.rows)} ({columns})\n{row_of_span(names, SPANS)}"


def add_column(names: Names, name: str, column: Column) -> str:
    declared = clickhouse_columns.declaration(column)
    return f"ALTER TABLE {names.sql(name)} {names.on_cluster} ADD COLUMN IF NOT EXISTS {declared}"


def change_filled(names: Names) -> str:
    """Give the materialized view the SELECT of this slashspan, without a moment in which it is missing."""
    head = f"ALTER TABLE {names.sql(names.filled)} {names.on_cluster}"
    said = literal(create_filled(names).comment)
    return f"{head}\nMODIFY COMMENT {said}, MODIFY QUERY\n{row_of_span(names, names.stored(SPANS))}"


def _statement(file: str, names: Names, **words: str) -> Statement:
    sql = _filled_in(file, on_cluster=names.on_cluster, **words)
    comment = f"slashspan {SCHEMA_VERSION} {hashlib.sha256(sql.encode()).hexdigest()[:12]}"
    return Statement(sql.replace("{comment}", comment), comment)


def _filled_in(file: str, **words: str) -> str:
    sql = _FOLDER.joinpath(f"{file}.sql").read_text("utf-8").rstrip()
    for word, value in words.items():
        sql = sql.replace(f"{{{word}}}", value)
    return sql


def _lines(parts: list[str]) -> str:
    return ",\n    ".join(parts)
