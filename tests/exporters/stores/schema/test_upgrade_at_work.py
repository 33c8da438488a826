"""An upgrade beside old bots, other upgrades and long transactions, and one that is cut short."""

from __future__ import annotations

import asyncio
import threading

import asyncpg
import pytest

from slashspan.exporters.admin.migrate import plan_migration, run_migration
from slashspan.exporters.stores.errors import StoreUnavailable
from tests.support.legacy_tables import OLD_INSERT, OLD_ROWS, OLD_SELECT, POSTGRESQL, write_twice
from tests.support.postgres import in_own_loop
from tests.support.tables import execute

T = "command_calls"


class Cut(BaseException):
    """Stands for the end of the process."""


def test_a_migration_can_be_interrupted_after_any_step(legacy: tuple[str, str]) -> None:
    dsn, made = legacy
    execute(dsn, made, OLD_ROWS)
    planned = plan_migration(dsn, T).steps
    for number, expected in enumerate(planned):
        assert plan_migration(dsn, T).steps == planned[number:], expected

        def cut(_: object) -> None:
            raise Cut

        with pytest.raises(Cut):
            run_migration(dsn, T, done=cut)
        execute(dsn, OLD_INSERT)  # an old bot can write in every intermediate state
    assert plan_migration(dsn, T).steps == ()
    run_migration(dsn, T)
    write_twice(dsn)
    assert len(execute(dsn, OLD_SELECT)) == 3 + len(planned) + 1


async def _waiting(dsn: str, words: str) -> int:
    """The process id of a backend that waits for a lock in a statement with these words."""
    watcher = await asyncpg.connect(dsn)
    try:
        while True:
            pid = await watcher.fetchval(
                "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE $1 "
                "AND datname = current_database()",
                f"%{words}%",
            )
            if pid is not None:
                return int(pid)
            await asyncio.sleep(0.01)
    finally:
        await watcher.close()


def test_a_half_built_index_is_dropped_and_rebuilt(postgresql: str) -> None:
    execute(postgresql, POSTGRESQL["serial, aware"], OLD_ROWS)
    failed: list[BaseException] = []

    def first() -> None:
        try:
            run_migration(postgresql, T)
        except StoreUnavailable as error:
            failed.append(error)

    async def cut_in_the_middle() -> None:
        connection = await asyncpg.connect(postgresql)
        # Holds no lock on the table but a snapshot, for which CREATE INDEX CONCURRENTLY waits at its end.
        await connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
        await connection.execute("SELECT 1")
        thread = threading.Thread(target=first)
        thread.start()
        pid = await _waiting(postgresql, "INDEX CONCURRENTLY")
        await connection.execute(f"SELECT pg_terminate_backend({pid})")
        await connection.execute("ROLLBACK")
        await asyncio.to_thread(thread.join)
        await connection.close()

    in_own_loop(cut_in_the_middle())
    assert failed
    invalid = "SELECT count(*) AS n FROM pg_index WHERE NOT indisvalid"
    assert execute(postgresql, invalid)[0]["n"] == 1
    assert plan_migration(postgresql, T).steps[0].title.startswith("drop")
    run_migration(postgresql, T)
    assert execute(postgresql, invalid)[0]["n"] == 0
    write_twice(postgresql)


def test_migrate_does_not_queue_behind_a_long_transaction_for_ever(postgresql: str) -> None:
    execute(postgresql, POSTGRESQL["serial, aware"], OLD_ROWS)

    async def held() -> None:
        connection = await asyncpg.connect(postgresql)
        await connection.execute("BEGIN")
        await connection.execute("SELECT * FROM command_calls")
        try:
            with pytest.raises(StoreUnavailable, match="long transaction"):
                await asyncio.to_thread(run_migration, postgresql, T, seconds=0.01)
            await asyncio.to_thread(execute, postgresql, OLD_INSERT)
            running = asyncio.create_task(asyncio.to_thread(run_migration, postgresql, T, seconds=60))
            await _waiting(postgresql, "ALTER TABLE")
        finally:
            await connection.execute("ROLLBACK")
            await connection.close()
        await running

    in_own_loop(held())
    assert plan_migration(postgresql, T).steps == ()


def test_two_migrations_and_a_store_can_run_at_the_same_time(legacy: tuple[str, str]) -> None:
    dsn, made = legacy
    execute(dsn, made, OLD_ROWS)
    failed: list[BaseException] = []

    def one() -> None:
        try:
            run_migration(dsn, T, seconds=60)
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=one) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    write_twice(dsn)


def test_old_bots_can_write_during_a_migration(legacy: tuple[str, str]) -> None:
    dsn, made = legacy
    execute(dsn, made, OLD_ROWS)
    stop = threading.Event()
    counts: list[int] = []

    def old_bot() -> None:
        count = 0
        # The rate of a busy bot: next to a writer without pauses, others would never get SQLite's lock.
        while not stop.wait(0.01):
            execute(dsn, OLD_INSERT)
            count += 1
        counts.append(count)

    thread = threading.Thread(target=old_bot)
    thread.start()
    try:
        run_migration(dsn, T, seconds=60)
    finally:
        stop.set()
        thread.join()
    assert counts
    assert len(execute(dsn, OLD_SELECT)) == 3 + counts[0]
