"""The tables beside `command_calls` that `slashspan rollup` keeps, and the triggers that mark what is no longer summed.

They exist only after `slashspan rollup build`. Here, because both halves need them: `insights.sums` creates, fills and
reads them, and `exporters` gives a new partition its triggers and marks a partition that it drops.

A sum is out of date exactly when its rows have changed, in the snapshot of whoever looks:

- PostgreSQL: statement triggers write the times of the rows that a statement has changed into the table of marks. Mark
  and rows are committed together.
- SQLite: there is one writer at a time, so new rows are those whose `id` is above a watermark; triggers mark the hours
  of deleted and changed rows, and of rows that are inserted below the watermark.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from slashspan.sqlite_time import CALLED_AT_AS_ISO

if TYPE_CHECKING:
    from collections.abc import Iterable

    from slashspan.table import Table

SUMMED_COLUMNS: Final = (
    "called_at",
    "discord_uid",
    "guild_id",
    "command",
    "kind",
    "outcome",
    "error_type",
    "duration_ms",
    "ack_ms",
    "gateway_delay_ms",
    "service_name",
    "service_version",
    "environment",
    "application_id",
)
"""The columns that the sums are made of."""
FORMAT: Final = 2
"""Of the documents. Sums of another format are not read, and `slashspan rollup build` makes them anew."""
HOUR: Final = 3600
EVENTS: Final = ("insert", "update", "delete", "truncate")


@dataclass(frozen=True, slots=True)
class SumTables:
    """The names, for SQL."""

    table: Table

    @property
    def state(self) -> str:
        """One row: the format, the zones, and how far SQLite's rows are summed."""
        return self.table.beside("sums")

    @property
    def hours(self) -> str:
        """A document for each hour that has rows."""
        return self.table.beside("sum_hours")

    @property
    def days(self) -> str:
        """A document for each local day of a zone, merged from those of its hours."""
        return self.table.beside("sum_days")

    @property
    def ids(self) -> str:
        """Users and guilds → the numbers in the documents."""
        return self.table.beside("sum_ids")

    @property
    def marks(self) -> str:
        """What is out of date."""
        return self.table.beside("sum_marks")

    @property
    def function(self) -> str:
        """PostgreSQL's trigger function."""
        return self.table.beside("sum_mark")

    @property
    def every(self) -> tuple[str, ...]:
        return (self.state, self.hours, self.days, self.ids, self.marks)

    def trigger(self, event: str) -> str:
        """The name of a trigger."""
        return self.table.part(f"sum_{event}")


# PostgreSQL


def postgres_creation(names: SumTables) -> list[str]:
    """SQL for the tables and the trigger function."""
    return [
        (
            f"CREATE TABLE IF NOT EXISTS {names.state} (one boolean PRIMARY KEY DEFAULT true CHECK (one), "
            "format integer NOT NULL, shift integer NOT NULL, zones text NOT NULL, partitions text NOT NULL)"
        ),
        (
            f"CREATE TABLE IF NOT EXISTS {names.hours} "
            "(start bigint PRIMARY KEY, version bigint NOT NULL, document bytea NOT NULL)"
        ),
        (
            f"CREATE TABLE IF NOT EXISTS {names.days} "
            "(zone text, day integer, version bigint NOT NULL, document bytea NOT NULL, PRIMARY KEY (zone, day))"
        ),
        (
            f"CREATE TABLE IF NOT EXISTS {names.ids} "
            "(number integer PRIMARY KEY GENERATED ALWAYS AS IDENTITY, id bigint NOT NULL UNIQUE)"
        ),
        f"CREATE TABLE IF NOT EXISTS {names.marks} (since timestamptz NOT NULL, until timestamptz NOT NULL)",
        _postgres_function(names),
    ]


def _postgres_function(names: SumTables) -> str:
    """Marks the time from the first to the last row of a statement, or the hours of its rows if they are far apart.

    It must never fail a bot's INSERT. If it cannot write the mark because somebody has taken away the table or the
    right to it, readers see that too, and do without the sums (`insights/sql/postgresql/sum_tables.sql`).
    """

    def mark(rows: str) -> str:
        return f"""
        SELECT min(called_at), max(called_at) INTO first, last FROM {rows};
        IF last < first + interval '1 hour' THEN
            INSERT INTO {names.marks} VALUES (first, last);
        ELSE
            INSERT INTO {names.marks} SELECT min(called_at), max(called_at) FROM {rows}
             WHERE called_at IS NOT NULL GROUP BY floor(extract(epoch FROM called_at) / 3600);
        END IF;"""

    return f"""CREATE OR REPLACE FUNCTION {names.function}() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $mark$
DECLARE
    first timestamptz;
    last timestamptz;
BEGIN
    IF TG_OP = 'TRUNCATE' THEN
        INSERT INTO {names.marks} VALUES ('-infinity', 'infinity');
        RETURN NULL;
    END IF;
    IF TG_OP <> 'DELETE' THEN{mark("new_rows")}
    END IF;
    IF TG_OP <> 'INSERT' THEN{mark("old_rows")}
    END IF;
    RETURN NULL;
EXCEPTION WHEN undefined_table OR undefined_column OR insufficient_privilege THEN
    RETURN NULL;
END
$mark$"""


def postgres_triggers(names: SumTables, table: str) -> list[str]:
    """SQL that gives the table, or one of its partitions, its triggers. `table`: quoted.

    ENABLE ALWAYS: so that they also work under `session_replication_role`, and because a trigger that was disabled and
    enabled again by hand is not like that any more, which readers see.
    """
    rows = {
        "insert": "REFERENCING NEW TABLE AS new_rows ",
        "update": "REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows ",
        "delete": "REFERENCING OLD TABLE AS old_rows ",
        "truncate": "",
    }
    sql = []
    for event in EVENTS:
        name = names.trigger(event)
        sql += [
            f'DROP TRIGGER IF EXISTS "{name}" ON {table}',
            (
                f'CREATE TRIGGER "{name}" AFTER {event.upper()} ON {table} {rows[event]}'
                f"FOR EACH STATEMENT EXECUTE FUNCTION {names.function}()"
            ),
            f'ALTER TABLE {table} ENABLE ALWAYS TRIGGER "{name}"',
        ]
    return sql


def postgres_removal(names: SumTables) -> list[str]:
    """SQL that removes all of it; CASCADE: the triggers of the table and its partitions go with their function."""
    tables = ", ".join(names.every)
    return [f"DROP FUNCTION IF EXISTS {names.function}() CASCADE", f"DROP TABLE IF EXISTS {tables}"]


# SQLite

_ALL: Final = "SELECT coalesce(max(id), 0) FROM {table}"


def _start(row: str, shift: int) -> str:
    """SQL for the second at which the hour of a row's `called_at` began; NULL if that is no time."""
    second = f"CAST(strftime('%s', substr({_iso(row)}, 1, 19)) AS INTEGER)"
    return f"{second} - (({second} - {shift}) % {HOUR} + {HOUR}) % {HOUR}"


def _iso(row: str) -> str:
    return CALLED_AT_AS_ISO.replace("called_at", f"{row}.called_at")


def _is_strange(row: str) -> str:
    called_at = f"{row}.called_at"
    return (
        f"NOT coalesce(length({called_at}) = 27 AND substr({called_at}, 11, 1) = 'T' "
        f"AND substr({called_at}, 27) = 'Z', 0)"
    )


def sqlite_creation(names: SumTables) -> list[str]:
    """SQL for the tables."""
    return [
        (
            f"CREATE TABLE IF NOT EXISTS {names.state} "
            "(one INTEGER PRIMARY KEY CHECK (one = 1), format INTEGER NOT NULL, "
            "shift INTEGER NOT NULL, zones TEXT NOT NULL, watermark INTEGER NOT NULL, generation INTEGER NOT NULL, "
            "strange INTEGER NOT NULL)"
        ),
        (
            f"CREATE TABLE IF NOT EXISTS {names.hours} "
            "(start INTEGER PRIMARY KEY, version INTEGER NOT NULL, document BLOB NOT NULL)"
        ),
        (
            f"CREATE TABLE IF NOT EXISTS {names.days} "
            "(zone TEXT NOT NULL, day INTEGER NOT NULL, version INTEGER NOT NULL, "
            "document BLOB NOT NULL, PRIMARY KEY (zone, day)) WITHOUT ROWID"
        ),
        (
            f"CREATE TABLE IF NOT EXISTS {names.ids} "
            "(number INTEGER PRIMARY KEY AUTOINCREMENT, id INTEGER NOT NULL UNIQUE)"
        ),
        f"CREATE TABLE IF NOT EXISTS {names.marks} (start INTEGER PRIMARY KEY, changes INTEGER NOT NULL)",
    ]


def sqlite_triggers(names: SumTables, shift: int) -> dict[str, str]:
    """SQL of each trigger by name, as `sqlite_master` shows it.

    A deleted row above the watermark tells a refresher that is at work to begin again. A row that had the highest id
    takes the watermark down with it: without AUTOINCREMENT, as in an old bot's table, the id is given again.
    """
    table = names.table.quoted

    def mark(row: str) -> str:
        return (
            f"INSERT INTO {names.marks} SELECT start, 1 FROM (SELECT {_start(row, shift)} AS start) "
            "WHERE start IS NOT NULL ON CONFLICT (start) DO UPDATE SET changes = changes + 1; "
        )

    strange = f"UPDATE {names.state} SET strange = 1 WHERE {_is_strange('NEW')} AND strange = 0; "
    highest = _ALL.format(table=table)
    deleted = (
        f"UPDATE {names.state} SET generation = generation + 1, watermark = min(watermark, ({highest})) "
        f"WHERE OLD.id > watermark OR OLD.id > ({highest}); "
    )
    watermark = f"(SELECT watermark FROM {names.state})"
    columns = ", ".join(("id", *SUMMED_COLUMNS))
    bodies = {
        "insert": f"INSERT ON {table} WHEN NEW.id <= {watermark} BEGIN {mark('NEW')}{strange}END",
        "update": f"UPDATE OF {columns} ON {table} BEGIN {mark('OLD')}{mark('NEW')}{strange}{deleted}END",
        "delete": f"DELETE ON {table} BEGIN {mark('OLD')}{deleted}END",
    }
    return {
        names.trigger(event): f'CREATE TRIGGER "{names.trigger(event)}" AFTER {body}' for event, body in bodies.items()
    }


def sqlite_removal(names: SumTables) -> Iterable[str]:
    """SQL that removes all of it."""
    triggers = [f'DROP TRIGGER IF EXISTS "{names.trigger(event)}"' for event in EVENTS]
    return [*triggers, *(f"DROP TABLE IF EXISTS {name}" for name in names.every)]
