"""Takes over what processes that died have left in a destination's folder."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from slashspan.exporters.spool.records import NewerFormat
from slashspan.exporters.spool.writers import dead_writers

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable
    from pathlib import Path

    from slashspan.exporters.spool.losses import Losses
    from slashspan.exporters.spool.segment_set import SegmentSet
    from slashspan.exporters.spool.writers import Writer

_log = logging.getLogger("slashspan")


class Adoption:
    """Of one journal, whose lock guards its segments."""

    def __init__(self, folder: Path, max_bytes: int, lock: threading.Lock, losses: Losses) -> None:
        self._folder = folder
        self._max_bytes = max_bytes
        self._lock = lock
        self._losses = losses
        self._unreadable: set[Path] = set()
        self.records = 0
        """Records adopted so far, those that were damaged among them."""

    def adopt(self, segments: SegmentSet, collect: Callable[[], None]) -> int:
        """Add the segments of dead processes; returns the number of waiting records. `collect` is called after each
        process."""
        with self._lock:
            ours = {writer.folder for writer in segments.writers()} | self._unreadable
        found = 0
        with self._losses.logging_os_errors():
            for writer in dead_writers(self._folder, ours):
                found += self._adopt(writer, segments, collect)
        return found

    def _adopt(self, writer: Writer, segments: SegmentSet, collect: Callable[[], None]) -> int:
        try:
            lost = writer.load()
        except (NewerFormat, OSError) as error:
            writer.leave()
            self._unreadable.add(writer.folder)
            _log.warning("%s is left alone: %s", writer.folder, error)
            return 0
        with self._lock:
            pending = writer.pending
            self.records += pending + lost
            segments.adopted_writers.append(writer)
            self._losses.damaged(lost, writer.folder)
            self._losses.spool_full(segments.keep_within(self._max_bytes))
        collect()
        return pending
