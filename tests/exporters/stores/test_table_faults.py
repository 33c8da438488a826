"""If something that the owner added to the table rejects rows, they are kept, and no log or error contains a value."""

from __future__ import annotations

import dataclasses
import traceback
from typing import TYPE_CHECKING

import pytest

from slashspan.exporters.stores.errors import RowsRejected, StoreUnavailable
from slashspan.exporters.stores.factory import open_store
from tests.support.rows import FULL, rows
from tests.support.tables import execute

if TYPE_CHECKING:
    from collections.abc import Iterator

    from slashspan.exporters.stores.base import Store

SECONDS = 20.0
BACKLOG = 100
"""Enough rows for COPY in PostgreSQL; fewer are inserted."""
ROW = dataclasses.replace(FULL, player_name="nelly", discord_uid=80351110224678912)

_TRIGGER = "CREATE TRIGGER refuse BEFORE INSERT ON command_calls "
_EACH_ROW = f"{_TRIGGER} FOR EACH ROW EXECUTE FUNCTION refuse()"
_FUNCTION = "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {}; RETURN NEW; END $$"
FAULTS: dict[str, dict[str, tuple[list[str], list[str], str]]] = {
    # What the owner does, how it is undone, what the error names.
    "a CHECK": {
        "postgresql": (
            ["ALTER TABLE command_calls ADD CONSTRAINT short_names CHECK (length(player_name) < 3)"],
            ["ALTER TABLE command_calls DROP CONSTRAINT short_names"],
            r"SQLSTATE 23514.*short_names",
        ),
        "sqlite": (
            ["ALTER TABLE command_calls ADD COLUMN rank INTEGER CONSTRAINT ranked CHECK (length(player_name) < 3)"],
            ["ALTER TABLE command_calls DROP COLUMN rank"],
            r"CHECK constraint failed: ranked",
        ),
    },
    "a foreign key": {
        "postgresql": (
            [
                "CREATE TABLE players (uid bigint PRIMARY KEY)",
                "ALTER TABLE command_calls ADD CONSTRAINT known FOREIGN KEY (discord_uid) REFERENCES players",
            ],
            ["ALTER TABLE command_calls DROP CONSTRAINT known"],
            r"SQLSTATE 23503.*known",
        ),
    },
    "a unique index": {
        "postgresql": (
            ["CREATE UNIQUE INDEX once_each ON command_calls (player_name)"],
            ["DROP INDEX once_each"],
            r"SQLSTATE 23505.*once_each",
        ),
        "sqlite": (
            ["CREATE UNIQUE INDEX once_each ON command_calls (player_name)"],
            ["DROP INDEX once_each"],
            r"UNIQUE constraint failed: command_calls.player_name",
        ),
    },
    "an exclusion constraint": {
        "postgresql": (
            ["ALTER TABLE command_calls ADD CONSTRAINT apart EXCLUDE USING btree (player_name WITH =)"],
            ["ALTER TABLE command_calls DROP CONSTRAINT apart"],
            r"SQLSTATE 23P01.*apart",
        ),
    },
    "NOT NULL on a column of ours": {
        "postgresql": (
            ["ALTER TABLE command_calls ALTER COLUMN guild_id SET NOT NULL"],
            ["ALTER TABLE command_calls ALTER COLUMN guild_id DROP NOT NULL"],
            r"SQLSTATE 23502.*column guild_id",
        ),
    },
    "a NOT NULL column of somebody's": {
        "postgresql": (
            [
                "ALTER TABLE command_calls ADD COLUMN season integer NOT NULL DEFAULT 1",
                "ALTER TABLE command_calls ALTER COLUMN season DROP DEFAULT",
            ],
            ["ALTER TABLE command_calls DROP COLUMN season"],
            r"SQLSTATE 23502.*column season",
        ),
    },
    "a narrower column": {
        "postgresql": (
            ["ALTER TABLE command_calls ALTER COLUMN player_name TYPE varchar(3)"],
            ["ALTER TABLE command_calls ALTER COLUMN player_name TYPE text"],
            r"SQLSTATE 22001",
        ),
    },
    "a trigger that quotes the row": {
        "postgresql": (
            [
                _FUNCTION.format("RAISE EXCEPTION 'no %, %', NEW.player_name, NEW.discord_uid"),
                _EACH_ROW,
            ],
            ["DROP TRIGGER refuse ON command_calls"],
            r"SQLSTATE P0001",
        ),
        "sqlite": (
            [f"{_TRIGGER} WHEN NEW.player_name = 'nelly' BEGIN SELECT RAISE(ABORT, 'no nelly'); END"],
            ["DROP TRIGGER refuse"],
            r"SQLITE_CONSTRAINT_TRIGGER|IntegrityError",
        ),
    },
    "a trigger with an error of its own class": {
        "postgresql": (
            [
                _FUNCTION.format("RAISE EXCEPTION 'no %', NEW.player_name USING ERRCODE = '42501'"),
                _EACH_ROW,
            ],
            ["DROP TRIGGER refuse ON command_calls"],
            r"SQLSTATE 42501",
        ),
    },
    "a trigger whose arithmetic fails": {
        "postgresql": (
            [
                _FUNCTION.format("NEW.shard_id := NEW.player_name::integer"),
                _EACH_ROW,
            ],
            ["DROP TRIGGER refuse ON command_calls"],
            r"SQLSTATE 22P02",
        ),
    },
}
CASES = [(dialect, fault) for fault, dialects in FAULTS.items() for dialect in dialects]


@pytest.fixture
def store(dsn: str) -> Iterator[Store]:
    opened = open_store(dsn)
    opened.prepare(timeout=SECONDS)
    yield opened
    opened.close(timeout=SECONDS)


@pytest.mark.parametrize("count", [2, BACKLOG])
@pytest.mark.parametrize(("dsn", "fault"), CASES, indirect=["dsn"])
def test_an_error_of_the_table_is_named_and_keeps_the_rows(fault: str, count: int, dsn: str, store: Store) -> None:
    done, undone, named = FAULTS[fault][dsn.partition(":")[0]]
    batch = [dataclasses.replace(ROW, span_id=n, guild_id=None) for n in range(count)]
    execute(dsn, *done)
    with pytest.raises(StoreUnavailable, match=named) as caught:
        store.write(batch, timeout=SECONDS)
    shown = "".join(traceback.format_exception(caught.value))
    assert "nelly" not in shown
    assert str(ROW.discord_uid) not in shown
    assert execute(dsn, "SELECT count(*) AS n FROM command_calls")[0]["n"] == 0
    execute(dsn, *undone)
    store.write(batch, timeout=SECONDS)
    assert execute(dsn, "SELECT count(*) AS n FROM command_calls")[0]["n"] == count


@pytest.mark.parametrize("count", [2, BACKLOG])
def test_an_invalid_value_is_reported_by_its_column_only(dsn: str, store: Store, count: int) -> None:
    batch = [dataclasses.replace(row, player_name="nelly") for row in rows(count)]
    batch[1] = dataclasses.replace(batch[1], player_name="nelly \udc80")
    with pytest.raises(RowsRejected, match="column player_name") as caught:
        store.write(batch, timeout=SECONDS)
    shown = "".join(traceback.format_exception(caught.value))
    assert "nelly" not in shown
    assert str(FULL.discord_uid) not in shown
