"""`prune` and `forget` delete old rows and a user's rows, and no others, even while a bot writes."""

from __future__ import annotations

import asyncio
import dataclasses
import threading
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

import asyncpg
import pytest

from slashspan.errors import ConfigurationError
from slashspan.exporters.admin import prune as pruning
from slashspan.exporters.admin.durations import parse_duration
from slashspan.exporters.admin.migrate import run_migration
from slashspan.exporters.admin.prune import count_old, forget_user, prune
from slashspan.exporters.stores.errors import SchemaMismatch, StoreUnavailable
from slashspan.exporters.stores.factory import open_store
from tests.support.legacy_tables import OLD_ROWS, POSTGRESQL, SQLITE
from tests.support.postgres import in_own_loop
from tests.support.rows import FULL
from tests.support.stored_rows import write_rows
from tests.support.tables import catalog, execute

if TYPE_CHECKING:
    from pathlib import Path

    from slashspan.exporters.rows.command_call import CommandCall
    from tests.support.postgres import Postgres

T = "command_calls"
UTC = timezone.utc
NOW = datetime.now(UTC).replace(microsecond=0)


@pytest.fixture(params=["sqlite", "postgresql", "partitioned"])
def dsn(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return new_dsn(request, tmp_path)


def new_dsn(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'calls.db'}"
    server: Postgres = request.getfixturevalue("server")
    found = server.dsn(request.getfixturevalue("database"))
    run_migration(found, T, partitioned=request.param == "partitioned")
    return found


@pytest.fixture(params=["sqlite", "postgresql", "partitioned", "clickhouse"])
def any_dsn(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Also of ClickHouse, which has no batches."""
    if request.param != "clickhouse":
        return new_dsn(request, tmp_path)
    found: str = request.getfixturevalue("clickhouse_dsn")
    run_migration(found, T)
    return found


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pruning, "BATCH", 7)


def call(number: int, age: timedelta, user: int = 1) -> CommandCall:
    at = int((NOW - age).timestamp()) * 1_000_000 + number
    return dataclasses.replace(FULL, called_at=at, span_id=number, discord_uid=user)


def left(dsn: str) -> list[int]:
    return sorted(row["span_id"] for row in execute(dsn, "SELECT span_id FROM command_calls"))


def test_prune_deletes_old_rows_in_pieces_and_keeps_the_rest(any_dsn: str) -> None:
    write_rows(any_dsn, [call(n, timedelta(days=n * 10)) for n in range(20)])
    before = NOW - timedelta(days=90)  # row 9 is 9 µs later than this
    assert count_old(any_dsn, T, before).rows == 10
    assert left(any_dsn) == list(range(20))
    pieces: list[int] = []
    assert prune(any_dsn, T, before, done=pieces.append) == 10
    assert sum(pieces) == 10
    assert any_dsn.startswith("clickhouse") or max(pieces) <= 7
    assert left(any_dsn) == list(range(10))
    assert prune(any_dsn, T, before) == 0


def test_prune_deletes_many_rows_with_the_same_time(any_dsn: str) -> None:
    old = dataclasses.replace(call(0, timedelta(days=100)))
    write_rows(any_dsn, [dataclasses.replace(old, span_id=n) for n in range(30)])
    assert prune(any_dsn, T, NOW) == 30


def test_prune_drops_the_partitions_of_whole_months(server: Postgres) -> None:
    dsn = server.dsn(server.create_database())
    run_migration(dsn, T, partitioned=True)
    stray = datetime(2026, 1, 31, 23, 59, tzinfo=UTC)
    rows = [
        dataclasses.replace(FULL, called_at=int(at.timestamp()) * 1_000_000, span_id=n)
        for n, at in enumerate([stray, stray + timedelta(minutes=1), stray + timedelta(days=40), NOW])
    ]
    write_rows(dsn, rows)
    run_migration(dsn, T)  # moves them into the partitions of January, February and March
    before = datetime(2026, 3, 1, tzinfo=UTC)
    old = count_old(dsn, T, before)
    assert old.rows == 2
    assert [name.rpartition(".")[2] for name in old.partitions] == ["command_calls_2026_01", "command_calls_2026_02"]
    assert prune(dsn, T, before) == 2
    assert left(dsn) == [2, 3]
    there = {row["relname"] for row in catalog(dsn)["partitions"]}
    assert "command_calls_2026_03" in there
    assert not there & {"command_calls_2026_01", "command_calls_2026_02"}


def test_a_partition_that_stays_in_use_is_reported_after_a_wait(
    server: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    dsn = server.dsn(server.create_database())
    run_migration(dsn, T, partitioned=True)
    write_rows(dsn, [call(1, timedelta(days=40))])
    run_migration(dsn, T)
    monkeypatch.setattr(pruning, "LOCK_SECONDS", 0.05)
    monkeypatch.setattr(pruning, "BUSY_SECONDS", 0.0)

    async def run() -> None:
        connection = await asyncpg.connect(dsn)
        await connection.execute("BEGIN")
        await connection.execute("SELECT * FROM command_calls")
        with pytest.raises(StoreUnavailable, match="long transaction"):
            await asyncio.to_thread(prune, dsn, T, datetime.now(UTC))
        await connection.close()

    in_own_loop(run())
    assert left(dsn) == [1]


def test_forget_deletes_a_user_and_the_pseudonym_and_nobody_else(any_dsn: str) -> None:
    users = [80351110224678912, -5, 7, 0]
    write_rows(any_dsn, [call(n, timedelta(days=n), users[n % 4]) for n in range(60)])
    assert forget_user(any_dsn, T, [users[0], users[1]]) == 30
    assert left(any_dsn) == [n for n in range(60) if n % 4 > 1]
    assert forget_user(any_dsn, T, [users[0], users[1], 12345]) == 0
    assert forget_user(any_dsn, T, []) == 0


def test_a_bot_can_write_while_prune_runs(dsn: str) -> None:
    write_rows(dsn, [call(n, timedelta(days=100 + n), user=1 + n % 2) for n in range(200)])
    stop = threading.Event()
    wrote: list[int] = []

    def bot() -> None:
        store = open_store(dsn)
        number = 1000
        while not stop.is_set() or not wrote:
            store.write([call(number, timedelta(0), user=9)], timeout=20)
            wrote.append(number)
            number += 1
        store.close(timeout=5)

    thread = threading.Thread(target=bot)
    thread.start()
    try:
        assert forget_user(dsn, T, [1]) == 100
        assert prune(dsn, T, NOW - timedelta(days=1)) == 100
    finally:
        stop.set()
        thread.join()
    assert left(dsn) == wrote


def test_an_interrupted_prune_can_be_continued(dsn: str) -> None:
    write_rows(dsn, [call(n, timedelta(days=100)) for n in range(30)])

    class Cut(BaseException):
        pass

    def cut(_: int) -> None:
        raise Cut

    with pytest.raises(Cut):
        prune(dsn, T, NOW, done=cut)
    assert len(left(dsn)) == 23
    with pytest.raises(Cut):
        forget_user(dsn, T, [1], done=cut)
    assert len(left(dsn)) == 16
    assert prune(dsn, T, NOW) == 16


def test_prune_understands_both_forms_of_time_in_a_legacy_sqlite_table(tmp_path: Path) -> None:
    dsn = f"sqlite:///{tmp_path / 'old.db'}"
    execute(dsn, SQLITE["timestamp"])
    at = datetime(2026, 3, 5, 12, tzinfo=UTC)
    times = ["2026-03-04 23:59:59", "2026-03-05 11:59:59", "2026-03-05 12:00:00", "2026-03-05 12:00:01"]
    for time in times:
        execute(
            dsn, f"INSERT INTO command_calls (discord_uid, player_name, command, called_at) VALUES (1,'','','{time}')"
        )
    run_migration(dsn, T)
    ours = [int(at.timestamp() * 1_000_000) + microseconds for microseconds in (-1, 0)]
    write_rows(dsn, [dataclasses.replace(FULL, called_at=us, span_id=us) for us in ours])
    assert count_old(dsn, T, at).rows == 3
    assert prune(dsn, T, at) == 3
    rest = [row["called_at"] for row in execute(dsn, "SELECT called_at FROM command_calls ORDER BY id")]
    assert rest == [*times[2:], "2026-03-05T12:00:00.000000Z"]


def test_a_table_that_is_not_ours_is_refused(server: Postgres, tmp_path: Path) -> None:
    lite, postgresql = f"sqlite:///{tmp_path / 'x.db'}", server.dsn(server.create_database())
    with pytest.raises(StoreUnavailable, match="does not exist"):
        prune(lite, T, NOW)
    execute(lite, "CREATE TABLE other (x)")
    for dsn in (lite, postgresql):
        for attempt in (lambda d: prune(d, T, NOW), lambda d: count_old(d, T, NOW), lambda d: forget_user(d, T, [1])):
            with pytest.raises(SchemaMismatch, match="no table command_calls"):
                attempt(dsn)
    execute(postgresql, POSTGRESQL["bigserial, naive"], OLD_ROWS)
    with pytest.raises(SchemaMismatch, match="migrate"):
        prune(postgresql, T, NOW)
    assert forget_user(postgresql, T, [1]) == 2
    with pytest.raises(StoreUnavailable) as caught:
        prune("postgresql://bot:geheim@127.0.0.1:1/bot", T, NOW)
    assert "geheim" not in str(caught.value)


@pytest.mark.parametrize(("text", "days"), [("90d", 90), ("12w", 84), ("1y", 365), (" 2 W ", 14)])
def test_durations_are_parsed(text: str, days: int) -> None:
    assert parse_duration(text) == timedelta(days=days)


@pytest.mark.parametrize("text", ["", "90", "d", "0d", "-3d", "1.5y", "90 days", "999999y", "3m"])
def test_an_invalid_duration_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="90d, 12w or 1y"):
        parse_duration(text)
