"""Writes rows to the store, in one thread, and retries until it is closed.

Invariants
- A batch that may or may not have been committed is written again: the rows' key makes that harmless.
- Only rows that the store rejects are set aside; after every other failure they are kept and retried, until `close`.
- Rows that the table's owner refuses, by a constraint for example, are held: they hold up no others.
- No error of a store ends the thread.
"""

from __future__ import annotations

import contextlib
import logging
import random
import time
from typing import TYPE_CHECKING, Final

from slashspan.exporters.common import at_fork
from slashspan.exporters.common.at_fork import ForkAware
from slashspan.exporters.common.throttled_log import ThrottledLog
from slashspan.exporters.delivery.backlog import Backlog, Batch, Item
from slashspan.exporters.delivery.retry_loop import RetryLater, RetryLoop
from slashspan.exporters.rows.counts import DropReason
from slashspan.exporters.rows.lazy_rows import LazyRows, row_of_source
from slashspan.exporters.stores.errors import RowsRefused, RowsRejected, StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from slashspan.exporters.rows.counts import Counts
    from slashspan.exporters.rows.lazy_rows import RowSource
    from slashspan.exporters.spool.dead_letters import DeadLetters
    from slashspan.exporters.spool.journal import Receipt
    from slashspan.exporters.spool.row_spool import RowSpool
    from slashspan.exporters.stores.base import Store

WRITE_SECONDS: Final = 10.0
"""Time limit of a single write, as in the OTLP exporters."""
SAMPLE_ROWS: Final = 8
"""Rows of a refused batch, chosen at random, that are written one by one; if none is stored, the table takes none."""

_log = logging.getLogger("slashspan")
_dice: Final = random.Random()  # noqa: S311 - not the global one: a bot's seeded sequence stays its own


class DeliveryWorker(ForkAware):
    """Accepts rows from any thread and writes them in batches; failed ones are retried until `close`."""

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
        self._reset()
        self._loop.start()
        at_fork.register(self)

    def _reset(self) -> None:
        self._loop = RetryLoop("delivery", self)
        self._changed = self._loop.changed
        self._backlog = Backlog(
            self._store.address,
            self._changed,
            batch_rows=self._batch_rows,
            max_waiting_rows=self._max_waiting_rows,
            spool=self._spool,
        )
        self._retried = 0
        self._unavailable = False
        self._refusal: str | None = None
        """Why rows are held; None if there are none."""
        self._refusals = ThrottledLog()
        self._non_blocking_callers = 0

    def after_fork_in_child(self) -> None:
        """The parent's rows belong to the parent; the thread starts with the child's first row."""
        self._reset()

    def counts(self) -> Counts:
        """Counts of the rows put here, and of the spool."""
        return self._backlog.counts(self._retried)

    def put(self, rows: Sequence[RowSource], receipts: Sequence[Receipt | None] | None = None) -> int:
        """Add rows; returns the ticket to `wait` for."""
        self._loop.start()
        return self._backlog.put(rows, receipts or [None] * len(rows), ended=self._loop.ended)

    def wait(self, ticket: int, timeout: float) -> bool:
        """Wait until all rows up to `ticket` were tried; False after `timeout` seconds or without the store."""
        with self._changed:
            self._changed.wait_for(
                lambda: self._backlog.watermark_reached(ticket) or self._unavailable or self._non_blocking_callers > 0,
                timeout,
            )
            return self._backlog.watermark_reached(ticket) and not self._unavailable and self._refusal is None

    @contextlib.contextmanager
    def non_blocking(self) -> Iterator[None]:
        """A block in which `wait` returns immediately, in every thread."""
        with self._changed:
            self._non_blocking_callers += 1
            self._changed.notify_all()
        try:
            yield
        finally:
            with self._changed:
                self._non_blocking_callers -= 1

    def flush(self, timeout: float) -> bool:
        """Retry immediately; True if nothing is waiting any more, including the spool."""
        self._backlog.release_held()
        return self._loop.flush(self._backlog.all_tried, timeout) and self._backlog.held == 0

    def close(self, timeout: float) -> None:
        """Write what is waiting, within `timeout` seconds. The rest stays in the spool; without one it is lost."""
        deadline = time.monotonic() + timeout
        self._backlog.release_held()
        self._loop.close(timeout)
        self._backlog.close()
        self._store.close(timeout=max(0.1, deadline - time.monotonic()))

    # What the loop does, on its thread

    def adopt(self) -> None:
        self._backlog.try_a_held_row()
        if self._spool is not None:
            self._spool.journal.adopt()

    def prepare(self) -> None:
        """Connect before the first row arrives, so that problems are logged early."""
        try:
            self._store.prepare(timeout=WRITE_SECONDS)
        except BaseException as error:  # noqa: BLE001 - nothing a store does ends the thread
            self._failed(error)

    def something_waiting(self) -> bool:
        return self._backlog.something_waiting()

    def all_spooled(self) -> bool:
        return self._backlog.all_spooled()

    def deliver_next(self) -> None:
        self._backlog.try_a_held_row()
        batch, written = self._backlog.lease(), False
        try:
            self._deliver(batch)
            written = True
        finally:
            self._backlog.finish(batch, written=written)

    def _deliver(self, batch: Batch) -> None:
        parts = [batch.items] if batch.items else []
        refused: RowsRefused | None = None
        stored = sampled = 0
        while parts:
            part = parts.pop()
            try:
                self._write(part)
            except RowsRejected as error:
                if len(part) > 1:
                    parts += _halves(part)
                else:
                    self._set_aside(part[0], error, replayed=batch.replayed)
            except RowsRefused as error:
                if len(part) > 1:
                    parts += _halves(part) if refused else _sample_first(part)
                else:
                    self._backlog.hold(part, replayed=batch.replayed)
                    sampled += 1
                    if sampled >= SAMPLE_ROWS and not stored:  # it refuses every row: the others need no try
                        self._backlog.hold([item for items in parts for item in items], replayed=batch.replayed)
                        parts = []
                refused = error
            except StoreUnavailable as error:
                rest = [item for items in (part, *reversed(parts)) for item in items]
                self._backlog.nack(Batch(rest, batch.replayed))
                raise RetryLater from error
            else:
                stored += len(part)
                self._backlog.ack(part, replayed=batch.replayed)
        self._note_refusal(refused)

    def _write(self, items: list[Item]) -> None:
        try:
            self._store.write(LazyRows([item.row for item in items]), timeout=self._loop.seconds_left(WRITE_SECONDS))
        except (RowsRejected, RowsRefused):
            self._answered()
            raise
        except StoreUnavailable as error:
            self._failed(error)
            raise
        except BaseException as error:
            # A table that is not ours, or a store that breaks its contract: the rows are kept and retried.
            self._failed(error)
            raise StoreUnavailable(f"{type(error).__name__}: {error}") from error
        self._answered()

    def _set_aside(self, item: Item, error: RowsRejected, *, replayed: bool) -> None:
        letters = self._dead_letters
        if letters is not None and letters.add(row_of_source(item.row), str(error)):
            _log.error("%s: row rejected; set aside in %s: %s", self._store.address, letters.path, error)
            reason = DropReason.REJECTED
        else:
            _log.error("%s: row rejected and lost: %s", self._store.address, error)
            reason = DropReason.REJECTED_LOST
        self._backlog.ack([item], replayed=replayed, dropped=reason)

    def _note_refusal(self, error: RowsRefused | None) -> None:
        """Say that rows are held, or that none is any more."""
        if error is not None:
            self._refusal = str(error)
        elif self._refusal is None or self._backlog.waiting:
            return
        else:
            self._refusal = None
        if self._spool is not None:
            self._spool.journal.record_error(self._refusal)
        if self._refusal is None:
            _log.warning("%s accepts the rows that it refused.", self._store.address)
            return
        with self._changed:
            self._retried += 1
            self._refusals.warn(
                "%s: %s. %d rows wait until that is changed; others are stored.",
                self._store.address,
                self._refusal,
                self._backlog.held,
            )

    def _failed(self, error: BaseException) -> None:
        reason = str(error) or type(error).__name__
        with self._changed:
            first = not self._unavailable
            self._unavailable = True
            self._retried += 1
            self._changed.notify_all()
        if self._spool is not None:
            self._spool.journal.record_error(reason)
            where = f"rows wait in {self._spool.journal.folder}"
        else:
            where = f"up to {self._max_waiting_rows} rows wait in memory"
        if first:
            _log.warning("%s cannot be written now: %s. The bot goes on; %s.", self._store.address, reason, where)

    def _answered(self) -> None:
        with self._changed:
            was_unavailable, self._unavailable = self._unavailable, False
        if was_unavailable:
            if self._spool is not None:
                self._spool.journal.record_error(self._refusal)
            _log.warning(
                "%s is back; %d rows that waited are being written.", self._store.address, self._backlog.waiting
            )


def _halves(part: list[Item]) -> list[list[Item]]:
    middle = len(part) // 2
    return [part[middle:], part[:middle]]


def _sample_first(part: list[Item]) -> list[list[Item]]:
    """What is tried next is last: SAMPLE_ROWS one by one, then the others."""
    mixed = _dice.sample(part, len(part))
    rest, sample = mixed[SAMPLE_ROWS:], mixed[:SAMPLE_ROWS]
    return [*([rest] if rest else []), *([item] for item in sample)]
