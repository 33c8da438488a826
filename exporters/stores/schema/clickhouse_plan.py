"""ClickHouse: creates and upgrades the tables, the materialized view between them, and the view that people read.

The plan is computed from what is there: what is missing is created, a column that the rows lack is added, and views of
an older slashspan are renewed. Every statement can be repeated, so an interrupted plan is finished by the next.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from slashspan.exporters.rows.command_call import ROW_COLUMNS
from slashspan.exporters.stores.errors import SchemaMismatch
from slashspan.exporters.stores.schema import clickhouse_sql as sql
from slashspan.exporters.stores.schema.clickhouse_columns import SCHEMA_VERSION
from slashspan.exporters.stores.schema.clickhouse_sql import LOGS, SPANS, Names
from slashspan.exporters.stores.schema.clickhouse_state import read_state
from slashspan.exporters.stores.schema.plan import Plan, Step, refuse, refuse_newer

if TYPE_CHECKING:
    from collections.abc import Callable

    from slashspan.exporters.stores.schema.clickhouse_state import Found, State
    from slashspan.table import Table

_SETTINGS: Final = {"alter_sync": 2, "throw_on_max_partitions_per_insert_block": 0}
"""A step is done when all replicas have done it; the spans that are there may be of any number of days."""
_NEEDED: Final = {
    **dict.fromkeys(("Timestamp", "Duration", "TraceId", "SpanId", "Events.Name"), ""),
    **dict.fromkeys(("ResourceAttributes", "SpanAttributes"), "Map("),
    "Events.Attributes": "Array(Map(",
}
"""Columns of spans that are read, and how their types begin."""


def plan(client: Any, database: str, table: Table, cluster: str | None = None) -> Plan:
    """What is missing. Changes nothing. Raises SchemaMismatch, and what the client raises.

    `cluster`: where new tables are created; those that exist stay where they are.
    """
    state = read_state(client, Names(database, table))
    names = Names(database, table, _cluster(state, table, cluster))
    _refuse_others(state, names)
    steps = [] if state.has_database else [_step(f"create the database {database}", sql.create_database(names))]
    for name in names.tables:
        steps += _missing_tables(state, names, name)
    steps += _missing_columns(state, names)
    steps += _materialized_view(state, names)
    view, found = sql.create_calls(names), state.tables.get(names.calls)
    if found is None or not found.is_current(view):
        steps.append(_step(f"{'create' if found is None else 'renew'} the view {names.calls}", view.sql))
    others = [name for name in (SPANS, LOGS) if name in state.tables and not state.tables[name].version]
    keeps = "was not created by slashspan: its keys, partitions and retention stay as they are"
    return Plan(tuple(steps), tuple(f"{name} {keeps}" for name in others))


def migrate(
    client: Any, database: str, table: Table, cluster: str | None = None, *, done: Callable[[Step], None]
) -> None:
    """Bring everything up to date. Raises SchemaMismatch, and what the client raises."""
    for step in plan(client, database, table, cluster).steps:
        for statement in step.sql:
            client.command(statement, settings=_SETTINGS)
        done(step)


def _step(title: str, *statements: str) -> Step:
    return Step(title, statements, alone=True)  # ClickHouse has no transactions


def _cluster(state: State, table: Table, asked: str | None) -> str | None:
    there = state.cluster
    if asked is not None and state.tables and there != asked:
        where = f"in the cluster {there}" if there else "on one node"
        raise SchemaMismatch(f"the tables of {table} are {where} already; create those of {asked} in another database")
    return there or asked


def _missing_tables(state: State, names: Names, name: str) -> list[Step]:
    steps, stored = [], names.stored(name)
    if stored not in state.tables:
        steps.append(_step(f"create the table {stored}", sql.create_table(names, name).sql))
    if names.cluster and name not in state.tables:
        steps.append(_step(f"create the table {name} over all shards", sql.create_distributed(names, name).sql))
    return steps


def _missing_columns(state: State, names: Names) -> list[Step]:
    steps = []
    for name in dict.fromkeys((names.stored(names.rows), names.rows)):
        lacking = _lacking(state.tables[name]) if name in state.tables else []
        if lacking:
            statements = [sql.add_column(names, name, column) for column in lacking]
            steps.append(_step(f"add to {name}: {', '.join(column.name for column in lacking)}", *statements))
    return steps


def _lacking(rows: Found) -> list[Any]:
    return [column for column in ROW_COLUMNS if column.name not in rows.columns]


def _materialized_view(state: State, names: Names) -> list[Step]:
    """Spans that are there without one become rows after it is created: what arrives in the meantime may do so twice,
    which the view on the rows does not show.
    """
    wanted, found = sql.create_filled(names), state.tables.get(names.filled)
    fill = _step("make rows of the spans that are there", sql.fill(names), sql.change_filled(names))
    create = f"create the materialized view {names.filled}"
    if found is None:
        if SPANS not in state.tables:
            return [_step(create, wanted.sql)]
        return [_step(create, sql.create_unfilled(names)), fill]
    if found.comment == sql.UNFILLED:
        return [fill]
    if found.is_current(wanted):
        return []
    return [_step(f"renew the materialized view {names.filled}", sql.change_filled(names))]


def _refuse_others(state: State, names: Names) -> None:
    """Raise SchemaMismatch for tables of these names that are not ours."""
    for name, found in state.tables.items():
        if name.startswith(SPANS):
            types = found.columns
            wrong = [key for key, begin in _NEEDED.items() if key not in types or not types[key].startswith(begin)]
            if wrong:
                raise SchemaMismatch(
                    f"table {name} is not one of the collector's ClickHouse exporter without `json`: check its "
                    f"{', '.join(wrong)}"
                )
        elif not found.version and not name.startswith(LOGS):
            raise refuse(names.table, found.columns, [f"{name} was not created by slashspan"])
    rows = state.tables.get(names.stored(names.rows))
    if rows is not None:
        lacking = {SCHEMA_VERSION: [column.name for column in _lacking(rows)]} if _lacking(rows) else {}
        refuse_newer(names.table, lacking, [rows.version], SCHEMA_VERSION)
