"""PostgreSQL says no, for reasons that are no row's fault, and is mended while the bot runs: every row arrives once."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest

from tests.support.load import Load
from tests.support.waiting import until

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.postgres import Postgres

REFUSALS = {
    "28000 may not log in": ("ALTER ROLE {role} NOLOGIN", "ALTER ROLE {role} LOGIN"),
    "53300 too many connections": ("ALTER ROLE {role} CONNECTION LIMIT 0", "ALTER ROLE {role} CONNECTION LIMIT -1"),
    "25006 read-only": (
        "ALTER DATABASE {database} SET default_transaction_read_only = on",
        "ALTER DATABASE {database} RESET default_transaction_read_only",
    ),
    "42501 no right to insert": (
        "REVOKE INSERT ON command_calls FROM {role}",
        "GRANT INSERT ON command_calls TO {role}",
    ),
    "is missing or: table gone": (
        "ALTER TABLE command_calls RENAME TO aside",
        "ALTER TABLE aside RENAME TO command_calls",
    ),
    "lacks columns: column gone": (
        "ALTER TABLE command_calls DROP COLUMN locale",
        "ALTER TABLE command_calls ADD COLUMN locale text",
    ),
    # A full disk is the server's to report; a trigger says it in its place, with the code that the server would.
    "53100 disk full": (
        "CREATE TRIGGER no_space BEFORE INSERT ON command_calls EXECUTE FUNCTION no_space()",
        "DROP TRIGGER no_space ON command_calls",
    ),
}
"""By what the store is told, up to the first space, or colon: what breaks it, and what mends it."""
NO_SPACE = """
CREATE FUNCTION no_space() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE 'could not extend file: No space left on device' USING ERRCODE = '53100'; END $$
"""
TERMINATE = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{role}'"


def dsn_of(server: Postgres, role: str, database: str, password: str = "geheim") -> str:
    return f"postgresql://{role}:{password}@127.0.0.1:{server.port}/{database}"


@pytest.mark.parametrize("refusal", REFUSALS)
def test_a_refusal_that_is_mended_loses_nothing(
    refusal: str, server: Postgres, database: str, writer: str, tmp_path: Path
) -> None:
    breaks, mends = (sql.format(role=writer, database=database) for sql in REFUSALS[refusal])
    said = refusal.partition(":")[0] if ":" in refusal else refusal.partition(" ")[0]
    server.execute(NO_SPACE, database)
    with Load(dsn_of(server, writer, database), tmp_path) as load:
        load.more()
        server.execute(breaks, database)
        server.execute(TERMINATE.format(role=writer), database)
        load.fails()
        until(lambda: said in load.why)
        # A read-only database can only be mended from another one.
        server.execute(mends, "postgres" if "DATABASE" in mends else database)
        load.more()
        load.all_arrive_once(server, database)


def test_57014_a_lock_that_outlasts_the_statement_timeout(
    server: Postgres, database: str, writer: str, tmp_path: Path
) -> None:
    import asyncio
    import threading

    import asyncpg

    held, release = threading.Event(), threading.Event()

    async def lock() -> None:
        connection = await asyncpg.connect(server.dsn(database))
        async with connection.transaction():
            await connection.execute("LOCK TABLE command_calls IN SHARE MODE")
            held.set()
            await asyncio.to_thread(release.wait)
        await connection.close()

    with Load(dsn_of(server, writer, database), tmp_path) as load:
        load.more()
        server.execute(f"ALTER ROLE {writer} SET statement_timeout = '200ms'")
        server.execute(TERMINATE.format(role=writer))
        thread = threading.Thread(target=asyncio.run, args=(lock(),))
        thread.start()
        held.wait()
        load.fails()
        until(lambda: "57014" in load.why)
        release.set()
        thread.join()
        load.all_arrive_once(server, database)


def test_a_wrong_password_that_is_put_right_loses_nothing_and_is_never_said(
    server: Postgres, database: str, writer: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    server.require_password(writer)
    server.execute(f"ALTER ROLE {writer} PASSWORD 'ein anderes'")
    with caplog.at_level(logging.DEBUG), Load(dsn_of(server, writer, database), tmp_path) as load:
        load.fails()
        assert "password authentication failed" in caplog.text
        server.execute(f"ALTER ROLE {writer} PASSWORD 'geheim'")
        load.all_arrive_once(server, database)
    assert "geheim" not in caplog.text


def test_a_name_that_does_not_resolve_is_told_and_the_rows_wait(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "slashspan"):
        with Load("postgresql://bot:geheim@nowhere.invalid/db", tmp_path) as load:
            load.fails()
            load.stop()
            recorded = len(load.recorded)
        assert load.counts.waiting == recorded
        assert load.counts.lost == 0
    assert "nowhere.invalid" in caplog.text
    assert "geheim" not in caplog.text


def test_a_table_dropped_under_the_owner_is_made_anew(server: Postgres, database: str, tmp_path: Path) -> None:
    with Load(server.dsn(database), tmp_path) as load:
        load.more()
        server.execute("DROP TABLE command_calls", database)
        before = load.counts.stored
        until(lambda: load.counts.stored > before + 200)
        load.stop()
        assert load.processor.force_flush(20_000)
        [row] = server.execute("SELECT count(*) AS rows FROM command_calls", database)
        assert row["rows"] >= 200
        assert load.counts.lost == 0
