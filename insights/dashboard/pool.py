"""Several connections, because a page asks many questions at once and a connection answers them one after the other."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from slashspan.insights.readers.base import Reader

CONNECTIONS: Final = 3


class ReaderPool:
    """Connects when a question needs it, and again after a connection was lost."""

    def __init__(self, connect: Callable[[], Reader], *, size: int = CONNECTIONS) -> None:
        self._connect = connect
        self._free: list[Reader] = []
        self._places = asyncio.Semaphore(size)

    @contextlib.asynccontextmanager
    async def reader(self) -> AsyncIterator[Reader]:
        """A reader for one question at a time. Raises ReadError."""
        async with self._places:
            reader = self._free.pop() if self._free else await self._connect().__aenter__()
            try:
                yield reader
            except BaseException:
                with contextlib.suppress(Exception):  # it may be the connection that failed
                    await reader.__aexit__(None, None, None)
                raise
            self._free.append(reader)

    async def close(self) -> None:
        while self._free:
            await self._free.pop().__aexit__(None, None, None)
