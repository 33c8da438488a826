"""Monthly partitions are created ahead of time, and no row is ever refused."""

from __future__ import annotations

import asyncio
import dataclasses
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest

from slashspan.errors import ConfigurationError
from slashspan.exporters.admin.migrate import plan_migration, run_migration
from slashspan.exporters.stores.errors import SchemaMismatch
from slashspan.exporters.stores.factory import open_store
from slashspan.exporters.stores.schema.partitions import MONTHS_AHEAD, ensure_partitions
from slashspan.table import Table
from tests.support.postgres import in_own_loop
from tests.support.rows import FULL
from tests.support.tables import catalog, execute

if TYPE_CHECKING:
    from pathlib import Path

    from slashspan.exporters.rows.command_call import CommandCall
    from tests.support.postgres import Postgres

T = "command_calls"
UTC = timezone.utc


@pytest.fixture
def dsn(server: Postgres, database: str) -> str:
    found = server.dsn(database)
    run_migration(found, T, partitioned=True)
    return found


def names(dsn: str) -> list[str]:
    return [row["relname"] for row in catalog(dsn)["partitions"]]


def months(moment: datetime, count: int) -> list[str]:
    first = moment.year * 12 + moment.month - 1
    return [f"command_calls_{n // 12}_{n % 12 + 1:02}" for n in range(first, first + count)]


def call(moment: datetime, span_id: int = 1) -> CommandCall:
    return dataclasses.replace(FULL, called_at=int(moment.timestamp() * 1_000_000), span_id=span_id)


def written(dsn: str, *moments: datetime) -> None:
    store = open_store(dsn)
    try:
        for _ in range(2):
            store.write([call(moment, n) for n, moment in enumerate(moments)], timeout=20)
    finally:
        store.close(timeout=5)


def ensure(dsn: str, now: datetime, **how: Any) -> list[str]:
    async def run() -> list[str]:
        connection = await asyncpg.connect(dsn)
        try:
            return await ensure_partitions(connection, Table(T), now, **how)
        finally:
            await connection.close()

    made: list[str] = in_own_loop(run())
    return made


def partitions_of_rows(dsn: str) -> list[str]:
    rows = execute(dsn, "SELECT tableoid::regclass::text AS home FROM command_calls ORDER BY called_at")
    return [row["home"] for row in rows]


def test_a_new_table_has_this_month_and_the_next_ones(dsn: str) -> None:
    assert names(dsn) == [*months(datetime.now(UTC), MONTHS_AHEAD + 1), "command_calls_default"]
    assert plan_migration(dsn, T, partitioned=True).steps == ()
    key = execute(
        dsn, "SELECT pg_get_constraintdef(oid) AS made FROM pg_constraint WHERE conname = 'command_calls_pkey'"
    )
    assert key[0]["made"] == "PRIMARY KEY (id, called_at)"


def test_rows_go_to_the_partition_of_their_month_or_to_the_default(dsn: str) -> None:
    now = datetime.now(UTC)
    written(dsn, now, now - timedelta(days=400), now + timedelta(days=400))
    assert sorted(partitions_of_rows(dsn)) == sorted(
        [months(now, 1)[0], "command_calls_default", "command_calls_default"]
    )
    assert all(row["id"] for row in execute(dsn, "SELECT id FROM command_calls"))


def test_partitions_are_created_ahead_across_a_new_year(dsn: str) -> None:
    made = ensure(dsn, datetime(2031, 11, 30, 23, 59, tzinfo=UTC))
    assert made == ["command_calls_2031_11", "command_calls_2031_12", "command_calls_2032_01", "command_calls_2032_02"]
    assert ensure(dsn, datetime(2031, 11, 30, 23, 59, tzinfo=UTC)) == []
    edges = [datetime(2031, 12, 1, tzinfo=UTC), datetime(2032, 1, 1, tzinfo=UTC) - timedelta(microseconds=1)]
    written(dsn, *edges)
    assert partitions_of_rows(dsn) == ["command_calls_2031_12"] * 2
    shapes = {(row["indexes"], row["columns"]) for row in catalog(dsn)["partitions"]}
    assert len(shapes) == 1


def test_partitions_are_created_while_a_store_stays_connected(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from slashspan.exporters.stores import postgres

    now = datetime.now(UTC)
    store = open_store(dsn)
    try:
        for month in range(1, 13):
            moment = (now.replace(day=1) + timedelta(days=31 * month)).replace(day=1)
            monkeypatch.setattr(postgres, "utc_now", lambda moment=moment: moment)
            store.write([call(moment, month)], timeout=20)
    finally:
        store.close(timeout=5)
    assert "command_calls_default" not in partitions_of_rows(dsn)
    assert len(partitions_of_rows(dsn)) == 12


def test_migrate_moves_rows_from_the_default_partition_into_their_month(dsn: str) -> None:
    stray = datetime(2031, 12, 5, tzinfo=UTC)
    written(dsn, stray)
    made = ensure(dsn, stray)
    assert "command_calls_2031_12" not in made
    assert "command_calls_2032_01" in made
    assert any("2031-12" in note for note in plan_migration(dsn, T).notes)
    run_migration(dsn, T)
    assert partitions_of_rows(dsn) == ["command_calls_2031_12"]
    written(dsn, stray)  # the key still holds
    assert len(partitions_of_rows(dsn)) == 1


def test_a_store_creates_partitions_ahead_when_it_prepares(dsn: str) -> None:
    last = names(dsn)[-2]
    assert plan_migration(dsn, T).notes == ()
    execute(dsn, f"DROP TABLE {last}")
    assert plan_migration(dsn, T).notes == (f"partitions are created for {last[-7:].replace('_', '-')}",)
    store = open_store(dsn)
    store.prepare(timeout=20)
    store.close(timeout=5)
    assert last in names(dsn)


def test_a_writer_without_the_right_to_create_partitions_can_write(dsn: str, server: Postgres) -> None:
    last = names(dsn)[-2]
    user = f"writer_{dsn.rpartition('/')[2]}"
    execute(
        dsn,
        f"DROP TABLE {last}",
        f"CREATE ROLE {user} LOGIN",
        f"GRANT INSERT, SELECT (called_at, span_id) ON command_calls TO {user}",
    )
    year, month = (int(part) for part in last.split("_")[-2:])
    written(dsn.replace("postgres@", f"{user}@"), datetime(year, month, 5, tzinfo=UTC))
    assert partitions_of_rows(dsn) == ["command_calls_default"]


def test_two_stores_that_start_together_create_each_partition_once(dsn: str) -> None:
    async def run() -> list[list[str]]:
        connections = [await asyncpg.connect(dsn) for _ in range(4)]
        now = datetime(2035, 1, 1, tzinfo=UTC)
        try:
            return await asyncio.gather(*(ensure_partitions(c, Table(T), now) for c in connections))
        finally:
            for connection in connections:
                await connection.close()

    made = in_own_loop(run())
    assert sorted(name for found in made for name in found) == months(
        datetime(2035, 1, 1, tzinfo=UTC), MONTHS_AHEAD + 1
    )


def test_a_long_transaction_on_the_default_partition_does_not_delay_a_store(
    dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from slashspan.exporters.stores.schema import partitions

    monkeypatch.setattr(partitions, "LOCK_SECONDS", 0.05)
    last = names(dsn)[-2]
    execute(dsn, f"DROP TABLE {last}")

    async def run() -> None:
        connection = await asyncpg.connect(dsn)
        await connection.execute("BEGIN")
        await connection.execute("SELECT * FROM command_calls")
        await asyncio.to_thread(written, dsn, datetime.now(UTC))
        await connection.close()

    in_own_loop(run())
    assert last not in names(dsn)
    assert len(partitions_of_rows(dsn)) == 1


def test_an_unpartitioned_table_is_not_partitioned(server: Postgres, database: str, tmp_path: Path) -> None:
    found = server.dsn(database)
    run_migration(found, T)
    for attempt in (plan_migration, run_migration):
        with pytest.raises(SchemaMismatch, match="not partitioned"):
            attempt(found, T, partitioned=True)
    with pytest.raises(ConfigurationError, match="SQLite has no partitions"):
        run_migration(f"sqlite:///{tmp_path / 'x.db'}", T, partitioned=True)
    assert not (tmp_path / "x.db").exists()
