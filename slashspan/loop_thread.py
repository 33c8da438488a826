"""An event loop in a thread of its own, for blocking callers: their own thread may run a loop already."""

from __future__ import annotations

import asyncio
import socket
import threading
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from concurrent.futures import Future

T = TypeVar("T")


class _Loop(asyncio.SelectorEventLoop):
    """Resolves names in its own thread: at exit, Python refuses the executor that asyncio would use."""

    async def getaddrinfo(self, host: Any, port: Any, **kwargs: Any) -> Any:
        return socket.getaddrinfo(host, port, **kwargs)


class LoopThread:
    """Runs until `stop`. Raises RuntimeError when the interpreter ends and no thread can be started any more."""

    def __init__(self, name: str) -> None:
        self.loop: asyncio.AbstractEventLoop = _Loop()
        threading.Thread(target=self._run, name=name, daemon=True).start()

    def submit(self, coroutine: Coroutine[Any, Any, T]) -> Future[T]:
        """Start it in the loop."""
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop)

    def stop(self) -> None:
        """End the thread, after what the loop is doing now."""
        self.loop.call_soon_threadsafe(self.loop.stop)

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.run_forever()
        self.loop.close()
