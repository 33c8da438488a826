"""The segments of a journal: its own writer's, and those of adopted writers. The journal's lock guards it."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from slashspan.exporters.spool.segment import Segment
    from slashspan.exporters.spool.writers import Writer


class SegmentSet:
    """Writers and their segments, oldest first."""

    def __init__(self) -> None:
        self.own: Writer | None = None
        self.active: Segment | None = None
        """The one that is appended to."""
        self.adopted_writers: list[Writer] = []
        self._retired: list[Segment] = []
        """Retired segments, to be unlinked without the lock."""

    def writers(self) -> list[Writer]:
        return [*self.adopted_writers, *([] if self.own is None else [self.own])]

    def segments(self) -> Iterator[Segment]:
        for writer in self.writers():
            yield from writer.segments

    @property
    def bytes(self) -> int:
        return sum(segment.size for segment in self.segments())

    @property
    def pending(self) -> int:
        return sum(segment.pending for segment in self.segments())

    @property
    def unacked(self) -> int:
        return sum(segment.unacked for segment in self.segments())

    def first_pending(self) -> Segment | None:
        return next((segment for segment in self.segments() if segment.pending), None)

    def keep_within(self, max_bytes: int) -> int:
        """Retire the oldest segments until the rest fits; returns the number of pending records lost."""
        lost, total = 0, self.bytes
        for writer in self.writers():
            while total > max_bytes and writer.segments and writer.segments[0] is not self.active:
                segment = self._retire_oldest(writer)
                total -= segment.size
                lost += segment.drop_pending()
        return lost

    def lose_own(self) -> int:
        """Our own writer's folder is gone; returns the number of pending records lost with it."""
        if self.own is None:
            return 0
        lost = 0
        while self.own.segments:
            lost += self._retire_oldest(self.own).drop_pending()
        self.own.leave()
        self.own = self.active = None
        return lost

    def retire_acked(self) -> list[Writer]:
        """Retire acknowledged segments. Returns adopted writers that have none left, and forgets them."""
        for writer in self.writers():
            while writer.segments and writer.segments[0] is not self.active and not writer.segments[0].unacked:
                self._retire_oldest(writer)
        emptied = [writer for writer in self.adopted_writers if not writer.segments]
        self.adopted_writers = [writer for writer in self.adopted_writers if writer.segments]
        return emptied

    def _retire_oldest(self, writer: Writer) -> Segment:
        segment = writer.segments.pop(0)
        segment.retired = True
        self._retired.append(segment)
        return segment

    @property
    def any_retired(self) -> bool:
        return bool(self._retired)

    def unlink_retired(self) -> None:
        """Needs no lock. Raises OSError; the next call tries again."""
        for segment in list(self._retired):
            segment.unlink()
            with contextlib.suppress(ValueError):  # another thread was faster
                self._retired.remove(segment)
