"""What is waiting for the store, in memory and in the spool; what is delivered next; and what was stored or dropped.

Invariants
- Live rows leave memory in the order in which they came, and their number is limited. Beyond the limit, and after a
  failed write, rows return to the spool and are replayed. Without a spool they wait, and beyond the limit the oldest
  are lost.
- Replays and live batches alternate, so a backlog never starves live rows.
- A row is acknowledged once: stored, or dropped for a reason that is counted.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple

from slashspan.exporters.common.throttled_log import ThrottledLog
from slashspan.exporters.rows.counts import Counts, DropReason

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterator, Sequence

    from slashspan.exporters.rows.lazy_rows import RowSource
    from slashspan.exporters.spool.journal import Receipt
    from slashspan.exporters.spool.row_spool import RowSpool

REPLAY_ROWS: Final = 16_384
"""Most rows in a replayed batch. Halved when one fails, so that it succeeds over a slow connection."""
CHUNK_ROWS: Final = 2048
"""Rows read from the spool at a time; reading stops when live rows have arrived."""
HELD_SECONDS: Final = 30.0
"""How often one of the rows that the table refused is tried again; if it is stored, all of them are tried."""
REPLAY_SECONDS: Final = 1.0
"""Replayed batches are as large as the store can write in about this time: a live row may have to wait for one."""


class Item(NamedTuple):
    """A row, or what it is made of, and its place in the spool; None: it is not there."""

    row: RowSource
    receipt: Receipt | None


_item: Final[Callable[[tuple[RowSource, Receipt | None]], Item]] = partial(tuple.__new__, Item)
"""`Item._make`, in a third of the time."""


class Batch(NamedTuple):
    """Rows that are written together."""

    items: list[Item]
    replayed: bool


class Backlog:
    """Filled from any thread, emptied by one. `changed` guards it, and is notified of every change."""

    def __init__(
        self,
        address: str,
        changed: threading.Condition,
        *,
        batch_rows: int,
        max_waiting_rows: int,
        spool: RowSpool | None,
    ) -> None:
        self.changed = changed
        self.spool = spool
        self.max_waiting_rows = max_waiting_rows
        self._address = address
        self._batch_rows = batch_rows
        self._waiting: deque[Item] = deque()
        self._in_flight: list[Item] = []
        self._held: deque[Item] = deque()
        """Rows that the table refused; those in the spool stay leased there."""
        self._trying: Item | None = None
        """The one of them that is being tried again."""
        self._tried_at = 0.0
        self._leased = False
        """True between leasing a batch and finishing it."""
        self._accepted = 0
        self._watermark = 0
        """How many of the accepted rows have left memory: stored, dropped, or passed to the spool."""
        self._stored = 0
        self._dropped: Counter[str] = Counter()
        self._throttled_log = ThrottledLog()
        self._replay_next = True
        self._replay_rows = REPLAY_ROWS
        self._leased_at = 0.0
        self._left_in_spool: int | None = None
        """After `close`: what stays for the next process. None: not closed."""

    def counts(self, retried: int) -> Counts:
        """Counts of the rows put here, and of the spool."""
        with self.changed:
            dropped = self._dropped.copy()
            adopted, waiting = 0, len(self._waiting) + len(self._in_flight) + len(self._held)
            if self.spool is not None:
                journal = self.spool.journal
                dropped.update(journal.dropped)
                adopted = journal.adopted
                waiting += journal.pending
            if self._left_in_spool is not None:
                waiting = self._left_in_spool
            return Counts(self._accepted, self._stored, waiting, retried, dict(+dropped), adopted)

    @property
    def waiting(self) -> int:
        """Rows waiting in memory or in the spool."""
        with self.changed:
            return len(self._waiting) + len(self._in_flight) + len(self._held) + self._replayable()

    @property
    def held(self) -> int:
        """Rows that the table refused, and that wait until its owner changes that."""
        with self.changed:
            return len(self._held)

    def _replayable(self) -> int:
        return 0 if self.spool is None else self.spool.journal.pending

    # With the lock held

    def all_spooled(self) -> bool:
        """Whether no row is waiting in memory alone."""
        return self.spool is not None and all(item.receipt is not None for item in (*self._waiting, *self._held))

    def something_waiting(self) -> bool:
        return bool(self._waiting) or self._replayable() > 0

    def all_tried(self) -> bool:
        """Whether nothing is in flight, and nothing but refused rows is waiting."""
        return not self._leased and not self.something_waiting()

    def watermark_reached(self, ticket: int) -> bool:
        """Whether everything up to this ticket was stored, dropped or passed to the spool."""
        return self._watermark >= ticket

    # Filling

    def put(self, rows: Sequence[RowSource], receipts: Sequence[Receipt | None], *, ended: bool) -> int:
        """Add rows; returns a ticket. `ended`: no more batches are leased."""
        with self.changed:
            self._accepted += len(rows)
            self._waiting.extend(map(_item, zip(rows, receipts, strict=True)))
            if ended:
                self._evict(self._from_front(len(self._waiting)), DropReason.SHUTDOWN)
            elif (over := len(self._waiting) - self.max_waiting_rows) > 0:
                self._evict(self._from_front(over), DropReason.BACKLOG_FULL)
            self._bound_held()
            self.changed.notify_all()
            return self._accepted

    def _from_front(self, limit: int) -> list[Item]:
        return [self._waiting.popleft() for _ in range(min(limit, len(self._waiting)))]

    def _evict(self, items: Sequence[Item], reason: str) -> None:
        """Remove these from memory; those that are not in the spool are lost."""
        self._release(items)
        self._watermark += len(items)
        if lost := sum(item.receipt is None for item in items):
            self._drop(lost, reason)

    def _release(self, items: Sequence[Item]) -> None:
        if self.spool is not None:
            self.spool.journal.release([item.receipt for item in items if item.receipt is not None])

    def _drop(self, rows: int, reason: str) -> None:
        self._dropped[reason] += rows
        self._throttled_log.warn(
            "%d rows for %s are lost so far (%s).", sum(self._dropped.values()), self._address, reason
        )

    # Emptying

    def lease(self) -> Batch:
        """The next batch, replays and live rows alternating; empty if nothing is waiting. End it with `finish`."""
        with self.changed:
            self._leased = True
            self._leased_at = time.monotonic()
            live = bool(self._waiting) and not (self._replay_next and self._replayable())
            self._replay_next = live
            if live:
                self._in_flight = self._from_front(self._batch_rows)
                return Batch(self._in_flight, replayed=False)
        if self.spool is None:
            return Batch([], replayed=False)
        items = list(self._read(self.spool))
        with self.changed:
            self._in_flight = items
        return Batch(items, replayed=True)

    def _read(self, spool: RowSpool) -> Iterator[Item]:
        left = self._replay_rows
        while left > 0:
            chunk = spool.lease(min(left, CHUNK_ROWS))
            yield from (Item(row, receipt) for row, receipt in chunk)
            left -= len(chunk)
            if not chunk or self._waiting:
                return

    def ack(self, items: list[Item], *, replayed: bool, dropped: str | None = None) -> None:
        """Acknowledge rows that are stored, or dropped for the reason `dropped`."""
        # Acknowledged in the spool under the same lock: `close` must count a row either here or there.
        with self.changed:
            if self._left_in_spool is not None:
                self._ack_late(items, dropped)
                return
            if self.spool is not None:
                self.spool.journal.acknowledge(item.receipt for item in items if item.receipt is not None)
            if dropped is None:
                self._stored += len(items)
            else:
                self._drop(len(items), dropped)
            if dropped is None and self._trying is not None and any(map(self._is_trying, items)):
                self._release_held()
            self._leave_flight(items)
            if not replayed:
                self._watermark += len(items)
            self.changed.notify_all()

    def _leave_flight(self, items: Sequence[Item]) -> None:
        if items is self._in_flight:  # the whole batch, as nearly always
            self._in_flight = []
            return
        gone = set(map(id, items))
        self._in_flight = [item for item in self._in_flight if id(item) not in gone]

    def _ack_late(self, items: list[Item], dropped: str | None) -> None:
        """Acknowledge a write that outlived `close`, which has counted its rows: spooled ones as waiting for the next
        process, which writes them again, harmlessly; the others as lost, although they are now stored."""
        if dropped is None:
            stored = sum(item.receipt is None for item in items)
            self._dropped[DropReason.SHUTDOWN] -= stored
            self._stored += stored

    def nack(self, batch: Batch) -> None:
        """After a failed write: release rows to the spool, which replays them; put the others back at the front."""
        with self.changed:
            if self._left_in_spool is not None:
                return
            self._in_flight = []
            if batch.replayed:
                self._replay_rows = max(self._batch_rows, self._replay_rows // 2)
            self._release(batch.items)
            unspooled = [item for item in batch.items if item.receipt is None]
            self._waiting.extendleft(reversed(unspooled))
            if not batch.replayed:
                self._watermark += len(batch.items) - len(unspooled)
            self.changed.notify_all()

    # What the table refuses

    def hold(self, items: Sequence[Item], *, replayed: bool) -> None:
        """Keep rows of the current batch that the table refuses, without holding up others."""
        with self.changed:
            if self._left_in_spool is not None:
                return
            self._leave_flight(items)
            if not self._held:
                self._tried_at = time.monotonic()
            self._held.extend(items)
            self._bound_held()
            if not replayed:
                self._watermark += len(items)
            self.changed.notify_all()

    def try_a_held_row(self) -> None:
        """Let the one that has been held for longest be delivered again, every HELD_SECONDS."""
        with self.changed:
            now = time.monotonic()
            if self._held and now - self._tried_at >= HELD_SECONDS:
                self._tried_at = now
                self._trying = self._held.popleft()
                self._return([self._trying])

    def release_held(self) -> None:
        """Let all of them be delivered again."""
        with self.changed:
            self._release_held()

    def _release_held(self) -> None:
        items = list(self._held)
        self._held.clear()
        self._trying, self._tried_at = None, time.monotonic()
        self._return(items)

    def _is_trying(self, item: Item) -> bool:
        trying = self._trying
        return trying is not None and (item is trying or (item.receipt is not None and item.receipt == trying.receipt))

    def _return(self, items: Sequence[Item]) -> None:
        """To the spool, or to the front of what waits in memory."""
        self._release(items)
        unspooled = [item for item in items if item.receipt is None]
        self._waiting.extendleft(reversed(unspooled))
        self._watermark -= len(unspooled)
        self.changed.notify_all()

    def _bound_held(self) -> None:
        """Without a spool, what is held counts as waiting in memory: the oldest are lost first."""
        if self.spool is None and (over := len(self._waiting) + len(self._held) - self.max_waiting_rows) > 0:
            lost = [self._held.popleft() for _ in range(min(over, len(self._held)))]
            if lost:
                self._drop(len(lost), DropReason.BACKLOG_FULL)

    def finish(self, batch: Batch, *, written: bool) -> None:
        """End the batch that `lease` returned."""
        with self.changed:
            self._leased = False
            if written and batch.replayed:
                seconds = max(1e-3, time.monotonic() - self._leased_at)
                in_time = int(len(batch.items) * REPLAY_SECONDS / seconds)
                self._replay_rows = max(self._batch_rows, min(in_time, 2 * self._replay_rows, REPLAY_ROWS))
            self.changed.notify_all()

    def close(self) -> None:
        """Stop delivering: what is in the spool stays there, the rest is lost."""
        with self.changed:
            if self._left_in_spool is not None:
                return
            left = [*self._in_flight, *self._held, *self._from_front(len(self._waiting))]
            self._in_flight = []
            self._held.clear()
            self._evict(left, DropReason.SHUTDOWN)
            self._left_in_spool = 0 if self.spool is None else self.spool.journal.unacked
        if self.spool is not None:
            self.spool.journal.close()
