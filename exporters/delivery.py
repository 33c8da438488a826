"""The one thread that talks to the store.

Invariants
- Rows leave in the order in which they came; what waits is bounded, and over the bound the oldest go.
- A row is settled once: stored, or dropped for a reason that is counted. `settled` never runs ahead of `accepted`.
- A batch that may or may not have been committed is written again: the store's key makes that harmless.
- Nothing that a store does ends the thread.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections import Counter, deque
from typing import TYPE_CHECKING, Final

import tenacity

from exporters.counts import Counts, Lost
from exporters.errors import RowsRejected, SchemaMismatch, StoreError, StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from exporters.row import CommandCall
    from exporters.store import Store

WRITE_SECONDS: Final = 10.0
"""Longest single write, as the OTLP exporters have it."""
FIRST_RETRY_SECONDS: Final = 0.5
LONGEST_RETRY_SECONDS: Final = 30.0
TELL_EVERY_SECONDS: Final = 60.0
"""A loss that goes on is told once in this time."""

_log = logging.getLogger("slashspan")


class Delivery:
    """Takes rows from any thread and writes them in batches; what fails is tried again until `close`."""

    def __init__(self, store: Store, *, batch_rows: int, max_waiting_rows: int) -> None:
        self._store = store
        self._batch_rows = batch_rows
        self._max_waiting = max_waiting_rows
        self._start()

    def _start(self) -> None:
        self._pid = os.getpid()
        self._changed = threading.Condition()
        self._waiting: deque[CommandCall] = deque()
        self._in_flight = 0
        self._accepted = 0
        self._settled = 0
        self._stored = 0
        self._retried = 0
        self._dropped: Counter[str] = Counter()
        self._told_loss = -TELL_EVERY_SECONDS
        self._down = False
        self._hurry = False
        self._close_at: float | None = None
        self._thread = threading.Thread(target=self._run, name="slashspan-delivery", daemon=True)
        self._thread.start()

    @property
    def down(self) -> bool:
        """The last write failed: waiting for the next one is pointless."""
        return self._down

    def counts(self) -> Counts:
        with self._changed:
            return Counts(
                recorded=self._accepted,
                stored=self._stored,
                waiting=len(self._waiting) + self._in_flight,
                retried=self._retried,
                dropped=dict(self._dropped),
            )

    def put(self, rows: Sequence[CommandCall]) -> int:
        """Take rows over; returns the ticket to `wait` for."""
        if self._pid != os.getpid():
            self._start()  # after a fork: the parent's rows are the parent's, its thread is not here
        with self._changed:
            self._accepted += len(rows)
            if self._close_at is not None and not self._thread.is_alive():
                self._drop(len(rows), Lost.SHUTDOWN)
                return self._accepted
            self._waiting.extend(rows)
            if (over := len(self._waiting) - self._max_waiting) > 0:
                for _ in range(over):
                    self._waiting.popleft()
                self._drop(over, Lost.BACKLOG_FULL)
            self._changed.notify_all()
            return self._accepted

    def wait(self, ticket: int, timeout: float, *, even_if_down: bool = False) -> bool:
        """Until all up to `ticket` is settled; False after `timeout` seconds, or at once while the store is down."""
        with self._changed:
            self._changed.wait_for(lambda: self._settled >= ticket or (self._down and not even_if_down), timeout)
            return self._settled >= ticket

    def flush(self, timeout: float) -> bool:
        """Try at once, whatever the backoff; True when nothing waits any more."""
        with self._changed:
            self._hurry = True
            self._changed.notify_all()
            ticket = self._accepted
        return self.wait(ticket, timeout, even_if_down=True)

    def close(self, timeout: float) -> None:
        """Write what waits, trying for `timeout` seconds; drop, count and tell the rest; close the store."""
        deadline = time.monotonic() + timeout
        with self._changed:
            if self._close_at is None:
                self._close_at = deadline
            self._hurry = True
            self._changed.notify_all()
        self._thread.join(timeout)
        with self._changed:
            left = len(self._waiting) + self._in_flight
            self._waiting.clear()
            self._in_flight = 0
            if left:
                self._drop(left, Lost.SHUTDOWN)
        self._store.close(timeout=max(0.1, deadline - time.monotonic()))

    # On the thread

    def _run(self) -> None:
        self._prepare()
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._close_at is not None)
                if not self._waiting or self._time_is_up():
                    return
                batch = [self._waiting.popleft() for _ in range(min(self._batch_rows, len(self._waiting)))]
                self._in_flight = len(batch)
            self._store_rows(batch)

    def _prepare(self) -> None:
        """Look at the store before the first row comes, so that what is wrong is told early."""
        try:
            self._store.prepare(timeout=WRITE_SECONDS)
        except BaseException as error:  # noqa: BLE001 - nothing a store does ends the thread
            self._failed(error)

    def _store_rows(self, batch: list[CommandCall]) -> None:
        try:
            for attempt in self._retrying():
                with attempt:
                    self._write(batch)
        except RowsRejected as error:
            if len(batch) > 1:
                middle = len(batch) // 2
                self._store_rows(batch[:middle])
                self._store_rows(batch[middle:])
                return
            _log.error("%s refuses a row and will not get it: %s", self._store.address, error)
            self._settle(1, Lost.REJECTED)
        except StoreError:
            self._settle(len(batch), Lost.SHUTDOWN)
        else:
            self._settle(len(batch), None)

    def _retrying(self) -> tenacity.Retrying:
        return tenacity.Retrying(
            retry=tenacity.retry_if_exception_type((StoreUnavailable, SchemaMismatch)),
            wait=tenacity.wait_random_exponential(multiplier=FIRST_RETRY_SECONDS, max=LONGEST_RETRY_SECONDS),
            stop=lambda _: self._time_is_up(),
            sleep=self._pause,
            reraise=True,
        )

    def _write(self, batch: list[CommandCall]) -> None:
        seconds = WRITE_SECONDS
        if self._close_at is not None:
            seconds = max(0.1, min(seconds, self._close_at - time.monotonic()))
        try:
            self._store.write(batch, timeout=seconds)
        except RowsRejected:
            self._answered()
            raise
        except (StoreUnavailable, SchemaMismatch) as error:
            self._failed(error)
            raise
        except BaseException as error:
            # A store that breaks its contract must not end the thread; the rows are kept.
            self._failed(error)
            raise StoreUnavailable(f"unexpected {type(error).__name__}: {error}") from error
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
        with self._changed:
            first = not self._down
            self._down = True
            self._retried += 1
            self._changed.notify_all()
        if first:
            _log.warning(
                "%s cannot be written now: %s. The bot goes on; up to %d rows wait in memory until it can.",
                self._store.address,
                str(error) or type(error).__name__,
                self._max_waiting,
            )

    def _answered(self) -> None:
        with self._changed:
            was_down, self._down = self._down, False
            waiting = len(self._waiting)
        if was_down:
            _log.warning("%s is back; %d rows that waited are being written.", self._store.address, waiting)

    def _settle(self, rows: int, lost: str | None) -> None:
        with self._changed:
            self._in_flight = max(0, self._in_flight - rows)
            if lost is None:
                self._stored += rows
                self._settled += rows
            else:
                self._drop(rows, lost)
            self._changed.notify_all()

    def _drop(self, rows: int, reason: str) -> None:
        """With the lock held: count, and tell at most once in TELL_EVERY_SECONDS."""
        self._dropped[reason] += rows
        self._settled += rows
        now = time.monotonic()
        if now - self._told_loss >= TELL_EVERY_SECONDS:
            self._told_loss = now
            _log.warning(
                "%d rows for %s are lost so far (%s).", sum(self._dropped.values()), self._store.address, reason
            )
