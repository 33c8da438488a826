"""Tells pages of new calls: one question a second, however many pages there are."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

from slashspan.insights.filters import ALL_KINDS, Filters
from slashspan.insights.readers.base import ReadError
from slashspan.insights.reports import recent

if TYPE_CHECKING:
    from slashspan.insights.dashboard.pool import ReaderPool

POLL_SECONDS: Final = 1.0
HEARTBEAT_SECONDS: Final = 15.0
"""After so long without news, a page hears that it is still connected."""
_log = logging.getLogger("slashspan.dashboard")


class Live:
    """`changed` waits for the next change of the newest call; `problem` says why there can be none."""

    def __init__(self, pool: ReaderPool) -> None:
        self._pool = pool
        self._news = asyncio.Event()
        self._newest: object = None
        self.problem = ""
        self.closed = False

    async def run(self) -> None:
        """Until `close`, or until it is cancelled."""
        while not self.closed:
            problem = ""
            try:
                async with self._pool.reader() as reader:
                    rows = (await recent(reader, Filters(kinds=ALL_KINDS), count=1)).rows
            except ReadError as error:
                problem, rows = str(error), ()
            if problem != self.problem or (not problem and rows != self._newest):
                self.problem = problem
                if not problem:
                    self._newest = rows
                else:
                    _log.warning("the table cannot be read, trying again every second: %s", problem)
                self._tell()
            await asyncio.sleep(POLL_SECONDS)

    def close(self) -> None:
        """Lets those who wait go."""
        self.closed = True
        self._tell()

    def _tell(self) -> None:
        self._news.set()
        self._news = asyncio.Event()

    async def changed(self) -> bool:
        """Whether something has changed; False after `HEARTBEAT_SECONDS`."""
        news = asyncio.ensure_future(self._news.wait())
        try:
            await asyncio.wait({news}, timeout=HEARTBEAT_SECONDS)
            return news.done()
        finally:
            news.cancel()
