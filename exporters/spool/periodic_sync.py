"""`SLASHSPAN_SPOOL_SYNC=power`: a thread that syncs what was appended to disk, so that no command waits for it."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

SYNC_SECONDS: Final = 0.2
"""Interval between syncs."""


class PeriodicSync:
    """Calls `sync` every SYNC_SECONDS, between `start` and `stop`."""

    def __init__(self, sync: Callable[[], None]) -> None:
        self._sync = sync
        self._stopped = threading.Event()

    def start(self) -> None:
        threading.Thread(target=self._run, name="slashspan-sync", daemon=True).start()

    def stop(self) -> None:
        self._stopped.set()

    def _run(self) -> None:
        while not self._stopped.wait(SYNC_SECONDS):
            self._sync()
