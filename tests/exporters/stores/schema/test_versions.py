"""Tables of older versions are upgraded to the newest schema; those of newer versions are used where that is safe.

Two later migrations are invented here: one that adds columns and one that adds indexes.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import pytest

from slashspan.exporters.admin.migrate import plan_migration, run_migration
from slashspan.exporters.rows.columns import BIGINT, Column
from slashspan.exporters.stores import schema
from slashspan.exporters.stores.errors import SchemaMismatch
from slashspan.exporters.stores.factory import open_store
from slashspan.table import Table
from tests.support.rows import FULL, rows
from tests.support.stored_rows import write_rows
from tests.support.tables import catalog, execute

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from slashspan.exporters.rows.columns import Dialect
    from tests.support.postgres import Postgres

T = "command_calls"
_real = schema.migrations
REAL = len(_real("sqlite", Table(T)))
NEWEST = REAL + 2
KINDS = ["sqlite", "postgresql", "partitioned"]


def made_up(dialect: Dialect, table: Table, version: int) -> list[schema.Migration]:
    """The migrations that the package of that version would contain."""
    column = Column(name="season", type=BIGINT, meaning="Made up", since=REAL + 1)
    index = schema.Index("season", False, "(season, called_at)")
    add = f"ALTER TABLE {table.quoted} ADD COLUMN {column.declaration(dialect)};\n"
    later = [
        schema.Migration(REAL + 1, "season", add, (column,), ()),
        schema.Migration(REAL + 2, "by_season", index.sql(table.part("season"), table.quoted) + ";\n", (), (index,)),
    ]
    return [step for step in later if step.version <= version]


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Pretend that the package has that version."""

    def become(version: int) -> None:
        def migrations(dialect: Dialect, table: Table, *, partitioned: bool = False) -> list[schema.Migration]:
            real = [s for s in _real(dialect, table, partitioned=partitioned) if s.version <= version]
            return real + made_up(dialect, table, version)

        monkeypatch.setattr(schema, "migrations", migrations)

    return become


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    assert isinstance(request.param, str)
    return request.param


@pytest.fixture
def dsns(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[list[str]]:
    """Two empty databases of that kind."""
    if kind == "sqlite":
        yield [f"sqlite:///{tmp_path / name}" for name in ("a.db", "b.db")]
        return
    server: Postgres = request.getfixturevalue("server")
    names = [server.create_database() for _ in range(2)]
    yield [server.dsn(name) for name in names]
    for name in names:
        server.drop_database(name)


def made(dsn: str, kind: str) -> None:
    run_migration(dsn, T, partitioned=kind == "partitioned")


def written(dsn: str, start: int, count: int) -> None:
    write_rows(dsn, rows(start + count)[start:])


def same_shape(one: str, other: str) -> None:
    left, right = catalog(one), catalog(other)
    for part in left:
        if part == "made":  # the text that made it differs after ADD COLUMN
            names = [[(row["type"], row["name"]) for row in found[part]] for found in (left, right)]
            assert names[0] == names[1]
        else:
            assert left[part] == right[part], part


@pytest.mark.parametrize("version", range(1, NEWEST + 1))
def test_every_older_version_is_upgraded_to_the_newest(version: int, kind: str, dsns: list[str], at: Any) -> None:
    old, new = dsns
    at(version)
    made(old, kind)
    written(old, 0, 10)
    at(NEWEST)
    made(new, kind)
    run_migration(old, T)
    same_shape(old, new)
    assert plan_migration(old, T).steps == ()
    assert [row["version"] for row in catalog(old)["recorded"]] == list(range(1, NEWEST + 1))
    written(old, 5, 10)
    assert execute(old, "SELECT count(*) AS n FROM command_calls")[0]["n"] == 15


def test_a_store_adds_columns_and_leaves_indexes_to_migrate(kind: str, dsns: list[str], at: Any) -> None:
    at(REAL)
    made(dsns[0], kind)
    at(NEWEST)
    written(dsns[0], 0, 10)
    found = catalog(dsns[0])
    assert [row["version"] for row in found["recorded"]] == list(range(1, NEWEST))
    assert "season" in {row.get("attname", row.get("name")) for row in found["columns"]}
    titles = [step.title for step in plan_migration(dsns[0], T).steps]
    assert any("command_calls_season" in title for title in titles)
    run_migration(dsns[0], T)
    at(NEWEST)
    made(dsns[1], kind)
    same_shape(*dsns)


@pytest.mark.parametrize("kind", ["postgresql", "partitioned"])
def test_an_upgrade_of_an_older_version_can_be_interrupted_after_any_step(kind: str, dsns: list[str], at: Any) -> None:
    class Cut(BaseException):
        pass

    def cut(_: object) -> None:
        raise Cut

    at(1)
    made(dsns[0], kind)
    at(NEWEST)
    while plan_migration(dsns[0], T).steps:
        with pytest.raises(Cut):
            run_migration(dsns[0], T, done=cut)
        written(dsns[0], 0, 10)
    made(dsns[1], kind)
    same_shape(*dsns)


def test_a_newer_schema_is_used_as_it_is(kind: str, dsns: list[str], at: Any) -> None:
    at(NEWEST)
    made(dsns[0], kind)
    before = catalog(dsns[0])
    at(REAL)
    written(dsns[0], 0, 10)
    run_migration(dsns[0], T)
    assert catalog(dsns[0]) == before


def test_a_newer_schema_without_one_of_our_columns_is_refused(kind: str, dsns: list[str], at: Any) -> None:
    at(NEWEST)
    made(dsns[0], kind)
    execute(dsns[0], "ALTER TABLE command_calls DROP COLUMN locale")
    at(REAL)
    store = open_store(dsns[0])
    with pytest.raises(SchemaMismatch, match=r"newer slashspan \(schema .*locale"):
        store.write([FULL], timeout=20)
    store.close(timeout=5)
    for attempt in (plan_migration, run_migration):
        with pytest.raises(SchemaMismatch, match="newer slashspan"):
            attempt(dsns[0], T)


def test_an_index_that_the_owner_dropped_stays_dropped_except_for_the_key(kind: str, dsns: list[str]) -> None:
    made(dsns[0], kind)
    execute(dsns[0], "DROP INDEX command_calls_command")
    assert plan_migration(dsns[0], T).steps == ()
    execute(dsns[0], "DROP INDEX command_calls_identity")
    store = open_store(dsns[0])
    with pytest.raises(SchemaMismatch, match=r"no unique index.*slashspan migrate"):
        store.prepare(timeout=20)
    run_migration(dsns[0], T)
    store.write([dataclasses.replace(FULL, span_id=1)] * 2, timeout=20)
    store.close(timeout=5)


def test_the_longest_table_name_gives_distinct_partition_index_names(server: Postgres, at: Any) -> None:
    dsn, name = server.dsn(server.create_database()), "t" * 40
    at(REAL)
    run_migration(dsn, name, partitioned=True)
    at(NEWEST)
    run_migration(dsn, name)
    assert plan_migration(dsn, name).steps == ()
    found = catalog(dsn, name)
    assert {row["indexes"] for row in found["partitions"]} == {len(found["indexes"])}


def test_the_recorded_migrations_of_a_dropped_table_are_ignored(kind: str, dsns: list[str]) -> None:
    made(dsns[0], kind)
    execute(dsns[0], "DROP TABLE command_calls")
    made(dsns[0], kind)
    made(dsns[1], kind)
    same_shape(*dsns)
