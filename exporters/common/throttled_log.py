"""Warnings that go on being true, told once in a while."""

from __future__ import annotations

import logging
import time
from typing import Final

EVERY_SECONDS: Final = 60.0
"""A trouble that lasts is told once in this time, not with every row."""

_log = logging.getLogger("slashspan")


class Telling:
    """Warnings of one place. Not thread-safe: what guards the place guards it."""

    def __init__(self) -> None:
        self._told_at = -EVERY_SECONDS

    def warn(self, message: str, *arguments: object) -> None:
        """Log it, unless something of this place was logged less than `EVERY_SECONDS` ago."""
        now = time.monotonic()
        if now - self._told_at >= EVERY_SECONDS:
            self._told_at = now
            _log.warning(message, *arguments)
