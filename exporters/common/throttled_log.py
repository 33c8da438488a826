"""Logs warnings about a recurring problem at intervals, instead of once per row."""

from __future__ import annotations

import logging
import time
from typing import Final

LOG_INTERVAL: Final = 60.0
"""Seconds between two warnings from one place."""

_log = logging.getLogger("slashspan")


class ThrottledLog:
    """The warnings of one place. Not thread-safe: the lock that guards the place guards this as well."""

    def __init__(self) -> None:
        self._last_logged = -LOG_INTERVAL

    def warn(self, message: str, *arguments: object, exc_info: bool = False) -> None:
        """Log a warning, unless this place logged one less than `LOG_INTERVAL` ago.

        `exc_info`: with the traceback of the exception being handled.
        """
        now = time.monotonic()
        if now - self._last_logged >= LOG_INTERVAL:
            self._last_logged = now
            _log.warning(message, *arguments, exc_info=exc_info)
