"""What waits for the store, in memory and in the spool, whose turn it is, and what became of what.

Invariants
- Live rows leave memory in the order in which they came; what waits there is bounded. Over the bound, and when a write
  failed, rows go back to the spool, to be replayed; without one they wait, and over the bound the oldest are lost.
- Replays and live batches take turns: a backlog never starves what users do now.
- A row is settled once: stored, or dropped for a reason that is counted.
"""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from typing import TYPE_CHECKING, Final, NamedTuple

from exporters.common.throttled_log import ThrottledLog
from exporters.rows.counts import Counts, DropReason

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from exporters.rows.command_call import CommandCall
    from exporters.spool.journal import Receipt
    from exporters.spool.row_spool import RowSpool

REPLAY_ROWS: Final = 16_384
"""Rows of a replayed batch at most. Halved when one fails: a slow line must get it through in time."""
PIECE_ROWS: Final = 2048
"""So many are read from the spool at a time; reading stops when live rows have come meanwhile."""
REPLAY_SECONDS: Final = 1.0
"""Replayed batches are made as large as the store takes in about this time: a live row may have to wait for one."""


class Item(NamedTuple):
    """A row and where the spool has it; None: nowhere."""

    row: CommandCall
    receipt: Receipt | None


class Batch(NamedTuple):
    """What is written at once."""

    items: list[Item]
    replayed: bool


class Backlog:
    """Filled from any thread, emptied by one. `changed` is notified whenever something moves."""

    def __init__(self, address: str, *, batch_rows: int, max_waiting_rows: int, spool: RowSpool | None) -> None:
        self.changed = threading.Condition()
        self.spool = spool
        self.max_waiting_rows = max_waiting_rows
        self._address = address
        self._batch_rows = batch_rows
        self._waiting: deque[Item] = deque()
        self._in_hand: list[Item] = []
        self._busy = False
        """Between taking a batch and knowing what became of it."""
        self._accepted = 0
        self._left_memory = 0
        self._stored = 0
        self._dropped: Counter[str] = Counter()
        self._loss = ThrottledLog()
        self._replays_next = True
        self._replay_rows = REPLAY_ROWS
        self._taken_at = 0.0
        self._kept: int | None = None
        """At the end: what stays in the spool for the next process."""

    def counts(self, retried: int) -> Counts:
        """Of the rows that were put here, and of the spool's."""
        with self.changed:
            dropped = self._dropped.copy()
            adopted, waiting = 0, len(self._waiting) + len(self._in_hand)
            if self.spool is not None:
                journal = self.spool.journal
                dropped.update(journal.dropped)
                adopted = journal.adopted
                waiting += journal.pending
            if self._kept is not None:
                waiting = self._kept
            return Counts(self._accepted, self._stored, waiting, retried, dict(dropped), adopted)

    @property
    def left(self) -> int:
        """Rows that wait, wherever."""
        with self.changed:
            return len(self._waiting) + len(self._in_hand) + self._replayable()

    def _replayable(self) -> int:
        return 0 if self.spool is None else self.spool.journal.pending

    def all_spooled(self) -> bool:
        """Nothing waits in memory alone."""
        with self.changed:
            return self.spool is not None and all(item.receipt is not None for item in self._waiting)

    # With the lock held

    def something_waits(self) -> bool:
        return bool(self._waiting) or self._replayable() > 0

    def nothing_waits(self) -> bool:
        """Nothing is on its way either."""
        return not self._busy and not self.something_waits()

    def left_memory(self, ticket: int) -> bool:
        """All up to this ticket was stored, given up or handed to the spool."""
        return self._left_memory >= ticket

    # Filling

    def put(self, rows: Sequence[CommandCall], receipts: Sequence[Receipt | None], *, ended: bool) -> int:
        """Returns a ticket. `ended`: nobody takes rows from here any more."""
        with self.changed:
            self._accepted += len(rows)
            self._waiting.extend(map(Item, rows, receipts))
            if ended:
                self._leave(self._from_front(len(self._waiting)), DropReason.SHUTDOWN)
            elif (over := len(self._waiting) - self.max_waiting_rows) > 0:
                self._leave(self._from_front(over), DropReason.BACKLOG_FULL)
            self.changed.notify_all()
            return self._accepted

    def _from_front(self, limit: int) -> list[Item]:
        return [self._waiting.popleft() for _ in range(min(limit, len(self._waiting)))]

    def _leave(self, items: Sequence[Item], reason: str) -> None:
        """These are not kept in memory any longer; without a place in the spool they are lost."""
        self._release(items)
        self._left_memory += len(items)
        if lost := sum(item.receipt is None for item in items):
            self._drop(lost, reason)

    def _release(self, items: Sequence[Item]) -> None:
        if self.spool is not None:
            self.spool.journal.release([item.receipt for item in items if item.receipt is not None])

    def _drop(self, rows: int, reason: str) -> None:
        self._dropped[reason] += rows
        self._loss.warn("%d rows for %s are lost so far (%s).", sum(self._dropped.values()), self._address, reason)

    # Emptying

    def take(self) -> Batch:
        """The next batch, replays and live rows in turns; empty when nothing waits. End it with `done`."""
        with self.changed:
            self._busy = True
            self._taken_at = time.monotonic()
            live = bool(self._waiting) and not (self._replays_next and self._replayable())
            self._replays_next = live
            if live:
                self._in_hand = self._from_front(self._batch_rows)
                return Batch(self._in_hand, replayed=False)
        if self.spool is None:
            return Batch([], replayed=False)
        items = list(self._read(self.spool))
        with self.changed:
            self._in_hand = items
        return Batch(items, replayed=True)

    def _read(self, spool: RowSpool) -> Iterator[Item]:
        left = self._replay_rows
        while left > 0:
            piece = spool.lease(min(left, PIECE_ROWS))
            yield from (Item(row, receipt) for row, receipt in piece)
            left -= len(piece)
            if not piece or self._waiting:
                return

    def settle(self, items: list[Item], *, replayed: bool, lost: str | None = None) -> None:
        """These are stored, or given up for the reason `lost`."""
        if self.spool is not None:
            self.spool.journal.acknowledge(item.receipt for item in items if item.receipt is not None)
        with self.changed:
            if lost is None:
                self._stored += len(items)
            else:
                self._drop(len(items), lost)
            settled = set(map(id, items))
            self._in_hand = [item for item in self._in_hand if id(item) not in settled]
            if not replayed:
                self._left_memory += len(items)
            self.changed.notify_all()

    def give_back(self, batch: Batch) -> None:
        """After a failed write: to the spool, which replays it; what is not there goes to the front again."""
        with self.changed:
            self._in_hand = []
            if batch.replayed:
                self._replay_rows = max(self._batch_rows, self._replay_rows // 2)
            self._release(batch.items)
            unspooled = [item for item in batch.items if item.receipt is None]
            self._waiting.extendleft(reversed(unspooled))
            if not batch.replayed:
                self._left_memory += len(batch.items) - len(unspooled)
            self.changed.notify_all()

    def done(self, batch: Batch, *, written: bool) -> None:
        """The end of what `take` began."""
        with self.changed:
            self._busy = False
            if written and batch.replayed:
                took = max(1e-3, time.monotonic() - self._taken_at)
                in_time = int(len(batch.items) * REPLAY_SECONDS / took)
                self._replay_rows = max(self._batch_rows, min(in_time, 2 * self._replay_rows, REPLAY_ROWS))
            self.changed.notify_all()

    def close(self) -> None:
        """Nothing is delivered any more: what the spool has stays there, the rest is lost."""
        with self.changed:
            left = [*self._in_hand, *self._from_front(len(self._waiting))]
            self._in_hand = []
            self._leave(left, DropReason.SHUTDOWN)
        self._kept = 0
        if self.spool is not None:
            self._kept = self.spool.journal.unacked
            self.spool.journal.close()
