"""Counts what the spool could not keep, by reason, and logs it at most once a minute. Guarded by the journal's lock."""

from __future__ import annotations

import contextlib
import logging
from collections import Counter
from typing import TYPE_CHECKING

from slashspan.exporters.common.throttled_log import ThrottledLog
from slashspan.exporters.rows.counts import DropReason

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_log = logging.getLogger("slashspan")


class Losses:
    """Losses of the journal in `folder`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.dropped: Counter[str] = Counter()
        """Records dropped, by `DropReason`."""
        self.refused = 0
        """Records that could not be written to disk. Their rows wait in memory."""
        self._throttled_log = ThrottledLog()

    def spool_full(self, records: int) -> None:
        if records:
            self.dropped[DropReason.SPOOL_FULL] += records
            self._throttled_log.warn(
                "the spool %s is full; the oldest rows are dropped, %d so far. SLASHSPAN_SPOOL_MAX_BYTES is the limit.",
                self._folder,
                self.dropped[DropReason.SPOOL_FULL],
            )

    def damaged(self, records: int, where: Path) -> None:
        if records:
            self.dropped[DropReason.DAMAGED] += records
            _log.warning("%d records in %s were damaged and are lost", records, where)

    def folder_removed(self, records: int) -> None:
        self.dropped[DropReason.DAMAGED] += records

    def given_up(self, where: Path, reason: str) -> None:
        self.dropped[reason] += 1
        self._throttled_log.warn("a record in %s is lost (%s)", where, reason)

    def cannot_write(self, error: OSError) -> None:
        self._throttled_log.warn("the spool cannot be written: %s. The bot goes on; rows wait in memory only.", error)

    def cannot_read(self, error: OSError) -> None:
        self._throttled_log.warn("the spool cannot be read: %s", error)

    @contextlib.contextmanager
    def logging_os_errors(self) -> Iterator[None]:
        """Log OS errors of operations that can fail without a loss."""
        try:
            yield
        except OSError as error:
            self._throttled_log.warn("the spool %s: %s", self._folder, error)
