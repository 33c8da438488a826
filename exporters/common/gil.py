"""Lets the bot's event loop run while one of our threads is busy with Python code."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

T = TypeVar("T")

ITEMS_PER_SLICE: Final = 16
"""Items processed before other threads get the GIL: a few tenths of a millisecond."""
_PAUSE_SECONDS: Final = 0.000_05
"""A sleep of 0 would release the GIL and reacquire it before the waiting thread has woken up. Without any sleep that
thread waits for `sys.getswitchinterval()`, 5 ms. See `python -m benchmarks event_loop`."""


def yield_gil() -> None:
    """Let another thread run."""
    time.sleep(_PAUSE_SECONDS)


def yielding_gil(items: Iterable[T], per_slice: int = ITEMS_PER_SLICE) -> Iterator[T]:
    """The same items, with a pause after every `per_slice` of them."""
    for number, item in enumerate(items, 1):
        yield item
        if number % per_slice == 0:
            yield_gil()
