"""SIGTERM, which containers send and Python dies of: turned into the Ctrl-C that discord.py ends tidily on."""

from __future__ import annotations

import signal
import threading
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

EXIT_STATUS: Final = 128 + 15
"""What a shell reports of a process that SIGTERM ended."""

_handlers: dict[int, Callable[[int, FrameType | None], None]] = {}
"""Ours that are installed, by the number of the signal."""


def on_sigterm(then: Callable[[], None] = lambda: None) -> bool:
    """Let the first SIGTERM act as a Ctrl-C would, after calling `then`; a second one ends the process at once.

    Returns False and changes nothing where the bot has a handler of its own, or outside the main thread.
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
    """Undo `on_sigterm`, unless the bot has set a handler of its own since."""
    while _handlers:
        number, handler = _handlers.popitem()
        if signal.getsignal(number) is handler:
            signal.signal(number, signal.SIG_DFL)
