"""While a page is open, the dashboard has the sums brought up to date; nothing is written for nobody."""

from __future__ import annotations

import asyncio
import contextlib
from functools import partial
from typing import TYPE_CHECKING

import pytest

from slashspan import insights
from slashspan.insights.dashboard.pool import ReaderPool
from slashspan.insights.dashboard.upkeep import Upkeep
from slashspan.insights.sums import freshness, open_sums
from slashspan.insights.sums.freshness import catch_up
from tests.support.dashboards import served
from tests.support.stored_rows import write_rows
from tests.support.sums import calls
from tests.support.waiting import until_async

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@pytest.fixture
def dsn(dsn: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """With 100 calls that are summed, and 50 that are not."""
    monkeypatch.setattr(freshness, "ROWS", 20)
    write_rows(dsn, calls(100, 1, days=3))
    with open_sums(dsn) as sums:
        sums.install("UTC")
        sums.refresh()
    write_rows(dsn, calls(50, 2, days=3))
    return dsn


def is_fresh(dsn: str) -> bool:
    with open_sums(dsn) as sums:
        return sums.status().is_fresh


@contextlib.asynccontextmanager
async def running(dsn: str, heard: asyncio.Event) -> AsyncIterator[list[str]]:
    """Looks all the time; the refreshes are noted."""
    done: list[str] = []

    def refresh() -> None:
        catch_up(dsn, table="command_calls")
        done.append("refreshed")

    pool = ReaderPool(lambda: insights.connect(dsn))
    task = asyncio.create_task(Upkeep(pool, heard.wait, refresh, every_seconds=0.001).run())
    try:
        yield done
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await pool.close()


async def test_sums_are_refreshed_once_somebody_listens_and_something_is_worth_it(dsn: str) -> None:
    heard = asyncio.Event()
    async with running(dsn, heard) as done:
        for _ in range(50):
            await asyncio.sleep(0)
        assert done == []
        heard.set()
        await until_async(lambda: len(done) == 1)
        assert await asyncio.to_thread(is_fresh, dsn)
        await asyncio.to_thread(write_rows, dsn, calls(60, 3, days=3))
        await until_async(lambda: len(done) == 2)
        assert await asyncio.to_thread(is_fresh, dsn)


async def test_a_store_that_is_away_is_asked_again(dsn: str) -> None:
    heard = asyncio.Event()
    heard.set()
    away = [True, True]
    done: list[str] = []

    def connect() -> insights.Reader:
        return insights.connect("sqlite:////nowhere/calls.db" if away and away.pop() else dsn)

    pool = ReaderPool(connect)
    task = asyncio.create_task(Upkeep(pool, heard.wait, lambda: done.append("refreshed"), every_seconds=0.001).run())
    await until_async(lambda: done != [])
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await pool.close()


async def test_an_open_page_is_enough(dsn: str) -> None:
    async with served(dsn, catch_up=partial(catch_up, dsn, table="command_calls")) as client:
        assert (await client.get("/")).status == 200
        async with client.get("/live") as stream:
            await stream.content.readline()
            while not await asyncio.to_thread(is_fresh, dsn):
                await asyncio.sleep(0.05)
