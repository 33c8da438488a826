"""Turns SIGTERM, which containers send and which kills Python, into Ctrl-C, on which discord.py shuts down."""

from __future__ import annotations

import signal
import threading
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

EXIT_STATUS: Final = 128 + 15
"""The exit status that a shell reports for a process killed by SIGTERM."""

_handlers: dict[int, Callable[[int, FrameType | None], None]] = {}
"""Our installed handlers, by the number of the signal."""


def on_sigterm(then: Callable[[], None] = lambda: None) -> bool:
    """Let the first SIGTERM act like Ctrl-C, after calling `then`; a second one ends the process immediately.

    Returns False and changes nothing if the bot has its own handler, or outside of the main thread.
    """
    if threading.current_thread() is not threading.main_thread():
        return False
    # SIGBREAK is what Windows sends when a console or a service ends.
    numbers = [getattr(signal, name) for name in ("SIGTERM", "SIGBREAK") if hasattr(signal, name)]
    if any(signal.getsignal(number) is not signal.SIG_DFL for number in numbers):
        return False

    def handler(number: int, _frame: FrameType | None) -> None:
        signal.signal(number, signal.SIG_DFL)
        then()
        signal.raise_signal(signal.SIGINT)

    for number in numbers:
        signal.signal(number, handler)
        _handlers[number] = handler
    return True


def restore_sigterm() -> None:
    """Undo `on_sigterm`, unless the bot has set its own handler since."""
    while _handlers:
        number, handler = _handlers.popitem()
        if signal.getsignal(number) is handler:
            signal.signal(number, signal.SIG_DFL)
