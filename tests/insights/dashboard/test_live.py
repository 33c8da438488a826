"""The table is asked for new calls while somebody listens, and only then."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

from slashspan import insights
from slashspan.insights.dashboard.live import Live
from slashspan.insights.dashboard.pool import ReaderPool
from slashspan.insights.filters import ALL_KINDS
from slashspan.insights.sums.reader import SummedReader
from tests.support.dashboards import served
from tests.support.rows import sample
from tests.support.stored_rows import write_rows
from tests.support.tables import execute
from tests.support.waiting import until_async

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    import pytest


@contextlib.asynccontextmanager
async def running(dsn: str) -> AsyncIterator[tuple[Live, list[str]]]:
    """Asks quickly; connections and the names of queries are noted."""
    asked: list[str] = []

    def connect() -> Any:
        asked.append("connect")
        reader = insights.connect(dsn)
        assert isinstance(reader, SummedReader)
        query = reader.query

        async def noted(name: str, *arguments: Any, **values: Any) -> Any:
            asked.append(name)
            return await query(name, *arguments, **values)

        reader.query = noted  # type: ignore[method-assign]
        return reader

    pool = ReaderPool(connect)
    live = Live(pool, poll_seconds=0.001)
    task = asyncio.create_task(live.run())
    try:
        yield live, asked
    finally:
        live.close()
        await task
        await pool.close()


async def other_work() -> None:
    """In which anybody could have asked."""
    for _ in range(50):
        await asyncio.to_thread(lambda: None)


async def test_nobody_is_asked_until_somebody_listens_and_after_the_last_has_gone(tmp_path: Path) -> None:
    dsn = f"sqlite:///{tmp_path / 'calls.db'}"
    write_rows(dsn, sample(2, seed=1))
    here = True
    async with running(dsn) as (live, asked):
        await other_work()
        assert asked == []
        with live.listening():
            await until_async(lambda: len(asked) > 3)
            with live.listening():
                pass
            seen = len(asked)
            await until_async(lambda: len(asked) > seen + 3)
        with live.listening(lambda: here):
            seen = len(asked)
            await until_async(lambda: len(asked) > seen + 3)
            here = False  # the browser is gone, and the server has not noticed yet
            await until_async(lambda: not live._heard.is_set())
            seen = len(asked)
            await other_work()
            assert len(asked) == seen
        here = True
        with live.listening():
            await until_async(lambda: len(asked) > seen)


async def test_news_that_came_meanwhile_are_not_missed(tmp_path: Path) -> None:
    dsn = f"sqlite:///{tmp_path / 'calls.db'}"
    write_rows(dsn, sample(2, seed=1))
    async with running(dsn) as (live, _):
        with live.listening():
            await until_async(lambda: live.number == 1)
            version = live.version
            new = sample(3, seed=2)[-1]
            new.called_at = 2_000_000_000_000_000
            await asyncio.to_thread(write_rows, dsn, [new])
            await until_async(lambda: live.number == 2)
            assert await asyncio.wait_for(live.changed(version), 30)


async def test_a_page_that_was_closed_is_no_listener_any_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dsn = f"sqlite:///{tmp_path / 'calls.db'}"
    write_rows(dsn, sample(2, seed=1))
    found: list[Live] = []
    create = Live.__init__

    def noted(self: Live, *arguments: Any, **options: Any) -> None:
        create(self, *arguments, **options)
        found.append(self)

    monkeypatch.setattr(Live, "__init__", noted)
    async with served(dsn) as client:
        async with client.get("/live") as answer:
            await answer.content.readuntil(b"\n\n")
            assert found[0]._listeners
        await until_async(lambda: not found[0]._listeners)


async def test_the_newest_call_is_looked_for_from_the_last_one_on_and_everywhere_once_that_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dsn = f"sqlite:///{tmp_path / 'calls.db'}"
    write_rows(dsn, sample(5, seed=1))
    since: list[Any] = []
    recent = insights.recent

    async def noted(reader: Any, filters: insights.Filters, **options: Any) -> Any:
        since.append(filters.since)
        return await recent(reader, filters, **options)

    monkeypatch.setattr("slashspan.insights.dashboard.live.recent", noted)
    async with insights.connect(dsn) as reader:
        newest, before = (row.at for row in (await recent(reader, insights.Filters(kinds=ALL_KINDS), count=2)).rows)
    async with running(dsn) as (live, _):
        with live.listening():
            await until_async(lambda: live._newest)
            since.clear()
            await until_async(lambda: len(since) > 3)
            assert set(since) == {newest}
            execute(dsn, "DELETE FROM command_calls WHERE called_at = (SELECT max(called_at) FROM command_calls)")
            await until_async(lambda: live._newest and live._newest[0].at == before)
            assert None in since
