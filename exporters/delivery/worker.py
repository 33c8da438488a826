"""The one thread that talks to the store.

Invariants
- A batch that may or may not have been committed is written again: the store's key makes that harmless.
- Only rows that the store blames are set aside; for everything else they are kept and tried again, until `close`.
- Nothing that a store does ends the thread.
"""

from __future__ import annotations

import contextlib
import logging
import os
import threading
import time
from typing import TYPE_CHECKING, Final

import tenacity

from exporters.delivery.backlog import Backlog, Batch, Item
from exporters.rows.counts import DropReason
from exporters.stores.errors import RowsRejected, StoreError, StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from exporters.rows.command_call import CommandCall
    from exporters.rows.counts import Counts
    from exporters.spool.dead_letters import DeadLetters
    from exporters.spool.journal import Receipt
    from exporters.spool.row_spool import RowSpool
    from exporters.stores.base import Store

WRITE_SECONDS: Final = 10.0
"""Longest single write, as the OTLP exporters have it."""
FIRST_RETRY_SECONDS: Final = 0.5
LONGEST_RETRY_SECONDS: Final = 30.0
LAST_TRIES: Final = 2
"""Failures at the end after which rows are left in the spool. One may be a connection that was idle too long."""
ADOPT_SECONDS: Final = 60.0
"""How often the spool is searched for what processes left that died meanwhile."""

_log = logging.getLogger("slashspan")


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
        self._max_waiting_rows = max_waiting_rows
        self._spool = spool
        self._dead_letters = dead_letters
        self._start()

    def _start(self) -> None:
        self._pid = os.getpid()
        self._backlog = Backlog(
            self._store.address,
            batch_rows=self._batch_rows,
            max_waiting_rows=self._max_waiting_rows,
            spool=self._spool,
        )
        self._changed = self._backlog.changed
        self._retried = 0
        self._down = False
        self._hurry = False
        self._failed_closing = 0
        self._close_at: float | None = None
        self._thread = threading.Thread(target=self._run, name="slashspan-delivery", daemon=True)
        self._thread.start()

    def counts(self) -> Counts:
        """Of the rows that were put here, and of the spool's."""
        return self._backlog.counts(self._retried)

    def put(self, rows: Sequence[CommandCall], receipts: Sequence[Receipt | None] | None = None) -> int:
        """Take rows over; returns the ticket to `wait` for."""
        if self._pid != os.getpid():
            self._start()  # after a fork: the parent's rows are the parent's, its thread is not here
        ended = self._close_at is not None and not self._thread.is_alive()
        return self._backlog.put(rows, receipts or [None] * len(rows), ended=ended)

    def wait(self, ticket: int, timeout: float) -> bool:
        """Until all up to `ticket` has been tried; False after `timeout` seconds, at once while the store is down."""
        with self._changed:
            self._changed.wait_for(lambda: self._backlog.left_memory(ticket) or self._down, timeout)
            return self._backlog.left_memory(ticket) and not self._down

    def flush(self, timeout: float) -> bool:
        """Try at once, whatever the backoff; True when nothing waits any more, in the spool neither."""
        with self._changed:
            self._hurry = True
            self._changed.notify_all()
            self._changed.wait_for(self._backlog.nothing_waits, timeout)
            return self._backlog.nothing_waits()

    def close(self, timeout: float) -> None:
        """Write what waits, trying for `timeout` seconds. The rest stays in the spool; without one it is lost."""
        deadline = time.monotonic() + timeout
        with self._changed:
            if self._close_at is None:
                self._close_at = deadline
            self._hurry = True
            self._changed.notify_all()
        self._thread.join(timeout)
        self._backlog.close()
        self._store.close(timeout=max(0.1, deadline - time.monotonic()))

    # On the thread

    def _run(self) -> None:
        self._adopt()
        self._prepare()
        with contextlib.suppress(StoreError):  # the time is up; `close` says what becomes of the rest
            while self._work_is_there():
                for attempt in self._retrying():
                    with attempt:
                        self._deliver_next()

    def _adopt(self) -> None:
        if self._spool is not None:
            self._spool.journal.adopt()

    def _prepare(self) -> None:
        """Look at the store before the first row comes, so that what is wrong is told early."""
        try:
            self._store.prepare(timeout=WRITE_SECONDS)
        except BaseException as error:  # noqa: BLE001 - nothing a store does ends the thread
            self._failed(error)

    def _work_is_there(self) -> bool:
        """Wait for something to deliver; False when it is time to end."""
        patience = None if self._spool is None else ADOPT_SECONDS
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._backlog.something_waits() or self._close_at is not None, patience)
                if self._backlog.something_waits():
                    return not self._time_is_up()
                if self._close_at is not None:
                    return False
            self._adopt()

    def _retrying(self) -> tenacity.Retrying:
        return tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(StoreUnavailable),
            wait=tenacity.wait_random_exponential(multiplier=FIRST_RETRY_SECONDS, max=LONGEST_RETRY_SECONDS),
            stop=lambda _: self._time_is_up(),
            sleep=self._pause,
            reraise=True,
        )

    def _pause(self, seconds: float) -> None:
        with self._changed:
            if self._close_at is not None:
                seconds = min(seconds, FIRST_RETRY_SECONDS, max(0.0, self._close_at - time.monotonic()))
                self._hurry = False
            self._changed.wait_for(lambda: self._hurry, seconds)
            self._hurry = False

    def _time_is_up(self) -> bool:
        if self._close_at is None:
            return False
        # What is in the spool is safe: a stop must not take its whole time for a store that is away.
        hopeless = self._failed_closing >= LAST_TRIES and self._backlog.all_spooled()
        return hopeless or time.monotonic() >= self._close_at

    def _deliver_next(self) -> None:
        batch, written = self._backlog.take(), False
        try:
            self._deliver(batch)
            written = True
        finally:
            self._backlog.done(batch, written=written)

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
                self._backlog.give_back(Batch(rest, batch.replayed))
                raise
            else:
                self._backlog.settle(part, replayed=batch.replayed)

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

    def _set_aside(self, item: Item, error: RowsRejected, *, replayed: bool) -> None:
        _log.error("%s refuses a row and will not get it: %s", self._store.address, error)
        if self._dead_letters is not None:
            self._dead_letters.add(item.row, str(error))
        self._backlog.settle([item], replayed=replayed, lost=DropReason.REJECTED)

    def _failed(self, error: BaseException) -> None:
        why = str(error) or type(error).__name__
        with self._changed:
            first = not self._down
            self._down = True
            self._retried += 1
            self._failed_closing += self._close_at is not None
            self._changed.notify_all()
        if self._spool is not None:
            self._spool.journal.record_error(why)
            where = f"rows wait in {self._spool.journal.folder}"
        else:
            where = f"up to {self._max_waiting_rows} rows wait in memory"
        if first:
            _log.warning("%s cannot be written now: %s. The bot goes on; %s.", self._store.address, why, where)

    def _answered(self) -> None:
        with self._changed:
            was_down, self._down = self._down, False
        if was_down:
            if self._spool is not None:
                self._spool.journal.record_error(None)
            _log.warning("%s is back; %d rows that waited are being written.", self._store.address, self._backlog.left)
