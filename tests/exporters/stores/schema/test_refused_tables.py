"""A table of that name that is something else is refused, with the difference, and left alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from slashspan.exporters.admin.migrate import plan_migration, run_migration
from slashspan.exporters.stores.errors import SchemaMismatch, StoreUnavailable
from slashspan.exporters.stores.factory import open_store
from tests.support.legacy_tables import POSTGRESQL, SQLITE
from tests.support.tables import execute

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.postgres import Postgres

T = "command_calls"


@pytest.fixture
def postgresql(server: Postgres, database: str) -> str:
    return server.dsn(database)


NAMES = "player_name text, command text"
FOREIGN = {
    "postgresql": {
        "(title text, body text)": "lacks id",
        f"(id serial, discord_uid text, {NAMES}, called_at timestamptz)": "discord_uid is text",
        f"(id serial, discord_uid bigint, {NAMES}, called_at date)": "called_at is date",
        f"(id serial, discord_uid bigint, {NAMES}, called_at timestamptz, kind integer)": "kind is integer",
        f"(id integer PRIMARY KEY, discord_uid bigint, {NAMES}, called_at timestamptz)": "id is NOT NULL",
        f"(id serial, discord_uid bigint, {NAMES}, called_at timestamptz, x int NOT NULL)": "x is NOT NULL",
    },
    "sqlite": {
        "(title TEXT)": "lacks id",
        f"(id INTEGER PRIMARY KEY, discord_uid TEXT, {NAMES}, called_at TEXT)": "discord_uid is TEXT",
        f"(id INTEGER PRIMARY KEY, discord_uid INTEGER, {NAMES}, called_at REAL)": "called_at is REAL",
        f"(id BIGINT NOT NULL PRIMARY KEY, discord_uid INTEGER, {NAMES}, called_at TEXT)": "id is NOT NULL",
        f"(id INTEGER PRIMARY KEY, discord_uid INTEGER, {NAMES}, called_at TEXT, x TEXT NOT NULL)": "x is NOT NULL",
    },
}


@pytest.mark.parametrize(
    ("dialect", "columns", "words"), [(d, c, w) for d, cases in FOREIGN.items() for c, w in cases.items()]
)
def test_a_table_that_is_not_ours_is_refused_with_the_difference(
    dialect: str, columns: str, words: str, tmp_path: Path, server: Postgres
) -> None:
    dsn = f"sqlite:///{tmp_path / 'x.db'}" if dialect == "sqlite" else server.dsn(server.create_database())
    execute(dsn, f"CREATE TABLE command_calls {columns}")
    for attempt in (plan_migration, run_migration):
        with pytest.raises(SchemaMismatch, match=words):
            attempt(dsn, T)
    store = open_store(dsn)
    with pytest.raises(SchemaMismatch, match=words):
        store.prepare(timeout=20)
    store.close(timeout=5)


def test_numeric_times_and_views_are_refused(tmp_path: Path, postgresql: str) -> None:
    dsn = f"sqlite:///{tmp_path / 'x.db'}"
    execute(dsn, SQLITE["timestamp"], "INSERT INTO command_calls VALUES (1, 1, 'a', 'b', 1767261600)")
    with pytest.raises(SchemaMismatch, match="holds integer values"):
        plan_migration(dsn, T)
    execute(postgresql, "CREATE VIEW command_calls AS SELECT 1 AS id")
    with pytest.raises(SchemaMismatch, match="not a table"):
        plan_migration(postgresql, T)
    execute(dsn, "DROP TABLE command_calls", "CREATE VIEW command_calls AS SELECT 1 AS id")
    with pytest.raises(SchemaMismatch, match="not a table"):
        plan_migration(dsn, T)


def test_a_view_on_the_old_column_is_named_in_the_error(postgresql: str) -> None:
    execute(postgresql, POSTGRESQL["bigserial, naive"], "CREATE VIEW per_day AS SELECT called_at FROM command_calls")
    with pytest.raises(StoreUnavailable, match="per_day"):
        run_migration(postgresql, T)
