"""An old bot's table is upgraded in place: nothing is rewritten or lost."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest

from slashspan import insights
from slashspan.errors import ConfigurationError
from slashspan.exporters.admin.migrate import plan_migration, run_migration
from slashspan.exporters.rows.command_call import COLUMNS
from slashspan.exporters.stores import schema
from slashspan.exporters.stores.errors import SchemaMismatch
from slashspan.exporters.stores.factory import open_store
from slashspan.table import Table
from tests.support.legacy_tables import OLD_INSERT, OLD_ROWS, OLD_SELECT, POSTGRESQL, write_twice
from tests.support.rows import FULL
from tests.support.stored_rows import as_utc
from tests.support.tables import catalog, execute

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.postgres import Postgres

UTC = timezone.utc
T = "command_calls"


def filenode(dsn: str) -> Any:
    if dsn.startswith("sqlite"):
        return execute(dsn, "SELECT rootpage FROM sqlite_master WHERE name = 'command_calls'")
    return execute(dsn, "SELECT pg_relation_filenode('command_calls')")


def test_old_rows_readers_and_writers_still_work_after_the_upgrade(legacy: tuple[str, str]) -> None:
    dsn, made = legacy
    execute(dsn, made, OLD_ROWS)
    before, place = execute(dsn, OLD_SELECT), filenode(dsn)
    run_migration(dsn, T)
    assert filenode(dsn) == place
    after = execute(dsn, OLD_SELECT)
    for old, new in zip(before, after, strict=True):
        assert {**old, "called_at": as_utc(old["called_at"])} == {**new, "called_at": as_utc(new["called_at"])}
    assert execute(dsn, "SELECT count(inserted_at) AS n FROM command_calls")[0]["n"] == 0
    began = datetime.now(UTC) - timedelta(seconds=2)
    execute(dsn, OLD_INSERT)
    write_twice(dsn)
    rows = execute(dsn, OLD_SELECT)
    assert [row["player_name"] for row in rows] == ["ann", "bob", "ann", "cid", "nelly"]
    assert began < as_utc(rows[3]["called_at"]) < datetime.now(UTC) + timedelta(seconds=2)
    assert [row["id"] for row in rows] == [1, 2, 3, 4, rows[4]["id"]]
    assert execute(dsn, "SELECT count(inserted_at) AS n FROM command_calls")[0]["n"] == 2
    with insights.open_reader(dsn) as reader:
        assert reader.run(insights.totals).rows[0].calls == 5


def test_the_default_now_is_right_in_every_session_time_zone(postgresql: str) -> None:
    execute(postgresql, POSTGRESQL["identity, naive in UTC"])
    run_migration(postgresql, T)
    execute(postgresql, "SET TimeZone = 'Asia/Tokyo'", OLD_INSERT)
    (row,) = execute(postgresql, OLD_SELECT)
    assert abs(row["called_at"] - datetime.now(UTC)) < timedelta(minutes=1)


def test_an_upgraded_table_has_everything_that_a_new_one_has(
    legacy: tuple[str, str], tmp_path: Path, server: Postgres
) -> None:
    dsn, made = legacy
    new = f"sqlite:///{tmp_path / 'new.db'}" if dsn.startswith("sqlite") else server.dsn(server.create_database())
    run_migration(new, T)
    execute(dsn, made)
    run_migration(dsn, T)
    upgraded, fresh = catalog(dsn), catalog(new)
    assert upgraded["recorded"] == fresh["recorded"]
    if dsn.startswith("sqlite"):
        assert {row["name"] for row in upgraded["columns"]} >= {row["name"] for row in fresh["columns"]}
        indexes = [row for row in fresh["made"] if row["type"] == "index" and row["sql"]]
        found = {row["name"]: "".join(row["sql"].split()).replace('"', "") for row in upgraded["made"] if row["sql"]}
        for row in indexes:
            assert found[row["name"]] == "".join(row["sql"].split()).replace('"', "")
        return
    types = {row["attname"]: row["type"] for row in upgraded["columns"]}
    presets = {row["attname"]: row["preset"] for row in upgraded["columns"]}
    for row in fresh["columns"]:
        if row["attname"] != "id":
            assert types[row["attname"]] == row["type"]
        if row["attname"] == "inserted_at":
            assert presets["inserted_at"] == row["preset"]
    assert all(row in upgraded["indexes"] for row in fresh["indexes"] if not row["relname"].endswith("_pkey"))
    assert all(row["indisvalid"] for row in upgraded["indexes"])


def test_a_plan_changes_nothing_and_its_sql_can_be_run_by_hand(legacy: tuple[str, str]) -> None:
    dsn, made = legacy
    execute(dsn, made, OLD_ROWS)
    before = execute(dsn, OLD_SELECT)
    plan = plan_migration(dsn, T)
    assert execute(dsn, OLD_SELECT) == before
    assert plan_migration(dsn, T) == plan
    text = "\n".join(plan.lines())
    assert "ADD COLUMN" in text
    assert "identity" in text
    for step in plan.steps:
        execute(dsn, *step.sql) if step.alone else execute(dsn, "BEGIN", *step.sql, "COMMIT")
    assert plan_migration(dsn, T).steps == ()
    write_twice(dsn)


def test_a_store_refuses_a_legacy_table_and_names_the_command_that_upgrades_it(legacy: tuple[str, str]) -> None:
    dsn, made = legacy
    execute(dsn, made, OLD_ROWS)
    store = open_store(dsn)
    try:
        with pytest.raises(SchemaMismatch, match="slashspan migrate"):
            store.prepare(timeout=20)
    finally:
        store.close(timeout=5)
    assert len(execute(dsn, "SELECT * FROM command_calls")[0]) <= 6


def test_a_time_zone_for_naive_times_is_announced_and_rewrites_the_table(postgresql: str) -> None:
    execute(postgresql, POSTGRESQL["bigserial, naive"], OLD_ROWS)
    place = filenode(postgresql)
    notes = " ".join(plan_migration(postgresql, T, zone="Europe/Berlin").notes)
    assert "rewrites about" in notes
    run_migration(postgresql, T, zone="Europe/Berlin")
    assert filenode(postgresql) != place
    assert [row["called_at"].astimezone(UTC).hour for row in execute(postgresql, OLD_SELECT)] == [9, 22, 22]
    with pytest.raises(ConfigurationError, match="Europe/Berlin"):
        plan_migration(postgresql, T, zone="Middle/Earth")


def test_naive_times_are_utc_on_any_server_and_the_table_is_not_rewritten(postgresql: str, server: Postgres) -> None:
    server.execute(f"ALTER DATABASE {postgresql.rpartition('/')[2]} SET TimeZone = 'Asia/Tokyo'")
    execute(postgresql, POSTGRESQL["bigserial, naive"], OLD_ROWS)
    place = filenode(postgresql)
    run_migration(postgresql, T)
    assert filenode(postgresql) == place
    assert execute(postgresql, OLD_SELECT)[0]["called_at"] == datetime(2026, 1, 1, 10, tzinfo=UTC)


def test_the_plan_contains_warnings(postgresql: str, server: Postgres) -> None:
    execute(postgresql, POSTGRESQL["an index on naive times"])
    name = postgresql.rpartition("/")[2]
    server.execute(f"ALTER DATABASE {name} SET TimeZone = 'Asia/Tokyo'")
    notes = " ".join(plan_migration(postgresql, T).notes)
    assert "2,147,483,647" in notes
    assert "Asia/Tokyo" in notes
    assert "rebuilds command_calls_called_at_key" in notes
    assert "rewrites" not in notes.replace("would rewrite", "")


def test_sqlite_times_are_utc(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="read as UTC"):
        plan_migration(f"sqlite:///{tmp_path / 'x.db'}", T, zone="Europe/Berlin")


def test_a_table_in_another_schema_is_upgraded(postgresql: str) -> None:
    made = POSTGRESQL["serial, aware"].replace("command_calls", "bot.calls")
    execute(postgresql, "CREATE SCHEMA bot", made)
    run_migration(postgresql, "bot.calls")
    assert plan_migration(postgresql, "bot.calls").steps == ()
    assert execute(postgresql, "SELECT version FROM bot.slashspan_migrations")[0]["version"] == 1
    store = open_store(postgresql, table="bot.calls")
    store.write([FULL], timeout=20)
    store.close(timeout=5)


@pytest.mark.parametrize("partitioned", [False, True])
def test_the_longest_table_name_gives_distinct_index_names(partitioned: bool, postgresql: str) -> None:
    name = "t" * 40
    run_migration(postgresql, name, partitioned=partitioned)
    store = open_store(postgresql, table=name)
    store.write([FULL], timeout=20)
    store.close(timeout=5)
    assert plan_migration(postgresql, name).steps == ()
    with pytest.raises(ConfigurationError, match="at most 40"):
        run_migration(postgresql, name + "t")


def test_the_type_of_every_column_in_the_sql_files_is_known() -> None:
    table = Table("t")
    for dialect in ("postgresql", "sqlite"):
        steps = schema.migrations(dialect, table)
        assert [column for step in steps for column in step.columns] == list(COLUMNS)
        assert [step.version for step in steps] == list(range(1, len(steps) + 1))
        for step in steps:
            assert step.sql.count("CREATE INDEX") + step.sql.count("CREATE UNIQUE INDEX") == len(step.indexes)
        for step in steps[1:]:
            assert bool(step.columns) != bool(step.indexes), "columns are quick, indexes are not"
