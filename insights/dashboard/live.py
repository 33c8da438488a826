"""Tells pages of new calls: one question a second, however many pages there are, and none if nobody listens."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Final

from slashspan.insights.dashboard.building import Building, next_look
from slashspan.insights.filters import ALL_KINDS, Filters
from slashspan.insights.readers.base import ReadError
from slashspan.insights.reports import recent
from slashspan.insights.sums.reader import SummedReader

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from slashspan.insights.dashboard.pool import ReaderPool
    from slashspan.insights.readers.base import Reader
    from slashspan.insights.reports.audience import RecentRow

POLL_SECONDS: Final = 1.0
HEARTBEAT_SECONDS: Final = 15.0
"""After so long without news, a page hears that it is still connected."""
SUMS_EVERY: Final = 10
"""Questions between two about the progress of sums that were of use at the last one."""
LATELY: Final = timedelta(days=1)
_log = logging.getLogger("slashspan.dashboard")


class Live:
    """`changed` waits for news: another `number`, `problem` or `building`."""

    def __init__(self, pool: ReaderPool, *, poll_seconds: float = POLL_SECONDS) -> None:
        self._pool = pool
        self._poll_seconds = poll_seconds
        self._news = asyncio.Event()
        self._heard = asyncio.Event()
        """Set while somebody listens."""
        self._listeners: dict[object, Callable[[], bool]] = {}
        self._newest: tuple[RecentRow, ...] | None = None
        self._building = Building()
        self._look_at = 0.0
        """When to ask for the progress of sums again."""
        self.version = 0
        """Another one after each news."""
        self.number = 0
        """Another one after each change of the newest call or of the problem."""
        self.problem = ""
        """Why the table cannot be read; empty if it can."""
        self.closed = False

    @property
    def building(self) -> str:
        """How far sums are that are being built; empty if there is nothing to wait for."""
        return self._building.text

    async def run(self) -> None:
        """Until `close`, or until it is cancelled."""
        while not self.closed:
            await self.heard()
            await self._ask()
            await asyncio.sleep(self._poll_seconds)
            self._leave_out_the_gone()

    async def heard(self) -> None:
        """Until somebody listens."""
        await self._heard.wait()

    @contextlib.contextmanager
    def listening(self, connected: Callable[[], bool] = lambda: True) -> Iterator[None]:
        """For as long as `connected`, at most in this block, somebody listens."""
        listener = object()
        self._listeners[listener] = connected
        self._heard.set()
        try:
            yield
        finally:
            self._listeners.pop(listener, None)

    def _leave_out_the_gone(self) -> None:
        self._listeners = {each: connected for each, connected in self._listeners.items() if connected()}
        if not self._listeners and not self.closed:
            self._heard.clear()
            self.problem = ""  # nobody will know whether it still is one

    async def _ask(self) -> None:
        problem, rows, building = "", self._newest, self.building
        try:
            async with self._pool.reader() as reader:
                rows = await self._newest_of(reader)
                await self._look_at_sums(reader)
        except ReadError as error:
            problem = str(error)
        if problem and problem != self.problem:
            _log.warning("the table cannot be read, trying again every second: %s", problem)
        if (problem, rows) != (self.problem, self._newest):
            self.problem, self._newest = problem, rows
            self.number += 1
            self._tell()
        elif building != self.building:
            self._tell()

    async def _newest_of(self, reader: Reader) -> tuple[RecentRow, ...]:
        """The newest call is looked for from the last one on, or in the last day: to look through all times, SQLite
        reads all rows."""
        since = self._newest[0].at if self._newest else datetime.now(timezone.utc) - LATELY
        rows = (await recent(reader, Filters(since=since, kinds=ALL_KINDS), count=1)).rows
        return rows or (await recent(reader, Filters(kinds=ALL_KINDS), count=1)).rows

    async def _look_at_sums(self, reader: Reader) -> None:
        began = time.monotonic()
        if isinstance(reader, SummedReader) and began >= self._look_at:
            progress = await reader.progress()
            ended = time.monotonic()
            self._building.see(progress, ended)
            every = self._poll_seconds * (1 if self.building else SUMS_EVERY)
            self._look_at = next_look(began, ended, every)

    def close(self) -> None:
        """Lets those who wait go."""
        self.closed = True
        self._heard.set()
        self._tell()

    def _tell(self) -> None:
        self.version += 1
        self._news.set()
        self._news = asyncio.Event()

    async def changed(self, version: int) -> bool:
        """Whether there are news since `version`; False after `HEARTBEAT_SECONDS` without any."""
        if version != self.version:
            return True
        news = asyncio.ensure_future(self._news.wait())
        try:
            await asyncio.wait({news}, timeout=HEARTBEAT_SECONDS)
            return news.done()
        finally:
            news.cancel()
