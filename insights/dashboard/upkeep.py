"""Brings the sums up to date while a page is open: without them, it would take longer from day to day."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

from slashspan.insights.readers.base import ReadError
from slashspan.insights.sums.freshness import is_worth_a_refresh, sums_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from slashspan.insights.dashboard.pool import ReaderPool

EVERY_SECONDS: Final = 60.0
_log = logging.getLogger("slashspan.dashboard")


class Upkeep:
    """Looks every minute whether a refresh is worth it, if somebody listens."""

    def __init__(
        self,
        pool: ReaderPool,
        heard: Callable[[], Awaitable[object]],
        catch_up: Callable[[], None],
        *,
        every_seconds: float = EVERY_SECONDS,
    ) -> None:
        """`heard` waits until somebody listens; `catch_up` refreshes for a while, in a thread."""
        self._pool = pool
        self._heard = heard
        self._catch_up = catch_up
        self._every_seconds = every_seconds

    async def run(self) -> None:
        """Until it is cancelled."""
        while True:
            await self._heard()
            try:
                async with self._pool.reader() as reader:
                    found = await sums_of(reader)
            except ReadError as error:
                _log.debug("no sums: %s", error)  # the page says it
                found = None
            if found is not None and is_worth_a_refresh(found):
                await asyncio.to_thread(self._catch_up)
            await asyncio.sleep(self._every_seconds)
