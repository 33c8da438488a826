"""Waiting for a condition, without a limit that a slow machine would break."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def until(condition: Callable[[], object], seconds: float = 20.0, *, pause: float = 0.005) -> None:
    """Block this thread until the condition holds, looking again after a `pause`. Fails after `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition never held"
        threading.Event().wait(pause)


async def until_async(condition: Callable[[], object], seconds: float = 30.0) -> None:
    """Let the event loop run until the condition holds. Fails after `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition never held"
        await asyncio.sleep(0.002)
