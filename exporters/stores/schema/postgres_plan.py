"""PostgreSQL: computes from the catalog what is still to be done. No I/O except for one query.

Nothing here rewrites the table or blocks writers for long, except in two cases that the plan points out: a naive
`called_at` in a zone other than UTC (or PostgreSQL before 12), and the owner's indexes on a naive `called_at`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from slashspan.exporters.rows.command_call import LEGACY_COLUMNS
from slashspan.exporters.stores import schema
from slashspan.exporters.stores.errors import SchemaMismatch
from slashspan.exporters.stores.schema.plan import (
    MIGRATE,
    Plan,
    Step,
    missing_columns,
    refuse,
    refuse_newer,
    refuse_older,
)

if TYPE_CHECKING:
    from slashspan.exporters.rows.columns import Column, Dialect
    from slashspan.exporters.stores.schema import Index, Migration
    from slashspan.exporters.stores.schema.postgres_state import TableState
    from slashspan.table import Table

DIALECT: Final[Dialect] = "postgresql"
NAIVE: Final = "timestamp without time zone"
AWARE: Final = "timestamp with time zone"
UTC: Final = "UTC"
_NO_REWRITE_SINCE: Final = 120000
_SHORT: Final = {AWARE: "timestamptz"}


@dataclass(frozen=True, slots=True)
class MigrationOptions:
    """Options of `slashspan migrate`."""

    partitioned: bool = False
    zone: str = UTC
    """Time zone of a naive `called_at`."""


def record_table(table: Table) -> str:
    """The quoted name, in the table's schema."""
    return schema.RECORD_TABLE if table.schema is None else f'"{table.schema}".{schema.RECORD_TABLE}'


async def read_versions(connection: Any, table: Table) -> set[int]:
    """The migrations recorded for this table."""
    record = record_table(table)
    if await connection.fetchval("SELECT to_regclass($1) IS NULL", record):
        return set()
    rows = await connection.fetch(
        f"SELECT version FROM {record} WHERE table_name = $1",  # noqa: S608 - quoted
        table.name,
    )
    return {row["version"] for row in rows}


def is_ready(state: TableState, table: Table) -> bool:
    """Whether a store can write: every column with its type, and the unique key."""
    steps = schema.migrations(DIALECT, table)
    return not missing_columns(steps, state.columns) and not _wrong(state, steps) and _identity(state) is not None


def creation(table: Table, *, partitioned: bool) -> Step:
    """Creates the newest schema directly, and records each migration."""
    steps = schema.migrations(DIALECT, table, partitioned=partitioned)
    forget = f"DELETE FROM {record_table(table)} WHERE table_name = '{table.name}'"  # noqa: S608 - checked
    # Records without a table belong to one that was dropped.
    sql = [_record_sql(table), forget, *(step.sql.strip() for step in steps)]
    if partitioned:
        sql.append(f"CREATE TABLE {table.beside('default')} PARTITION OF {table.quoted} DEFAULT")
    sql += [_recorded(table, step.version) for step in steps]
    return Step(f"create {table}{', in monthly partitions' if partitioned else ''}", tuple(sql))


def quick_steps(state: TableState, table: Table, recorded: set[int]) -> list[Step]:
    """What a store does itself: add the columns of later migrations. Raises SchemaMismatch for everything else."""
    steps = schema.migrations(DIALECT, table)
    _check(state, table, steps, recorded)
    lacking = missing_columns(steps, state.columns)
    refuse_older(table, lacking, steps[0].version)
    if wrong := _wrong(state, steps):
        raise SchemaMismatch(f"table {table} is an older one: {'; '.join(wrong)}. To upgrade it in place {MIGRATE}")
    if _identity(state) is None:
        raise SchemaMismatch(f"table {table} has no unique index on (called_at, span_id): {MIGRATE}")
    return [_columns_step(state, table, step) for step in steps if step.version in lacking]


def full_plan(state: TableState | None, table: Table, recorded: set[int], options: MigrationOptions) -> Plan:
    """Everything that is missing. Raises SchemaMismatch for a table that is not ours."""
    if state is None:
        return Plan((creation(table, partitioned=options.partitioned),))
    steps = schema.migrations(DIALECT, table)
    if options.partitioned and not state.partitioned:
        raise SchemaMismatch(
            f"table {table} exists and is not partitioned, and PostgreSQL cannot change that in place. Choose a name "
            "with SLASHSPAN_TABLE, or rename the old one first"
        )
    _check(state, table, steps, recorded)
    lacking = missing_columns(steps, state.columns)
    if steps[0].version in lacking:
        recorded = set()  # left from a table that was dropped
    plan = _conversions(state, table, options)
    plan += [_columns_step(state, table, step) for step in steps if step.version in lacking]
    if "inserted_at" in state.columns and state.columns["inserted_at"]["default"] is None:
        plan.append(Step("inserted_at gets a default for new rows", (_fills(table, "inserted_at"),)))
    for step in steps:
        for index in step.indexes:
            wanted = step.version not in recorded or index.suffix == schema.IDENTITY
            if wanted and not _has(state, table, index):
                plan += _index_steps(state, table, index)
    by_itself = {step.version for step in steps if step.version in lacking and not step.indexes}
    if rest := [step.version for step in steps if step.version not in recorded | by_itself]:
        sql = [_record_sql(table), *(_recorded(table, version) for version in rest)]
        plan.append(Step("record the finished steps", tuple(sql)))
    return Plan(tuple(plan), tuple(_notes(state, table, options)) if plan else ())


def _check(state: TableState, table: Table, steps: list[Migration], recorded: set[int]) -> None:
    if state.kind not in ("r", "p"):
        raise SchemaMismatch(
            f"{table} is not a table (pg_class.relkind {state.kind!r}). Choose another name with SLASHSPAN_TABLE"
        )
    reasons = []
    if absent := [name for name in LEGACY_COLUMNS if name not in state.columns]:
        reasons.append(f"it lacks {', '.join(absent)}")
    for column in _ours(steps):
        found = state.columns.get(column.name)
        if found and not _convertible(column.name, column.type.postgresql, found["type"]):
            reasons.append(f"{column.name} is {found['type']} and must be {column.type.postgresql}")
    ours = {column.name: column for column in _ours(steps)}
    for name, found in state.columns.items():
        if found["required"] and not found["fills"] and (name == "id" or name not in ours):
            reasons.append(f"{name} is NOT NULL and has no default")
    if reasons:
        raise refuse(table, state.columns, reasons)
    refuse_newer(table, missing_columns(steps, state.columns), recorded, steps[-1].version)


def _ours(steps: list[Migration]) -> list[Column]:
    return [column for step in steps for column in step.columns]


def _convertible(name: str, want: str, found: str) -> bool:
    if name == "id":
        return found in ("integer", "bigint")
    if want == "text":
        return found == "text" or found.startswith("character varying")
    if want == "timestamptz":
        return found.startswith("timestamp")
    return found == want


def _wrong(state: TableState, steps: list[Migration]) -> list[str]:
    """Columns whose type has to be changed first."""
    return [
        f"{column.name} is {state.columns[column.name]['type']}"
        for column in _ours(steps)
        if column.name != "id"
        and column.name in state.columns
        and _SHORT.get(state.columns[column.name]["type"], state.columns[column.name]["type"]) != column.type.postgresql
    ]


def _conversions(state: TableState, table: Table, options: MigrationOptions) -> list[Step]:
    steps = []
    for column in _ours(schema.migrations(DIALECT, table)):
        found = state.columns.get(column.name)
        if found is None or column.name == "id" or _SHORT.get(found["type"], found["type"]) == column.type.postgresql:
            continue
        alter = f'ALTER TABLE {table.quoted} ALTER COLUMN "{column.name}" TYPE {column.type.postgresql}'
        if not found["type"].endswith("without time zone"):
            steps.append(Step(f"{column.name} becomes {column.type.postgresql}", (alter,)))
            continue
        sql = ["SET LOCAL TimeZone = 'UTC'"]  # so that PostgreSQL does not rewrite the rows
        sql.append(alter if options.zone == UTC else f"{alter} USING \"{column.name}\" AT TIME ZONE '{options.zone}'")
        if found["default"] is not None:
            sql.append(_fills(table, column.name))  # `now() AT TIME ZONE 'utc'` would now be interpreted as local time
        rewrites = ", which rewrites the table" if _rewrites(state, options) else ""
        steps.append(Step(f"{column.name} becomes timestamptz, read as {options.zone}{rewrites}", tuple(sql)))
    return steps


def _rewrites(state: TableState, options: MigrationOptions) -> bool:
    return options.zone != UTC or state.server < _NO_REWRITE_SINCE


def _columns_step(state: TableState, table: Table, step: Migration) -> Step:
    """Nullable and without defaults, so that only the catalog changes and old rows stay as they are."""
    lacking = [column for column in step.columns if column.name not in state.columns]
    sql = [
        f"ALTER TABLE {table.quoted} "
        + ", ".join(f'ADD COLUMN "{column.name}" {column.type.postgresql}' for column in lacking)
    ]
    sql += [_fills(table, column.name) for column in lacking if column.default]
    if not step.indexes:
        sql += [_record_sql(table), _recorded(table, step.version)]
    else:  # the first one: existing records belong to a table that was dropped; the indexes follow later
        sql += [_record_sql(table), f"DELETE FROM {record_table(table)} WHERE table_name = '{table.name}'"]  # noqa: S608
    names = ", ".join(column.name for column in lacking)
    return Step(f"add {names}", tuple(sql))


def _fills(table: Table, column: str) -> str:
    return f'ALTER TABLE {table.quoted} ALTER COLUMN "{column}" SET DEFAULT now()'


def _has(state: TableState, table: Table, index: Index) -> bool:
    if index.suffix == schema.IDENTITY:
        return _identity(state) is not None
    return bool(state.indexes.get(table.part(index.suffix), {}).get("valid"))


def _identity(state: TableState) -> str | None:
    for name, index in state.indexes.items():
        if index["valid"] and index["key"] and sorted(index["columns"]) == ["called_at", "span_id"]:
            return name
    return None


def _index_steps(state: TableState, table: Table, index: Index) -> list[Step]:
    name = table.part(index.suffix)
    if not state.partitioned:
        leftover = [_drop_leftover(table.beside(index.suffix))] if name in state.indexes else []
        return [*leftover, Step(f"index {name}", (index.sql(name, table.quoted, concurrently=True),), alone=True)]
    # Partitions first: the index of the whole table then adopts theirs immediately.
    steps = []
    for leaf in state.partitions:
        own = f"{leaf['name']}_{index.suffix}"
        known = leaf["indexes"] or {}
        if known.get(own):
            continue
        if own in known:
            steps.append(_drop_leftover(f'{leaf["quoted"].rpartition(".")[0]}."{own}"'))
        sql = index.sql(own, leaf["quoted"], concurrently=True)
        steps.append(Step(f"index {own}", (sql,), alone=True))
    return [*steps, Step(f"index {name}", (index.sql(name, table.quoted),))]


def _drop_leftover(quoted: str) -> Step:
    return Step(f"drop {quoted}, left half-built", (f"DROP INDEX CONCURRENTLY {quoted}",), alone=True)


def _record_sql(table: Table) -> str:
    return (
        f"CREATE TABLE IF NOT EXISTS {record_table(table)} (table_name text NOT NULL, version integer NOT NULL, "
        "applied_at timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (table_name, version))"
    )


def _recorded(table: Table, version: int) -> str:
    return (
        f"INSERT INTO {record_table(table)} (table_name, version) VALUES ('{table.name}', {version}) "  # noqa: S608
        "ON CONFLICT DO NOTHING"
    )


def _notes(state: TableState, table: Table, options: MigrationOptions) -> list[str]:
    notes = []
    if state.columns["id"]["type"] == "integer":
        notes.append("id stays an integer, which ends at 2,147,483,647; changing it to bigint would rewrite the table")
    called_at = state.columns["called_at"]
    if called_at["type"].endswith("without time zone"):
        notes.append(
            f"called_at has no time zone and is read as {options.zone}; use --naive-called-at-zone for another one"
        )
        if called_at["default"] and state.zone not in (options.zone, "Etc/UTC", "GMT"):
            notes.append(
                f"the server's time zone is {state.zone}: DEFAULT {called_at['default']} may have used that zone"
            )
        if _rewrites(state, options):
            notes.append(f"this rewrites about {state.rows:,} rows, while readers and writers wait")
        if others := [name for name, index in state.indexes.items() if "called_at" in index["columns"]]:
            notes.append(f"PostgreSQL also rebuilds {', '.join(others)}, while readers and writers wait")
        notes.append(
            "drivers will return aware times; a writer that sends naive ones should send aware times in UTC, "
            "or run with TZ=UTC"
        )
    return notes
