"""An event loop in its own thread, for blocking callers whose thread may already run a loop."""

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
    """Resolves host names synchronously: at exit, Python refuses the executor that asyncio would use."""

    async def getaddrinfo(self, host: Any, port: Any, **kwargs: Any) -> Any:
        return socket.getaddrinfo(host, port, **kwargs)


class LoopThread:
    """Runs until `stop`. Raises RuntimeError if the interpreter shuts down and no thread can be started."""

    def __init__(self, name: str) -> None:
        self.loop: asyncio.AbstractEventLoop = _Loop()
        threading.Thread(target=self._run, name=name, daemon=True).start()

    def submit(self, coroutine: Coroutine[Any, Any, T]) -> Future[T]:
        """Start a coroutine in the loop."""
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop)

    def stop(self) -> None:
        """Stop the thread, after what the loop is currently doing."""
        self.loop.call_soon_threadsafe(self.loop.stop)

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.run_forever()
        self.loop.close()
