"""The grants in docs/database.md are sufficient and minimal: with real roles."""

from __future__ import annotations

import re
from datetime import datetime, timezone
from typing import TYPE_CHECKING

import asyncpg
import pytest

from slashspan import insights
from slashspan.exporters.admin.migrate import run_migration
from slashspan.exporters.admin.prune import forget_user, prune
from slashspan.exporters.stores.errors import SchemaMismatch, StoreUnavailable
from slashspan.exporters.stores.factory import open_store
from slashspan.insights.sums import open_sums
from tests.support import ROOT
from tests.support.legacy_tables import POSTGRESQL
from tests.support.rows import FULL, rows
from tests.support.tables import execute

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.postgres import Postgres

T = "command_calls"
DOCUMENT = (ROOT / "docs" / "database.md").read_text("utf-8")
SQL: dict[str, str] = dict(re.findall(r"```sql\n-- ([^\n]+)\n(.*?)```", DOCUMENT, re.DOTALL))
WRITER, SERIAL, READER, KEEPER = "writer", "writer of a legacy table", "reader", "keeper"
REFRESHER = "refresher"


@pytest.fixture
def owner(server: Postgres, database: str) -> Iterator[str]:
    """A database's DSN; the roles, which are global, are dropped afterwards."""
    dsn = server.dsn(database)
    yield dsn
    for role in ("slashspan_writer", "slashspan_reader", "slashspan_keeper", "slashspan_refresher"):
        if execute(dsn, f"SELECT FROM pg_roles WHERE rolname = '{role}'"):
            execute(dsn, f"DROP OWNED BY {role}", f"DROP ROLE {role}")


def granted(dsn: str, *names: str) -> None:
    for name in names:
        execute(dsn, *(part for part in SQL[name].split(";") if part.strip()))


def as_role(dsn: str, name: str) -> str:
    return dsn.replace("postgres@", f"slashspan_{name}@")


def written(dsn: str) -> None:
    store = open_store(dsn)
    try:
        store.write(rows(10), timeout=20)
        store.write(rows(15), timeout=20)
    finally:
        store.close(timeout=5)


def forbidden(dsn: str, *statements: str) -> None:
    for sql in statements:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            execute(dsn, sql)


def test_the_document_has_the_sql_of_every_role() -> None:
    assert set(SQL) == {WRITER, SERIAL, READER, KEEPER, REFRESHER, "by user"}


@pytest.mark.parametrize("partitioned", [False, True])
def test_a_writer_inserts_and_retries_and_can_do_nothing_else(owner: str, partitioned: bool) -> None:
    run_migration(owner, T, partitioned=partitioned)
    granted(owner, WRITER)
    writer = as_role(owner, "writer")
    written(writer)
    assert execute(owner, "SELECT count(*) AS n FROM command_calls")[0]["n"] == 15
    forbidden(
        writer,
        "SELECT command FROM command_calls",
        "SELECT * FROM command_calls",
        "UPDATE command_calls SET command = ''",
        "DELETE FROM command_calls",
        "TRUNCATE command_calls",
    )


def test_each_grant_of_the_writer_is_needed(owner: str) -> None:
    run_migration(owner, T)
    granted(owner, WRITER)
    execute(owner, "REVOKE SELECT (span_id) ON command_calls FROM slashspan_writer")
    with pytest.raises(StoreUnavailable, match="permission denied"):
        written(as_role(owner, "writer"))
    granted_again = "GRANT SELECT (span_id) ON command_calls TO slashspan_writer"
    execute(owner, granted_again, "REVOKE INSERT ON command_calls FROM slashspan_writer")
    with pytest.raises(StoreUnavailable, match="permission denied"):
        written(as_role(owner, "writer"))


def test_a_writer_of_a_legacy_table_needs_its_sequence(owner: str) -> None:
    execute(owner, POSTGRESQL["serial, aware"])
    run_migration(owner, T)
    granted(owner, WRITER)
    with pytest.raises(StoreUnavailable, match="sequence"):
        written(as_role(owner, "writer"))
    granted(owner, SERIAL)
    written(as_role(owner, "writer"))


def test_a_writer_without_a_usable_table_asks_for_the_owner(owner: str) -> None:
    run_migration(owner, T)
    granted(owner, WRITER)
    execute(owner, "ALTER TABLE command_calls DROP COLUMN locale")
    with pytest.raises(SchemaMismatch, match="as the owner"):
        written(as_role(owner, "writer"))
    execute(owner, "DROP TABLE command_calls")
    with pytest.raises(SchemaMismatch, match="as the owner"):
        written(as_role(owner, "writer"))


@pytest.mark.parametrize("partitioned", [False, True])
def test_a_reader_reads_and_can_do_nothing_else(owner: str, partitioned: bool) -> None:
    run_migration(owner, T, partitioned=partitioned)
    granted(owner, READER)
    written(owner)
    reader = as_role(owner, "reader")
    with insights.open_reader(reader) as opened:
        assert opened.run(insights.totals).rows[0].calls == 15
    forbidden(reader, "DELETE FROM command_calls", "INSERT INTO command_calls (command) VALUES ('x')")
    with pytest.raises(StoreUnavailable, match="permission denied"):
        written(reader)


def test_a_keeper_can_prune_and_forget(owner: str) -> None:
    run_migration(owner, T)
    granted(owner, KEEPER)
    written(owner)
    keeper = as_role(owner, "keeper")
    assert forget_user(keeper, T, [FULL.discord_uid]) == 15
    written(owner)
    assert prune(keeper, T, datetime(2100, 1, 1, tzinfo=timezone.utc)) == 15
    forbidden(keeper, "UPDATE command_calls SET command = ''", "DROP TABLE command_calls")


@pytest.mark.parametrize("partitioned", [False, True])
def test_with_sums_a_writer_needs_no_more_and_a_refresher_can_refresh(owner: str, partitioned: bool) -> None:
    run_migration(owner, T, partitioned=partitioned)
    with open_sums(owner) as sums:
        sums.install("UTC")
        sums.refresh()
    granted(owner, WRITER, REFRESHER)
    written(as_role(owner, "writer"))
    refresher = as_role(owner, "refresher")
    with open_sums(refresher) as sums:
        assert not sums.install("UTC")
        assert sums.refresh() > 0
        assert sums.verify() == []
        assert sums.status().is_fresh
    forbidden(refresher, "DELETE FROM command_calls", "DROP TABLE command_calls_sums")


def test_an_index_that_the_owner_added_is_left_alone(owner: str) -> None:
    run_migration(owner, T)
    granted(owner, "by user")
    run_migration(owner, T)
    written(owner)
    assert execute(owner, "SELECT FROM pg_indexes WHERE indexname = 'command_calls_of_user'")
