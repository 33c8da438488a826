"""The log of one destination: appended to by this process, replayed from, adopted from processes that died.

Invariants
- Nothing raises into the caller of `append`: what the disk refuses is told, counted, and None is returned.
- A record is settled once; acknowledging again, or after its segment was dropped, changes nothing.
- The lock is held for an append and for bookkeeping, never for reading, loading, acknowledging on disk or unlinking.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections import Counter
from typing import TYPE_CHECKING, Final

from exporters.common import at_fork
from exporters.common.gil import yielding_gil
from exporters.common.throttled_log import ThrottledLog
from exporters.rows.counts import DropReason
from exporters.spool.records import NewerFormat, RecordType, frame
from exporters.spool.segment import RecordState, Segment
from exporters.spool.segment_set import Holdings
from exporters.spool.writers import Writer, dead_writers
from slashspan.semconv import Sync

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from exporters.spool.records import Record

SEGMENT_BYTES: Final = 2**20
SEGMENTS_AT_LEAST: Final = 8
"""A small bound is cut into so many segments: dropping the oldest one must not drop everything."""
AGAIN_SECONDS: Final = 5.0
"""After an append failed, how long none is tried: a full disk must not cost every command a failing write."""
SYNC_SECONDS: Final = 0.2
"""With `power`, how far the disk may be behind."""

Receipt = tuple[Segment, int]
"""Where a record is: to be acknowledged, or released to be replayed."""

_log = logging.getLogger("slashspan")


class Journal:
    """The records in `folder`. Methods may be called from any thread; none blocks on anything but the local disk."""

    def __init__(self, folder: Path, *, max_bytes: int, sync: str = Sync.CRASH) -> None:
        self.folder = folder
        self._max_bytes = max_bytes
        self._segment_bytes = min(SEGMENT_BYTES, max_bytes // SEGMENTS_AT_LEAST)
        self._sync = sync
        self.adopted = 0
        """Records of processes that died, which this one took over."""
        self.dropped: Counter[str] = Counter()
        """Records given up, by `DropReason`."""
        self.refused = 0
        """Appends that the disk refused."""
        self.after_fork: Callable[[], None] | None = None
        """Called in a forked child, whose journal is a new one."""
        self._telling = ThrottledLog()
        self._start()
        at_fork.register(self)

    def _start(self) -> None:
        self.lock = threading.Lock()
        self._has = Holdings()
        self._ended_unseen: list[Receipt] = []
        """STARTs whose SPAN the disk refused."""
        self._left_alone: set[Path] = set()
        self._not_before = 0.0
        self._stop_sync: threading.Event | None = None
        self._closed = False

    # Appending

    def append(self, kind: int, payload_format: int, key: int, payload: bytes, state: int) -> Receipt | None:
        """Put a record at the end; None when the disk refuses it or the journal is closed."""
        with self.lock:
            try:
                segment = self._has.active
                if segment is None or segment.size >= self._segment_bytes:
                    segment = self._rotated()
                    if segment is None:
                        self._refused(kind, key)
                        return None
                index = segment.append(frame(len(segment.states), kind, payload_format, key, payload), state)
                if self._sync == Sync.RECORD:
                    segment.sync()
            except OSError as error:
                self._trouble(error)
                self._refused(kind, key)
                return None
            if kind == RecordType.START:
                self._has.open[key] = (segment, index)
            elif kind == RecordType.SPAN:
                self._has.ended(key)
            return (segment, index)

    def _refused(self, kind: int, key: int) -> None:
        self.refused += 1
        # It has ended, whatever the disk thinks: its START must not come back as interrupted.
        if kind == RecordType.SPAN and (start := self._has.ended(key)) is not None:
            self._ended_unseen.append(start)

    def _rotated(self) -> Segment | None:
        if self._closed or time.monotonic() < self._not_before:
            return None
        has = self._has
        if has.own is None:
            has.own = Writer.create(self.folder)
            if self._sync == Sync.POWER:
                self._stop_sync = threading.Event()
                thread = threading.Thread(target=self._keep_synced, args=(self._stop_sync,), name="slashspan-sync")
                thread.daemon = True
                thread.start()
        full, has.active = has.active, has.own.next_segment()
        if full is not None:
            full.sealed = True
            if self._sync != Sync.POWER:
                full.close()
        self._full(has.keep_within(self._max_bytes))
        return has.active

    def _full(self, lost: int) -> None:
        if lost:
            self.dropped[DropReason.SPOOL_FULL] += lost
            self._telling.warn(
                "the spool %s is full; the oldest rows go, %d so far. SLASHSPAN_SPOOL_MAX_BYTES is its bound.",
                self.folder,
                self.dropped[DropReason.SPOOL_FULL],
            )

    def _trouble(self, error: OSError) -> None:
        """With the lock held: what follows goes into a new segment, when the disk takes one."""
        if self._has.active is not None:
            self._has.active.close()
            self._has.active = None
        if isinstance(error, FileNotFoundError):  # somebody removed the folder; the next try makes another
            self.dropped[DropReason.DAMAGED] += self._has.lose_own()
        self._not_before = time.monotonic() + AGAIN_SECONDS
        self._telling.warn("the spool cannot be written: %s. The bot goes on; rows wait in memory only.", error)

    # Replaying

    def adopt(self) -> int:
        """Take over what dead processes left; returns how many records wait in it."""
        with self.lock:
            mine = {writer.folder for writer in self._has.writers()} | self._left_alone
        found = 0
        with self._told_on_error():
            for writer in dead_writers(self.folder, mine):
                found += self._adopt(writer)
        return found

    def _adopt(self, writer: Writer) -> int:
        try:
            lost = writer.load()
        except (NewerFormat, OSError) as error:
            writer.leave()
            self._left_alone.add(writer.folder)
            _log.warning("%s is left alone: %s", writer.folder, error)
            return 0
        with self.lock:
            pending = writer.pending
            self.adopted += pending + lost
            self._has.estates.append(writer)
            if lost:
                self.dropped[DropReason.DAMAGED] += lost
                _log.warning("%d records in %s were damaged and are lost", lost, writer.folder)
            self._full(self._has.keep_within(self._max_bytes))
        self._collect()
        return pending

    def take(self, limit: int) -> list[tuple[Receipt, Record]]:
        """Up to `limit` records to be replayed, the oldest first; acknowledge or release each."""
        taken: list[tuple[Receipt, Record]] = []
        while len(taken) < limit:
            with self.lock:
                segment = self._has.first_pending()
                if segment is None:
                    break
                indices = segment.claim(limit - len(taken))
            try:
                for index, record in yielding_gil(segment.read(indices)):
                    if record is not None:
                        taken.append(((segment, index), record))
                    else:
                        self.give_up((segment, index), DropReason.DAMAGED)
            except OSError as error:
                self.release((segment, index) for index in indices)
                taken = [item for item in taken if item[0][0] is not segment]
                with self.lock:
                    self._telling.warn("the spool cannot be read: %s", error)
                break
        return taken

    def give_up(self, receipt: Receipt, reason: str) -> None:
        """This record is lost, and counted so."""
        with self.lock:
            if receipt[0].mark(receipt[1], RecordState.ACKED):
                self.dropped[reason] += 1
                self._telling.warn("a record in %s is lost (%s)", receipt[0].path, reason)

    def acknowledge(self, receipts: Iterable[Receipt]) -> None:
        """These are where they belong, or are given up: they never come back."""
        by_segment: dict[Segment, list[int]] = {}
        with self.lock:
            late, self._ended_unseen = self._ended_unseen, []
            for segment, index in receipts:
                if segment.mark(index, RecordState.ACKED):
                    by_segment.setdefault(segment, []).append(index)
            for segment, index in late:
                by_segment.setdefault(segment, []).append(index)
        with self._told_on_error():
            for segment, indices in by_segment.items():
                if not segment.gone:
                    segment.write_acks(indices)
        self._collect()

    def release(self, receipts: Iterable[Receipt]) -> None:
        """These are not on their way any more: replay them when their turn comes."""
        lost = 0
        with self.lock:
            for segment, index in receipts:
                if segment.gone:
                    lost += segment.mark(index, RecordState.ACKED)
                else:
                    segment.mark(index, RecordState.PENDING)
            self._full(lost)

    def _collect(self) -> None:
        """Remove segments that are settled, the oldest first."""
        with self._told_on_error():
            with self.lock:
                emptied = self._has.sweep()
            self._has.bury()
            for writer in emptied:
                writer.leave()

    @contextlib.contextmanager
    def _told_on_error(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            self._telling.warn("the spool %s: %s", self.folder, error)

    # Looking

    @property
    def pending(self) -> int:
        """Records to be replayed; those on their way are not among them."""
        with self.lock:
            return self._has.pending

    @property
    def unsettled(self) -> int:
        """Records that this process, or else the next one, has still to deliver; without the actions that run."""
        with self.lock:
            return self._has.unsettled

    @property
    def bytes(self) -> int:
        """On disk."""
        with self.lock:
            return self._has.bytes

    @property
    def oldest_seconds(self) -> float:
        """Age of the oldest segment in which something is to be replayed; 0 without one."""
        with self.lock:
            first = self._has.first_pending()
        return 0.0 if first is None else max(0.0, time.time() - first.created)

    @property
    def own_folder(self) -> Path | None:
        """Where this process writes; None before its first record."""
        own = self._has.own
        return None if own is None else own.folder

    def record_error(self, why: str | None) -> None:
        """Say on disk why records wait, for whoever looks from outside; None: they do not any more."""
        own = self._has.own
        if own is not None:
            with self._told_on_error():
                own.record_error(why)

    # Ending

    def _keep_synced(self, stop: threading.Event) -> None:
        while not stop.wait(SYNC_SECONDS):
            self.sync()

    def sync(self) -> None:
        """Have the disk write what was appended."""
        with self.lock:
            dirty = [segment for segment in self._has.segments() if segment.dirty]
        for segment in dirty:
            with self._told_on_error():
                segment.sync()

    def close(self) -> None:
        """Let go of the folder; what is unsettled stays for the next process."""
        if self._stop_sync is not None:
            self._stop_sync.set()
            self.sync()
        with self.lock:
            self._closed = True
            self._has.active = None
        self._collect()
        with self.lock:
            for writer in self._has.writers():
                writer.leave()
            self._has = Holdings()

    def before_fork(self) -> None:
        self.lock.acquire()

    def after_fork_in_parent(self) -> None:
        self.lock.release()

    def after_fork_in_child(self) -> None:
        """In a forked child: segments and locks are the parent's; the first record makes a folder of our own."""
        for writer in self._has.writers():
            for segment in writer.segments:
                segment.close()
            writer.forget_lock()
        self.adopted, self.refused, self.dropped = 0, 0, Counter()
        self._start()
        if self.after_fork is not None:
            self.after_fork()
