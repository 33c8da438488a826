"""Sends what is only in memory before a bot replaces itself by `os.execv`, which runs no exit handlers.

Rows need none of it: they are in the spool. So this is installed only if metrics or logs are exported.
"""

from __future__ import annotations

import functools
import os
import threading
from typing import TYPE_CHECKING, Any, Final

from slashspan.guard import guarded

if TYPE_CHECKING:
    from collections.abc import Callable

SECONDS: Final = 2.0
"""Longest wait, while the bot's event loop is blocked."""
NAMES: Final = ("execv", "execve")
"""The other functions of `os` call one of these."""


class BeforeExec:
    """Wraps `os.execv` and `os.execve`; `remove` puts them back, unless somebody has wrapped them since."""

    def __init__(self, send: Callable[[], None]) -> None:
        self._send: Callable[[], None] | None = send
        self._originals: dict[str, Any] = {}
        self._wrappers: dict[str, Any] = {}
        for name in NAMES:
            original = self._originals[name] = getattr(os, name)
            wrapper = self._wrappers[name] = self._sending(original)
            setattr(os, name, wrapper)

    def remove(self) -> None:
        """From now on nothing is sent."""
        self._send = None
        for name, wrapper in self._wrappers.items():
            if getattr(os, name) is wrapper:
                setattr(os, name, self._originals[name])

    def _sending(self, original: Any) -> Any:
        @functools.wraps(original)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            self._wait_until_sent()
            return original(*args, **kwargs)

        return wrapper

    @guarded
    def _wait_until_sent(self) -> None:
        if self._send is not None:
            thread = threading.Thread(target=guarded(self._send), name="slashspan-before-exec", daemon=True)
            thread.start()
            thread.join(SECONDS)
