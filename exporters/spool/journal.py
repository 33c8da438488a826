"""The log of one destination: appended to by this process, replayed from, adopted from processes that died.

Invariants
- Nothing raises into the caller of `append` and `start`: disk errors are logged and counted.
- A record is acknowledged once; doing so again, or after its segment was retired, changes nothing.
- The lock is held for one write and for bookkeeping, never for reading, loading, acknowledging on disk or unlinking.
- A segment is unlinked after the slots of the actions that ended in it were cleared: no ended action comes back.
"""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING, Final

from slashspan.exporters.common import at_fork
from slashspan.exporters.common.at_fork import ForkAware
from slashspan.exporters.common.gil import yielding_gil
from slashspan.exporters.rows.counts import DropReason
from slashspan.exporters.spool.adoption import Adoption
from slashspan.exporters.spool.losses import Losses
from slashspan.exporters.spool.periodic_sync import PeriodicSync
from slashspan.exporters.spool.records import RecordType, frame
from slashspan.exporters.spool.segment import RecordState, Segment
from slashspan.exporters.spool.segment_set import SegmentSet
from slashspan.exporters.spool.writers import Writer
from slashspan.semconv import Sync

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from slashspan.exporters.spool.in_flight import InFlight
    from slashspan.exporters.spool.records import Record

SEGMENT_BYTES: Final = 2**20
MIN_SEGMENTS: Final = 8
"""A small size limit is divided into this many segments, so that retiring the oldest does not drop everything."""
RETRY_SECONDS: Final = 5.0
"""Pause after a failed append: a full disk must not cost every command a failing write."""
SLOTS_PER_LOCK: Final = 64
"""Slots cleared at a time: an append waits for no more than that."""

Receipt = tuple[Segment, int]
"""The position of a record, for acknowledging or releasing it."""

_log = logging.getLogger("slashspan")


class Journal(ForkAware):
    """The records in `folder`. Methods may be called from any thread; they block on nothing but the local disk."""

    def __init__(self, folder: Path, *, max_bytes: int, sync: str = Sync.CRASH) -> None:
        self.folder = folder
        self.max_bytes = max_bytes
        self._segment_bytes = min(SEGMENT_BYTES, max_bytes // MIN_SEGMENTS)
        self._sync = sync
        self.after_fork: Callable[[], None] | None = None
        """Called in a forked child, which has a new journal."""
        self._start()
        at_fork.register(self)

    def _start(self) -> None:
        self.lock = threading.Lock()
        self._losses = Losses(self.folder)
        self._adoption = Adoption(self.folder, self.max_bytes, self.lock, self._losses)
        self._set = SegmentSet()
        self._in_flight: InFlight | None = None
        """Those of our own writer, while they can be written."""
        self._not_before = 0.0
        self._periodic_sync: PeriodicSync | None = None
        self._closed = False

    # Appending

    def start(self, payload_format: int, key: int, payload: bytes) -> bool:
        """Record that a user action is running; False after a disk error or if the journal is closed."""
        with self.lock:
            try:
                in_flight = self._open_in_flight() if self._in_flight is None else self._in_flight
                if in_flight is not None:
                    in_flight.start(key, frame(0, RecordType.START, payload_format, key, payload))
                    if self._sync == Sync.RECORD:
                        in_flight.sync()
                    return True
            except OSError as error:
                self._failed(error)
            self._losses.refused += 1
            return False

    def append(self, type_: int, payload_format: int, key: int, payload: bytes, state: int) -> Receipt | None:
        """Append a record; None after a disk error or if the journal is closed.

        A SPAN ends the running action of the same key, even if the append fails.
        """
        with self.lock:
            try:
                segment = self._set.active
                if segment is None or segment.size >= self._segment_bytes:
                    segment = self._rotated()
                    if segment is None:
                        self._refuse(type_, key)
                        return None
                index = segment.append(frame(len(segment.states), type_, payload_format, key, payload), state)
                if self._sync == Sync.RECORD:
                    segment.sync()
            except OSError as error:
                self._failed(error)
                self._refuse(type_, key)
                return None
            if self._in_flight is not None and type_ == RecordType.SPAN:
                self._in_flight.end(key)
            return (segment, index)

    def _refuse(self, type_: int, key: int) -> None:
        self._losses.refused += 1
        if type_ == RecordType.SPAN and self._in_flight is not None:
            # Nothing in the log says that it ended, so its slot must not say that it runs. A slot that exists takes
            # a write on a full disk too.
            self._in_flight.end(key)
            with self._losses.logging_os_errors():
                self._in_flight.clear_stale()

    def _open_in_flight(self) -> InFlight | None:
        own = self._own_writer()
        if own is not None:
            self._in_flight = own.open_in_flight()
        return self._in_flight

    def _own_writer(self) -> Writer | None:
        """Our writer, created if there is none; None during the pause after an error."""
        if self._closed or time.monotonic() < self._not_before:
            return None
        if self._set.own is None:
            self._set.own = Writer.create(self.folder)
            if self._sync == Sync.POWER:
                self._periodic_sync = PeriodicSync(self.sync)
                self._periodic_sync.start()
        return self._set.own

    def _rotated(self) -> Segment | None:
        own = self._own_writer()
        if own is None:
            return None
        full, self._set.active = self._set.active, own.next_segment()
        if full is not None:
            full.sealed = True
            if self._sync != Sync.POWER:
                full.close()
        self._losses.spool_full(self._set.keep_within(self.max_bytes))
        return self._set.active

    def _failed(self, error: OSError) -> None:
        """Start a new segment if possible. With the lock held."""
        if self._set.active is not None:
            self._set.active.close()
            self._set.active = None
        if isinstance(error, FileNotFoundError):  # the folder was removed; the next attempt creates another
            self._losses.folder_removed(self._set.lose_own())
            self._in_flight = None
        self._not_before = time.monotonic() + RETRY_SECONDS
        self._losses.cannot_write(error)

    # Replaying

    def adopt(self) -> int:
        """Adopt what dead processes left; returns the number of waiting records."""
        return self._adoption.adopt(self._set, self._collect)

    def lease(self, limit: int) -> list[tuple[Receipt, Record]]:
        """Lease up to `limit` records for replay, oldest first. Each has to be acknowledged or released."""
        leased: list[tuple[Receipt, Record]] = []
        while len(leased) < limit:
            with self.lock:
                segment = self._set.first_pending()
                if segment is None:
                    break
                indices = segment.lease(limit - len(leased))
            try:
                for index, record in yielding_gil(segment.read(indices)):
                    if record is not None:
                        leased.append(((segment, index), record))
                    else:
                        self.give_up((segment, index), DropReason.DAMAGED)
            except OSError as error:
                self.release((segment, index) for index in indices)
                leased = [item for item in leased if item[0][0] is not segment]
                with self.lock:
                    self._losses.cannot_read(error)
                break
        return leased

    def give_up(self, receipt: Receipt, reason: str) -> None:
        """Count this record as lost."""
        with self.lock:
            if receipt[0].mark(receipt[1], RecordState.ACKED):
                self._losses.given_up(receipt[0].path, reason)

    def acknowledge(self, receipts: Iterable[Receipt]) -> None:
        """Acknowledge records that are stored, or dropped and counted: they never come back."""
        by_segment: dict[Segment, list[int]] = {}
        for segment, index in receipts:
            found = by_segment.get(segment)
            if found is None:
                found = by_segment[segment] = []
            found.append(index)
        with self.lock:
            fresh = [(segment, segment.acknowledge(indices)) for segment, indices in by_segment.items()]
        with self._losses.logging_os_errors():
            for segment, indices in fresh:
                if indices and not segment.retired:
                    segment.write_acks(indices)
        self._collect()

    def release(self, receipts: Iterable[Receipt]) -> None:
        """Release records whose delivery failed: they will be replayed."""
        lost = 0
        with self.lock:
            for segment, index in receipts:
                if segment.retired:
                    lost += segment.mark(index, RecordState.ACKED)
                else:
                    segment.mark(index, RecordState.PENDING)
            self._losses.spool_full(lost)
        self._collect()

    def _collect(self) -> None:
        """Unlink segments that are acknowledged or beyond the size limit, oldest first."""
        with self._losses.logging_os_errors():
            with self.lock:
                emptied = self._set.retire_acked()
            if self._set.any_retired:
                self._clear_stale_slots()
                self._set.unlink_retired()
            for writer in emptied:
                writer.leave()

    def _clear_stale_slots(self) -> None:
        """Raises OSError, and then no segment may be unlinked."""
        while True:
            with self.lock:
                if self._in_flight is None or not self._in_flight.stale:
                    return
                self._in_flight.clear_stale(SLOTS_PER_LOCK)

    # State

    @property
    def dropped(self) -> Mapping[str, int]:
        """Records dropped, by `DropReason`."""
        return self._losses.dropped

    @property
    def refused(self) -> int:
        """Records that could not be written to disk."""
        return self._losses.refused

    @property
    def adopted(self) -> int:
        """Records adopted from processes that died."""
        return self._adoption.records

    @property
    def pending(self) -> int:
        """Records waiting for replay, without leased ones."""
        with self.lock:
            return self._set.pending

    @property
    def unacked(self) -> int:
        """Records that this process, or the next one, still has to deliver."""
        with self.lock:
            return self._set.unacked

    @property
    def bytes(self) -> int:
        """Size on disk."""
        with self.lock:
            return self._set.bytes

    @property
    def oldest_seconds(self) -> float:
        """Age of the oldest segment with records waiting for replay; 0 if there is none."""
        with self.lock:
            first = self._set.first_pending()
        return 0.0 if first is None else max(0.0, time.time() - first.created)

    @property
    def own_folder(self) -> Path | None:
        """The folder to which this process writes; None before its first record."""
        own = self._set.own
        return None if own is None else own.folder

    def record_error(self, error: str | None) -> None:
        """Store the reason why records wait, for `slashspan spool`; None: they no longer wait."""
        with self.lock:
            writers = self._set.writers()
        # One file is enough for an error, also where there are only records of other processes, as in `spool drain`.
        for writer in writers if error is None else writers[-1:]:
            with self._losses.logging_os_errors():
                writer.record_error(error)

    # Shutdown

    def sync(self) -> None:
        """Sync what was appended to disk."""
        with self.lock:
            dirty = [segment for segment in self._set.segments() if segment.dirty]
            in_flight = self._in_flight
        with self._losses.logging_os_errors():
            if in_flight is not None:
                in_flight.sync()
        for segment in dirty:
            with self._losses.logging_os_errors():
                segment.sync()

    def close(self) -> None:
        """Release the folder; unacknowledged records stay for the next process."""
        if self._periodic_sync is not None:
            self._periodic_sync.stop()
            self.sync()
        with self.lock:
            self._closed = True
            self._set.active = None
        with self._losses.logging_os_errors():
            self._clear_stale_slots()
        self._collect()
        with self.lock:
            for writer in self._set.writers():
                writer.leave()
            self._set, self._in_flight = SegmentSet(), None

    # Around a fork

    def before_fork(self) -> None:
        self.lock.acquire()

    def after_fork_in_parent(self) -> None:
        self.lock.release()

    def after_fork_in_child(self) -> None:
        """Segments and locks belong to the parent; the first record creates our own folder."""
        for writer in self._set.writers():
            writer.forget()
        self._start()
        if self.after_fork is not None:
            self.after_fork()
