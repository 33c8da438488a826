"""The one thread that talks to the store.

Invariants
- Live rows leave memory in the order in which they came; what waits there is bounded. Over the bound, and when a write
  failed, rows go back to the spool, to be replayed; without one they wait, and over the bound the oldest are lost.
- Replays and live batches take turns: a backlog never starves what users do now.
- A row is settled once: stored, or dropped for a reason that is counted.
- A batch that may or may not have been committed is written again: the store's key makes that harmless.
- Nothing that a store does ends the thread.
"""

from __future__ import annotations

import contextlib
import logging
import os
import threading
import time
from collections import Counter, deque
from typing import TYPE_CHECKING, Final, NamedTuple

import tenacity

from exporters.counts import Counts, Lost
from exporters.errors import RowsRejected, StoreError, StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from exporters.row import CommandCall
    from exporters.spool.dead_letters import DeadLetters
    from exporters.spool.journal import Receipt
    from exporters.spool.rows import RowSpool
    from exporters.store import Store

WRITE_SECONDS: Final = 10.0
"""Longest single write, as the OTLP exporters have it."""
FIRST_RETRY_SECONDS: Final = 0.5
LONGEST_RETRY_SECONDS: Final = 30.0
TELL_EVERY_SECONDS: Final = 60.0
"""A loss that goes on is told once in this time."""
REPLAY_ROWS: Final = 16_384
"""Rows of a replayed batch at most. Halved when one fails, a slow line must get it through in WRITE_SECONDS."""
ADOPT_SECONDS: Final = 60.0
"""How often the spool is searched for what processes left that died meanwhile."""

_log = logging.getLogger("slashspan")


class Item(NamedTuple):
    """A row and where the spool has it; None: nowhere."""

    row: CommandCall
    receipt: Receipt | None


class Batch(NamedTuple):
    """What is written at once."""

    items: list[Item]
    replayed: bool


class Delivery:
    """Takes rows from any thread and writes them in batches; what fails is tried again until `close`."""

    def __init__(
        self,
        store: Store,
        *,
        batch_rows: int,
        max_waiting_rows: int,
        spool: RowSpool | None = None,
        dead_letters: DeadLetters | None = None,
    ) -> None:
        self._store = store
        self._batch_rows = batch_rows
        self._max_waiting = max_waiting_rows
        self._spool = spool
        self._dead_letters = dead_letters
        self._start()

    def _start(self) -> None:
        self._pid = os.getpid()
        self._changed = threading.Condition()
        self._waiting: deque[Item] = deque()
        self._in_flight: list[Item] = []
        self._busy = False
        """Between taking a batch and knowing what became of it."""
        self._accepted = 0
        self._left_memory = 0
        self._stored = 0
        self._retried = 0
        self._dropped: Counter[str] = Counter()
        self._told_loss = -TELL_EVERY_SECONDS
        self._down = False
        self._hurry = False
        self._replays_next = True
        self._replay_rows = REPLAY_ROWS
        self._close_at: float | None = None
        self._kept: int | None = None
        """At the end: what stays in the spool for the next process."""
        self._thread = threading.Thread(target=self._run, name="slashspan-delivery", daemon=True)
        self._thread.start()

    def counts(self) -> Counts:
        """Of the rows that were put here, and of the spool's."""
        with self._changed:
            dropped = self._dropped.copy()
            adopted, waiting = 0, len(self._waiting) + len(self._in_flight)
            if self._spool is not None:
                journal = self._spool.journal
                dropped.update(journal.dropped)
                adopted = journal.adopted
                waiting += journal.pending
            if self._kept is not None:
                waiting = self._kept
            return Counts(self._accepted, self._stored, waiting, self._retried, dict(dropped), adopted)

    def put(self, rows: Sequence[CommandCall], receipts: Sequence[Receipt | None] | None = None) -> int:
        """Take rows over; returns the ticket to `wait` for."""
        if self._pid != os.getpid():
            self._start()  # after a fork: the parent's rows are the parent's, its thread is not here
        receipts = receipts or [None] * len(rows)
        with self._changed:
            self._accepted += len(rows)
            self._waiting.extend(map(Item, rows, receipts))
            if self._close_at is not None and not self._thread.is_alive():
                self._leave(self._take_waiting(len(self._waiting)), Lost.SHUTDOWN)
            elif (over := len(self._waiting) - self._max_waiting) > 0:
                self._leave(self._take_waiting(over), Lost.BACKLOG_FULL)
            self._changed.notify_all()
            return self._accepted

    def wait(self, ticket: int, timeout: float) -> bool:
        """Until all up to `ticket` has been tried; False after `timeout` seconds, at once while the store is down."""
        with self._changed:
            self._changed.wait_for(lambda: self._left_memory >= ticket or self._down, timeout)
            return self._left_memory >= ticket and not self._down

    def flush(self, timeout: float) -> bool:
        """Try at once, whatever the backoff; True when nothing waits any more, in the spool neither."""
        with self._changed:
            self._hurry = True
            self._changed.notify_all()
            self._changed.wait_for(self._nothing_waits, timeout)
            return self._nothing_waits()

    def _nothing_waits(self) -> bool:
        return not (self._waiting or self._busy or self._replayable())

    def close(self, timeout: float) -> None:
        """Write what waits, trying for `timeout` seconds. The rest stays in the spool; without one it is lost."""
        deadline = time.monotonic() + timeout
        with self._changed:
            if self._close_at is None:
                self._close_at = deadline
            self._hurry = True
            self._changed.notify_all()
        self._thread.join(timeout)
        with self._changed:
            left = [*self._in_flight, *self._take_waiting(len(self._waiting))]
            self._in_flight = []
            self._leave(left, Lost.SHUTDOWN)
        if self._spool is None:
            self._kept = 0
        else:
            self._kept = self._spool.journal.unsettled
            self._spool.journal.close()
        self._store.close(timeout=max(0.1, deadline - time.monotonic()))

    # On the thread

    def _run(self) -> None:
        if self._spool is not None:
            self._spool.journal.adopt()
        self._prepare()
        with contextlib.suppress(StoreError):  # the time is up; `close` says what becomes of the rest
            while self._work_is_there():
                for attempt in self._retrying():
                    with attempt:
                        self._deliver_next()

    def _prepare(self) -> None:
        """Look at the store before the first row comes, so that what is wrong is told early."""
        try:
            self._store.prepare(timeout=WRITE_SECONDS)
        except BaseException as error:  # noqa: BLE001 - nothing a store does ends the thread
            self._failed(error)

    def _work_is_there(self) -> bool:
        """Wait for something to deliver; False when it is time to end."""
        while True:
            with self._changed:
                self._changed.wait_for(
                    lambda: self._waiting or self._close_at is not None or self._replayable(),
                    None if self._spool is None else ADOPT_SECONDS,
                )
                if self._waiting or self._replayable():
                    return not self._time_is_up()
                if self._close_at is not None:
                    return False
            if self._spool is not None:
                self._spool.journal.adopt()

    def _replayable(self) -> bool:
        return self._spool is not None and self._spool.journal.pending > 0

    def _deliver_next(self) -> None:
        with self._changed:
            self._busy = True
        try:
            self._deliver(self._next_batch())
        finally:
            with self._changed:
                self._busy = False
                self._changed.notify_all()

    def _deliver(self, batch: Batch) -> None:
        parts = [batch.items] if batch.items else []
        while parts:
            part = parts.pop()
            try:
                self._write(part)
            except RowsRejected as error:
                if len(part) > 1:
                    middle = len(part) // 2
                    parts += [part[middle:], part[:middle]]
                else:
                    self._set_aside(part[0], error, replayed=batch.replayed)
            except StoreUnavailable:
                rest = [item for items in (part, *reversed(parts)) for item in items]
                self._give_back(Batch(rest, batch.replayed))
                raise
            else:
                self._settle(part, replayed=batch.replayed)
        if batch.replayed:
            self._replay_rows = min(REPLAY_ROWS, 2 * self._replay_rows)

    def _next_batch(self) -> Batch:
        """Replays and live rows in turns."""
        with self._changed:
            self._replays_next = not self._replays_next
            if self._waiting and not (self._replays_next and self._replayable()):
                items = self._in_flight = self._take_waiting(self._batch_rows)
                return Batch(items, replayed=False)
        if self._spool is None:
            return Batch([], replayed=False)
        items = [Item(row, receipt) for row, receipt in self._spool.take(self._replay_rows)]
        with self._changed:
            self._in_flight = items
        return Batch(items, replayed=True)

    def _take_waiting(self, limit: int) -> list[Item]:
        return [self._waiting.popleft() for _ in range(min(limit, len(self._waiting)))]

    def _retrying(self) -> tenacity.Retrying:
        return tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(StoreUnavailable),
            wait=tenacity.wait_random_exponential(multiplier=FIRST_RETRY_SECONDS, max=LONGEST_RETRY_SECONDS),
            stop=lambda _: self._time_is_up(),
            sleep=self._pause,
            reraise=True,
        )

    def _write(self, items: list[Item]) -> None:
        seconds = WRITE_SECONDS
        if self._close_at is not None:
            seconds = max(0.1, min(seconds, self._close_at - time.monotonic()))
        try:
            self._store.write([item.row for item in items], timeout=seconds)
        except RowsRejected:
            self._answered()
            raise
        except StoreUnavailable as error:
            self._failed(error)
            raise
        except BaseException as error:
            # A table that is not ours, or a store that breaks its contract: the rows are kept and tried again.
            self._failed(error)
            raise StoreUnavailable(f"{type(error).__name__}: {error}") from error
        self._answered()

    def _pause(self, seconds: float) -> None:
        with self._changed:
            if self._close_at is not None:
                seconds = min(seconds, FIRST_RETRY_SECONDS, max(0.0, self._close_at - time.monotonic()))
                self._hurry = False
            self._changed.wait_for(lambda: self._hurry, seconds)
            self._hurry = False

    def _time_is_up(self) -> bool:
        return self._close_at is not None and time.monotonic() >= self._close_at

    def _failed(self, error: BaseException) -> None:
        why = str(error) or type(error).__name__
        with self._changed:
            first = not self._down
            self._down = True
            self._retried += 1
            self._changed.notify_all()
        if self._spool is not None:
            self._spool.journal.note_trouble(why)
            where = f"rows wait in {self._spool.journal.folder}"
        else:
            where = f"up to {self._max_waiting} rows wait in memory"
        if first:
            _log.warning("%s cannot be written now: %s. The bot goes on; %s.", self._store.address, why, where)

    def _answered(self) -> None:
        with self._changed:
            was_down, self._down = self._down, False
        if was_down:
            if self._spool is not None:
                self._spool.journal.note_trouble(None)
            _log.warning("%s is back; %d rows that waited are being written.", self._store.address, self._left())

    def _left(self) -> int:
        with self._changed:
            waiting = len(self._waiting) + len(self._in_flight)
        return waiting + (self._spool.journal.pending if self._spool is not None else 0)

    # What becomes of rows

    def _settle(self, items: list[Item], *, replayed: bool) -> None:
        if self._spool is not None:
            self._spool.journal.acknowledge(item.receipt for item in items if item.receipt is not None)
        with self._changed:
            self._stored += len(items)
            self._landed(items, replayed=replayed)

    def _set_aside(self, item: Item, error: RowsRejected, *, replayed: bool) -> None:
        _log.error("%s refuses a row and will not get it: %s", self._store.address, error)
        if self._dead_letters is not None:
            self._dead_letters.add(item.row, str(error))
        if self._spool is not None and item.receipt is not None:
            self._spool.journal.acknowledge([item.receipt])
        with self._changed:
            self._drop(1, Lost.REJECTED)
            self._landed([item], replayed=replayed)

    def _give_back(self, batch: Batch) -> None:
        """After a failed write: to the spool, which replays it; what is not there goes to the front again."""
        with self._changed:
            self._in_flight = []
            if batch.replayed:
                self._replay_rows = max(self._batch_rows, self._replay_rows // 2)
            kept = [item for item in batch.items if item.receipt is None]
            self._waiting.extendleft(reversed(kept))
            spooled = [item.receipt for item in batch.items if item.receipt is not None]
            if spooled and self._spool is not None:
                self._spool.journal.release(spooled)
            if not batch.replayed:
                self._left_memory += len(spooled)
            self._changed.notify_all()

    def _leave(self, items: Sequence[Item], reason: str) -> None:
        """With the lock held: these are not kept in memory any longer; without a place in the spool they are lost."""
        spooled = [item.receipt for item in items if item.receipt is not None]
        if spooled and self._spool is not None:
            self._spool.journal.release(spooled)
        self._left_memory += len(items)
        if lost := len(items) - len(spooled):
            self._drop(lost, reason)

    def _landed(self, items: list[Item], *, replayed: bool) -> None:
        """With the lock held."""
        done = set(map(id, items))
        self._in_flight = [item for item in self._in_flight if id(item) not in done]
        if not replayed:
            self._left_memory += len(items)
        self._changed.notify_all()

    def _drop(self, rows: int, reason: str) -> None:
        """With the lock held: count, and tell at most once in TELL_EVERY_SECONDS."""
        self._dropped[reason] += rows
        now = time.monotonic()
        if now - self._told_loss >= TELL_EVERY_SECONDS:
            self._told_loss = now
            _log.warning(
                "%d rows for %s are lost so far (%s).", sum(self._dropped.values()), self._store.address, reason
            )
