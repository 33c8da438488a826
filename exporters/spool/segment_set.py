"""Which segments a journal has: its own, and those of processes that died. No lock of its own: the journal's guards it.

Segments go in the order in which they came, so a SPAN never goes before its START.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from exporters.spool.records import RecordType, frame
from exporters.spool.segment import RecordState

if TYPE_CHECKING:
    from collections.abc import Iterator

    from exporters.spool.segment import Segment
    from exporters.spool.writers import Writer


class Holdings:
    """Writers and their segments, the oldest first."""

    def __init__(self) -> None:
        self.own: Writer | None = None
        self.active: Segment | None = None
        """The one that is appended to."""
        self.estates: list[Writer] = []
        """Of processes that died."""
        self.open: dict[int, tuple[Segment, int]] = {}
        """STARTs of actions that run, by key."""
        self._doomed: list[Segment] = []
        """To be unlinked, by whoever does not hold the lock."""

    def writers(self) -> list[Writer]:
        return [*self.estates, *([] if self.own is None else [self.own])]

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
    def unsettled(self) -> int:
        """Without the actions that run."""
        return sum(segment.unsettled for segment in self.segments()) - len(self.open)

    def first_pending(self) -> Segment | None:
        return next((segment for segment in self.segments() if segment.pending), None)

    def ended(self, key: int) -> tuple[Segment, int] | None:
        """The action is over: its START is settled, and returned where there is one."""
        start = self.open.pop(key, None)
        if start is not None:
            start[0].mark(start[1], RecordState.ACKED)
        return start

    def keep_within(self, max_bytes: int) -> int:
        """Give the oldest segments up until the rest fits; how many records to be replayed are lost with them."""
        lost, total = 0, self.bytes
        for writer in self.writers():
            while total > max_bytes and writer.segments and writer.segments[0] is not self.active:
                segment = self._doom_first(writer)
                total -= segment.size
                lost += segment.settle_pending()
                self.open = {key: start for key, start in self.open.items() if start[0] is not segment}
        return lost

    def lose_own(self) -> int:
        """The writer's folder is gone; how many records to be replayed went with it."""
        if self.own is None:
            return 0
        lost = 0
        while self.own.segments:
            lost += self._doom_first(self.own).settle_pending()
        self.own.leave()
        self.own = self.active = None
        self.open.clear()
        return lost

    def sweep(self) -> list[Writer]:
        """Doom what is settled; the writers that have nothing left are not held any more, and returned."""
        for writer in self.writers():
            while writer.segments and writer.segments[0] is not self.active and not writer.segments[0].unsettled:
                self._doom_first(writer)
        emptied = [writer for writer in self.estates if not writer.segments]
        self.estates = [writer for writer in self.estates if writer.segments]
        if self.own is not None:
            self._carry_starts(self.own)
        return emptied

    def _doom_first(self, writer: Writer) -> Segment:
        segment = writer.segments.pop(0)
        segment.gone = True
        self._doomed.append(segment)
        return segment

    def bury(self) -> None:
        """Unlink what is doomed. Needs no lock. Raises OSError; what could not be unlinked is tried again."""
        for segment in list(self._doomed):
            segment.unlink()
            with contextlib.suppress(ValueError):  # another thread was quicker
                self._doomed.remove(segment)

    def _carry_starts(self, own: Writer) -> None:
        """A long action must not keep every segment since its start: its START is written again at the end.

        Raises OSError.
        """
        while len(own.segments) > 1 and (first := own.segments[0]) is not self.active and self.active is not None:
            still = [index for index, state in enumerate(first.states) if state != RecordState.ACKED]
            if any(first.states[index] != RecordState.OPEN for index in still):
                return
            for index, record in first.read(still):
                if (
                    record is not None
                    and record.kind == RecordType.START
                    and self.open.get(record.key) == (first, index)
                ):
                    data = frame(len(self.active.states), record.kind, record.format, record.key, record.payload)
                    self.open[record.key] = (self.active, self.active.append(data, RecordState.OPEN))
            self._doom_first(own)
