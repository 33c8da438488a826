"""PostgreSQL refuses to write for reasons that are not the rows' fault, and is fixed while the bot runs: every row
arrives once."""

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
    # Only the server can report a full disk; a trigger raises its error instead, with the same code.
    "53100 disk full": (
        "CREATE TRIGGER no_space BEFORE INSERT ON command_calls EXECUTE FUNCTION no_space()",
        "DROP TRIGGER no_space ON command_calls",
    ),
}
"""What breaks it and what fixes it. The key starts, up to the colon or space, with a part of the store's error."""
NO_SPACE = """
CREATE FUNCTION no_space() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE 'could not extend file: No space left on device' USING ERRCODE = '53100'; END $$
"""
TERMINATE = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{role}'"


def dsn_of(server: Postgres, role: str, database: str, password: str = "geheim") -> str:
    return f"postgresql://{role}:{password}@127.0.0.1:{server.port}/{database}"


@pytest.mark.parametrize("refusal", REFUSALS)
def test_a_refusal_that_is_fixed_loses_nothing(
    refusal: str, server: Postgres, database: str, writer: str, tmp_path: Path
) -> None:
    breaks, fixes = (sql.format(role=writer, database=database) for sql in REFUSALS[refusal])
    said = refusal.partition(":")[0] if ":" in refusal else refusal.partition(" ")[0]
    server.execute(NO_SPACE, database)
    with Load(dsn_of(server, writer, database), tmp_path) as load:
        load.wait_for_rows()
        server.execute(breaks, database)
        server.execute(TERMINATE.format(role=writer), database)
        load.wait_for_failures()
        until(lambda: said in load.last_error)
        # A read-only database can only be fixed from another one.
        server.execute(fixes, "postgres" if "DATABASE" in fixes else database)
        load.wait_for_rows()
        load.assert_each_arrives_once(server, database)


def test_a_lock_that_outlasts_the_statement_timeout_loses_nothing(
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
        load.wait_for_rows()
        server.execute(f"ALTER ROLE {writer} SET statement_timeout = '200ms'")
        server.execute(TERMINATE.format(role=writer))
        thread = threading.Thread(target=asyncio.run, args=(lock(),))
        thread.start()
        held.wait()
        load.wait_for_failures()
        until(lambda: "57014" in load.last_error)
        release.set()
        thread.join()
        load.assert_each_arrives_once(server, database)


def test_a_wrong_password_that_is_corrected_loses_nothing_and_is_never_logged(
    server: Postgres, database: str, writer: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    server.require_password(writer)
    server.execute(f"ALTER ROLE {writer} PASSWORD 'another one'")
    with caplog.at_level(logging.DEBUG), Load(dsn_of(server, writer, database), tmp_path) as load:
        load.wait_for_failures()
        assert "password authentication failed" in caplog.text
        server.execute(f"ALTER ROLE {writer} PASSWORD 'geheim'")
        load.assert_each_arrives_once(server, database)
    assert "geheim" not in caplog.text


def test_a_host_that_does_not_resolve_is_logged_and_the_rows_wait(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "slashspan"):
        with Load("postgresql://bot:geheim@nowhere.invalid/db", tmp_path) as load:
            load.wait_for_failures()
            load.stop()
            recorded = len(load.recorded)
        assert load.counts.waiting == recorded
        assert load.counts.lost == 0
    assert "nowhere.invalid" in caplog.text
    assert "geheim" not in caplog.text


def test_a_table_dropped_while_its_owner_writes_is_created_again(
    server: Postgres, database: str, tmp_path: Path
) -> None:
    with Load(server.dsn(database), tmp_path) as load:
        load.wait_for_rows()
        server.execute("DROP TABLE command_calls", database)
        before = load.counts.stored
        until(lambda: load.counts.stored > before + 200)
        load.stop()
        assert load.processor.force_flush(20_000)
        [row] = server.execute("SELECT count(*) AS rows FROM command_calls", database)
        assert row["rows"] >= 200
        assert load.counts.lost == 0
