"""Letting the bot's loop run while a thread of ours has much to do in Python."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

T = TypeVar("T")

EVERY: Final = 16
"""Items worked on before others get a turn: a few tenths of a millisecond."""
_REST_SECONDS: Final = 0.000_05
"""A sleep of 0 would hand the interpreter's lock out and take it back before the waiting thread has woken up; without
any, that thread waits for `sys.getswitchinterval()`, 5 ms. See `python -m benchmarks event_loop`."""


def give_way() -> None:
    """Let another thread run."""
    time.sleep(_REST_SECONDS)


def in_turns(items: Iterable[T]) -> Iterator[T]:
    """The same items, with a rest after every EVERY of them."""
    for number, item in enumerate(items, 1):
        yield item
        if number % EVERY == 0:
            give_way()
