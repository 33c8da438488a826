"""While sums are being built, a reader says how far they are."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from slashspan import insights
from slashspan.exporters.admin.migrate import run_migration
from slashspan.insights.sums import open_sums, snapshot
from slashspan.insights.sums.progress import Progress
from slashspan.insights.sums.reader import SummedReader
from tests.support.clickhouse_rows import insert_rows
from tests.support.postgres import in_own_loop
from tests.support.stored_rows import write_rows
from tests.support.sums import BEGIN, DAYS, calls
from tests.support.tables import execute

if TYPE_CHECKING:
    from tests.support.clickhouse_server import ClickhouseServer


def progress(dsn: str) -> Progress | None:
    async def ask() -> Progress | None:
        async with insights.connect(dsn) as reader:
            assert isinstance(reader, SummedReader)
            return await reader.progress()

    found: Progress | None = in_own_loop(ask())
    return found


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """So few rows and hours make a long build."""
    monkeypatch.setattr(snapshot, "NEW_ROWS", 30)
    monkeypatch.setattr("slashspan.insights.sums.sqlite.refresh.CHUNK", 50)


def test_it_grows_until_the_sums_can_be_used(dsn: str) -> None:
    rows = sorted(calls(400, 1), key=lambda row: row.called_at)
    write_rows(dsn, rows)
    assert progress(dsn) is None  # nobody builds any
    with open_sums(dsn) as sums:
        sums.install("UTC")
        assert progress(dsn) == Progress(0, DAYS)
        seen = [0]

        def look(_: int) -> None:
            found = progress(dsn)
            seen.append(found.done if found else DAYS)

        sums.refresh(look)
    assert seen == sorted(seen)
    assert len(set(seen)) > 3
    assert progress(dsn) is None


def test_days_whose_rows_have_changed_are_not_done(dsn: str) -> None:
    write_rows(dsn, calls(400, 1))
    with open_sums(dsn) as sums:
        sums.install("UTC")
        sums.refresh()
    edge = BEGIN + timedelta(days=10)
    execute(dsn, f"UPDATE command_calls SET outcome = 'cancelled' WHERE called_at < '{edge:%Y-%m-%dT%H:%M:%S}.000000Z'")
    assert progress(dsn) == Progress(DAYS - 10, DAYS)


def test_a_table_without_rows_has_nothing_to_build(dsn: str) -> None:
    write_rows(dsn, [])
    with open_sums(dsn) as sums:
        sums.install("UTC")
        assert progress(dsn) is None


def test_in_clickhouse_too(clickhouse_server: ClickhouseServer) -> None:
    dsn = clickhouse_server.dsn("sums_progress")
    run_migration(dsn, "command_calls")
    insert_rows(clickhouse_server, "sums_progress", calls(400, 1))
    with open_sums(dsn) as sums:
        sums.install("UTC")
        assert progress(dsn) == Progress(0, DAYS)
        sums.refresh()
    assert progress(dsn) is None
