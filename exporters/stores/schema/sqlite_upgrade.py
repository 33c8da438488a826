"""SQLite: reads the state of the table, plans what is missing, and does it. Every step is one transaction.

Only `slashspan migrate` builds indexes on an existing table, because writers have to wait for that.
"""

from __future__ import annotations

import contextlib
import sqlite3
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

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
    from collections.abc import Callable, Iterator

    from slashspan.exporters.rows.columns import Column, Dialect
    from slashspan.exporters.stores.schema import Migration
    from slashspan.table import Table

DIALECT: Final[Dialect] = "sqlite"
_RECORD: Final = (
    f"CREATE TABLE IF NOT EXISTS {schema.RECORD_TABLE} (table_name TEXT NOT NULL, version INTEGER NOT NULL, "
    "applied_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP, PRIMARY KEY (table_name, version))"
)
_SAMPLE: Final = 1000
"""Rows at both ends of the table whose `called_at` is checked."""


@dataclass(frozen=True, slots=True)
class ExistingColumn:
    """A column of the existing table."""

    type: str
    required: bool
    default: str | None
    key: int


@dataclass(frozen=True, slots=True)
class TableState:
    """The table as SQLite describes it."""

    columns: dict[str, ExistingColumn]
    indexes: dict[str, tuple[bool, tuple[str, ...]]]
    """By name: whether it is a key, and its columns."""
    triggers: frozenset[str]
    times: frozenset[str]
    """Values of `typeof(called_at)`, in a sample."""


def prepare(connection: sqlite3.Connection, table: Table) -> None:
    """Create the table, or make the quick changes that it lacks. Raises SchemaMismatch."""
    if _is_ready(connection, table):
        return
    with transaction(connection):
        if _is_ready(connection, table):  # another process was faster
            return
        state, recorded = read_state(connection, table), _versions(connection, table)
        for step in [_creation(table)] if state is None else _quick_steps(state, table, recorded):
            _run(connection, step)


def plan(connection: sqlite3.Connection, table: Table) -> Plan:
    """Everything that is missing. Changes nothing. Raises SchemaMismatch."""
    state = read_state(connection, table)
    if state is None:
        return Plan((_creation(table),))
    steps = schema.migrations(DIALECT, table)
    recorded = _versions(connection, table)
    _check(state, table, steps, recorded)
    lacking = missing_columns(steps, state.columns)
    if steps[0].version in lacking:
        recorded = set()  # left from a table that was dropped
    todo = [_columns_step(state, table, step) for step in steps if step.version in lacking]
    todo += _triggers(state, table, steps)
    for step in steps:
        for index in step.indexes:
            name = table.part(index.suffix)
            wanted = step.version not in recorded or index.suffix == schema.IDENTITY
            there = _has_identity(state) if index.suffix == schema.IDENTITY else name in state.indexes
            if wanted and not there:
                todo.append(Step(f"index {name}, while writers wait", (index.sql(name, table.quoted),)))
    by_itself = {step.version for step in steps[1:] if step.version in lacking}
    if rest := [step for step in steps if step.version not in recorded | by_itself]:
        todo.append(Step("record the finished steps", (_RECORD, *(_recorded(table, step) for step in rest))))
    notes = ["times of old rows stay as they are and are read as UTC"] if steps[0].version in lacking else []
    if not _is_rowid(state):
        notes.append("id is not declared INTEGER PRIMARY KEY: new rows have no id")
    return Plan(tuple(todo), tuple(notes) if todo else ())


def migrate(connection: sqlite3.Connection, table: Table, *, done: Callable[[Step], None] = lambda _: None) -> None:
    """Execute the plan step by step; `done` is called after each. Can be interrupted at any point and run again."""
    while steps := plan(connection, table).steps:
        with transaction(connection):
            if plan(connection, table).steps[:1] != steps[:1]:
                continue  # a store that started in the meantime has done it
            _run(connection, steps[0])
        done(steps[0])


@contextlib.contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Takes the write lock at the start, so that what was read still holds when it is used."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def read_state(connection: sqlite3.Connection, table: Table) -> TableState | None:
    """None if there is no such table. Raises SchemaMismatch for anything but an ordinary table."""
    kind = connection.execute("SELECT type FROM sqlite_master WHERE name = ? COLLATE NOCASE", (table.name,)).fetchone()
    if kind is None:
        return None
    if kind[0] != "table":
        raise SchemaMismatch(f"{table} is not a table but a {kind[0]}. Choose another name with SLASHSPAN_TABLE")
    columns = {
        row[1]: ExistingColumn(row[2].upper(), bool(row[3]), row[4], row[5])
        for row in connection.execute(f"PRAGMA table_info({table.quoted})")
    }
    indexes = {}
    for row in connection.execute(f"PRAGMA index_list({table.quoted})").fetchall():
        parts = tuple(part[0] for part in connection.execute("SELECT name FROM pragma_index_info(?)", (row[1],)))
        indexes[row[1]] = (bool(row[2]) and not row[4], parts)
    triggers = connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall()
    times: frozenset[str] = frozenset()
    if "called_at" in columns:
        ends = " UNION ALL ".join(
            f"SELECT * FROM (SELECT typeof(called_at) FROM {table.quoted} ORDER BY rowid {way} LIMIT {_SAMPLE})"  # noqa: S608
            for way in ("ASC", "DESC")
        )
        try:
            times = frozenset(row[0] for row in connection.execute(ends))
        except sqlite3.OperationalError as error:
            raise SchemaMismatch(
                f"table {table} is not a command_calls table: {error}. Choose another name with SLASHSPAN_TABLE"
            ) from error
    return TableState(columns, indexes, frozenset(row[0] for row in triggers), times)


def statements(script: str) -> Iterator[str]:
    """One at a time: `executescript` would commit the open transaction."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
    if statement.strip():
        yield statement


def _is_ready(connection: sqlite3.Connection, table: Table) -> bool:
    names = {row[1] for row in connection.execute(f"PRAGMA table_info({table.quoted})")}
    if not names or missing_columns(schema.migrations(DIALECT, table), dict.fromkeys(names)):
        return False
    state = read_state(connection, table)
    return state is not None and _has_identity(state)


def _quick_steps(state: TableState, table: Table, recorded: set[int]) -> list[Step]:
    steps = schema.migrations(DIALECT, table)
    _check(state, table, steps, recorded)
    lacking = missing_columns(steps, state.columns)
    refuse_older(table, lacking, steps[0].version)
    if not _has_identity(state):
        raise SchemaMismatch(f"table {table} has no unique index on (called_at, span_id): {MIGRATE}")
    return [_columns_step(state, table, step) for step in steps if step.version in lacking]


def _check(state: TableState, table: Table, steps: list[Migration], recorded: set[int]) -> None:
    reasons = []
    if absent := [name for name in LEGACY_COLUMNS if name not in state.columns]:
        reasons.append(f"it lacks {', '.join(absent)}")
    ours = {column.name: column for column in _ours(steps)}
    for name, found in state.columns.items():
        if name in ours and name != "id" and not _fits(ours[name], found):
            reasons.append(f"{name} is {found.type} and must be {ours[name].type.sqlite}")
        if found.required and found.default is None and name not in ours:
            reasons.append(f"{name} is NOT NULL and has no default")
    if "id" in state.columns and state.columns["id"].required and not _is_rowid(state):
        reasons.append("id is NOT NULL and has no default")
    if numbers := state.times - {"text", "null"}:
        reasons.append(f"called_at holds {', '.join(sorted(numbers))} values and must hold text")
    if reasons:
        raise refuse(table, state.columns, reasons)
    refuse_newer(table, missing_columns(steps, state.columns), recorded, steps[-1].version)


def _fits(column: Column, found: ExistingColumn) -> bool:
    """By SQLite's rules of type affinity (https://www.sqlite.org/datatype3.html, 3.1)."""
    integer = "INT" in found.type
    text = not integer and any(word in found.type for word in ("CHAR", "CLOB", "TEXT"))
    real = not integer and not text and any(word in found.type for word in ("REAL", "FLOA", "DOUB"))
    if column.name == "called_at":  # DATE, DATETIME and TIMESTAMP have no affinity of their own and keep text
        return not integer and not real
    return {"INTEGER": integer, "TEXT": text, "REAL": real}[column.type.sqlite]


def _is_rowid(state: TableState) -> bool:
    return state.columns["id"].type == "INTEGER" and state.columns["id"].key == 1


def _has_identity(state: TableState) -> bool:
    return any(key and sorted(columns) == ["called_at", "span_id"] for key, columns in state.indexes.values())


def _ours(steps: list[Migration]) -> list[Column]:
    return [column for step in steps for column in step.columns]


def _creation(table: Table) -> Step:
    steps = schema.migrations(DIALECT, table)
    # Records without a table belong to one that was dropped.
    sql = [_RECORD, _forgotten(table), *(part for step in steps for part in statements(step.sql))]
    return Step(f"create {table}", (*sql, *(_recorded(table, step) for step in steps)))


def _columns_step(state: TableState, table: Table, step: Migration) -> Step:
    lacking = [column for column in step.columns if column.name not in state.columns]
    sql = [f'ALTER TABLE {table.quoted} ADD COLUMN "{column.name}" {column.type.sqlite}' for column in lacking]
    sql += [_RECORD, _forgotten(table) if step.indexes else _recorded(table, step)]
    return Step(f"add {', '.join(column.name for column in lacking)}", tuple(sql))


def _triggers(state: TableState, table: Table, steps: list[Migration]) -> list[Step]:
    """SQLite can neither add a column with such a default to existing rows, nor set a default later."""
    todo = []
    for column in _ours(steps):
        found = state.columns.get(column.name)
        name = table.part(column.name)
        default = column.default.get(DIALECT)
        if default and (found is None or found.default is None) and name not in state.triggers:
            sql = (  # the names are checked, the default is the migration's
                f'CREATE TRIGGER "{name}" AFTER INSERT ON {table.quoted} WHEN NEW."{column.name}" IS NULL '  # noqa: S608
                f'BEGIN UPDATE {table.quoted} SET "{column.name}" = {default} WHERE rowid = NEW.rowid; END'
            )
            todo.append(Step(f"{column.name} gets a default for new rows", (sql,)))
    return todo


def _recorded(table: Table, step: Migration) -> str:
    return (
        f"INSERT OR IGNORE INTO {schema.RECORD_TABLE} (table_name, version) "  # noqa: S608 - checked
        f"VALUES ('{table.name}', {step.version})"
    )


def _forgotten(table: Table) -> str:
    return f"DELETE FROM {schema.RECORD_TABLE} WHERE table_name = '{table.name}'"  # noqa: S608 - checked


def _versions(connection: sqlite3.Connection, table: Table) -> set[int]:
    known = connection.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (schema.RECORD_TABLE,)).fetchone()
    if known is None:
        return set()
    sql = f"SELECT version FROM {schema.RECORD_TABLE} WHERE table_name = ?"  # noqa: S608 - a constant
    return {row[0] for row in connection.execute(sql, (table.name,))}


def _run(connection: sqlite3.Connection, step: Step) -> None:
    for sql in step.sql:
        connection.execute(sql)
