"""Around an exporter of traces: what its collector refused or could not take is kept in the spool and sent again.

The batch processor hands a batch over and goes on; one thread sends. When a batch fails it goes to the spool, as it is,
and so does what comes meanwhile; the oldest is tried again, later and later, until one gets through. A batch that fails
while others get through is to blame itself: after REFUSALS of that it is given up, counted and told.
"""

from __future__ import annotations

import contextlib
import logging
import os
import threading
import time
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import tenacity
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from exporters.rows.counts import Counts, DropReason
from exporters.spool.records import RecordType
from exporters.spool.segment import RecordState
from exporters.spool.span_codec import PAYLOAD_FORMAT, packed, unpacked

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opentelemetry.sdk.trace import ReadableSpan

    from exporters.spool.journal import Journal, Receipt
    from exporters.spool.records import Record

FIRST_RETRY_SECONDS: Final = 1.0
LONGEST_RETRY_SECONDS: Final = 30.0
HELD_BATCHES: Final = 8
"""Batches in memory that wait for the sending thread; what is more goes to the spool."""
REFUSALS: Final = 3
ADOPT_SECONDS: Final = 60.0

_log = logging.getLogger("slashspan")


@dataclass(slots=True)
class _Batch:
    spans: Sequence[ReadableSpan]
    receipt: Receipt | None = None
    """Where the spool has it; None: only here."""
    refusals: int = 0
    """How often it was refused right after another got through."""
    others_pass: bool = False


class _NotTaken(Exception):  # noqa: N818 - reads as what it is
    pass


class RetryingExporter(SpanExporter):
    """Sends through `inner`, and again until it is taken. `export` never waits for the network."""

    def __init__(self, inner: SpanExporter, journal: Journal, *, name: str) -> None:
        self._inner = inner
        self._journal = journal
        self._name = name
        self._start()

    def _start(self) -> None:
        self._pid = os.getpid()
        self._changed = threading.Condition()
        self._held: deque[_Batch] = deque()
        self._sending = False
        self._failing = False
        self._doubtful: _Batch | None = None
        self._hurry = False
        self._close_at: float | None = None
        self._recorded = 0
        self._sent = 0
        self._retried = 0
        self._lost: dict[str, int] = {}
        self._thread = threading.Thread(target=self._run, name=f"slashspan-{self._name}", daemon=True)
        self._thread.start()

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        if self._pid != os.getpid():
            self._start()  # after a fork: the parent's batches are the parent's, its thread is not here
        batch = _Batch(list(spans))
        with self._changed:
            self._recorded += len(batch.spans)
            if self._close_at is not None and not self._thread.is_alive():
                self._keep(batch)
                return SpanExportResult.FAILURE
            self._held.append(batch)
            while self._held and (self._failing or len(self._held) > HELD_BATCHES):
                self._keep(self._held.popleft())
            self._changed.notify_all()
        return SpanExportResult.SUCCESS

    def counts(self) -> Counts:
        """Spans; `waiting` counts a batch in the spool as one."""
        with self._changed:
            held = sum(len(batch.spans) for batch in self._held)
            return Counts(self._recorded, self._sent, held + self._journal.unacked, self._retried, dict(self._lost))

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Try at once; True when nothing waits any more."""
        with self._changed:
            self._hurry = True
            self._changed.notify_all()
            self._changed.wait_for(self._nothing_waits, timeout_millis / 1000)
            return self._nothing_waits()

    def shutdown(self, timeout_millis: float = 30_000) -> None:
        """Send what waits within the time; the rest stays in the spool."""
        with self._changed:
            if self._close_at is not None:
                return
            self._close_at = time.monotonic() + timeout_millis / 1000
            self._hurry = True
            self._changed.notify_all()
        self._thread.join(timeout_millis / 1000)
        self._inner.shutdown()  # breaks off a try that still waits
        self._thread.join(1.0)
        with self._changed:
            while self._held:
                self._keep(self._held.popleft())
        if waiting := self._journal.unacked:
            _log.warning("%d batches of spans for %s wait in %s.", waiting, self._name, self._journal.folder)
        self._journal.close()

    # On the thread

    def _run(self) -> None:
        self._journal.adopt()
        while self._work_is_there():
            with contextlib.suppress(_NotTaken):  # the time is up
                for attempt in self._retrying():
                    with attempt:
                        self._send_next()

    def _work_is_there(self) -> bool:
        """Wait for something to send; False when it is time to end."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._close_at is not None or not self._nothing_waits(), ADOPT_SECONDS)
                if not self._nothing_waits():
                    return not self._time_is_up()
                if self._close_at is not None:
                    return False
            self._journal.adopt()

    def _retrying(self) -> tenacity.Retrying:
        return tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(_NotTaken),
            wait=tenacity.wait_random_exponential(multiplier=FIRST_RETRY_SECONDS, max=LONGEST_RETRY_SECONDS),
            stop=lambda _: self._time_is_up(),
            sleep=self._pause,
            reraise=True,
        )

    def _time_is_up(self) -> bool:
        return self._close_at is not None and time.monotonic() >= self._close_at

    def _pause(self, seconds: float) -> None:
        """A flush or the end cuts it short."""
        with self._changed:
            if self._close_at is not None:
                seconds = min(seconds, FIRST_RETRY_SECONDS)
                self._hurry = False
            self._changed.wait_for(lambda: self._hurry, seconds)
            self._hurry = False

    def _send_next(self) -> None:
        with self._changed:
            self._sending = True
        try:
            batch = self._next()
            if batch is None:
                return
            if not self._taken_by_inner(batch):
                self._refused(batch)
                raise _NotTaken
            self._took(batch)
        finally:
            with self._changed:
                self._sending = False
                self._changed.notify_all()

    def _next(self) -> _Batch | None:
        """The doubtful one as soon as another got through; else what now happens, then the oldest in the spool."""
        with self._changed:
            if self._doubtful is not None and self._doubtful.others_pass:
                return self._doubtful
            if self._held:
                return self._held.popleft()
        return self._kept() or self._doubtful

    def _kept(self) -> _Batch | None:
        for receipt, record in self._journal.lease(1):
            spans = self._read(record)
            if spans is not None:
                return _Batch(spans, receipt)
            self._journal.give_up(receipt, DropReason.INTERNAL)
        return None

    def _read(self, record: Record) -> list[ReadableSpan] | None:
        try:
            return unpacked(record.payload)
        except Exception:  # noqa: BLE001 - one that cannot be read must not stop the others
            _log.exception("a batch in the spool cannot be read; please report it")
            return None

    def _taken_by_inner(self, batch: _Batch) -> bool:
        try:
            return self._inner.export(batch.spans) is SpanExportResult.SUCCESS
        except Exception:  # noqa: BLE001 - whatever an exporter does, the thread lives on
            _log.exception("%s raised; its batch is sent again", self._name)
            return False

    def _took(self, batch: _Batch) -> None:
        if batch.receipt is not None:
            self._journal.acknowledge([batch.receipt])
        with self._changed:
            self._sent += len(batch.spans)
            was_failing, self._failing = self._failing, False
            if batch is self._doubtful:
                self._doubtful = None
            elif self._doubtful is not None:
                self._doubtful.others_pass = True
        if was_failing:
            _log.warning("%s takes spans again; %d batches wait.", self._name, self._journal.pending)

    def _refused(self, batch: _Batch) -> None:
        with self._changed:
            first, self._failing = not self._failing, True
            self._retried += 1
            batch.refusals += batch.others_pass
            batch.others_pass = False
            if batch.refusals >= REFUSALS:
                self._give_up(batch)
                return
            if batch.receipt is None:
                self._keep(batch)
            elif self._doubtful is None or batch is self._doubtful:
                self._doubtful = batch
            else:
                self._journal.release([batch.receipt])
            while self._held:
                self._keep(self._held.popleft())
        if first:
            _log.warning("%s does not take spans now; they wait in %s.", self._name, self._journal.folder)

    def _give_up(self, batch: _Batch) -> None:
        """With the lock held."""
        self._doubtful = None
        self._failing = False
        self._lost[DropReason.REJECTED] = self._lost.get(DropReason.REJECTED, 0) + len(batch.spans)
        if batch.receipt is not None:
            self._journal.acknowledge([batch.receipt])
        _log.error("%s refuses a batch of %d spans and takes others; it is given up", self._name, len(batch.spans))

    def _keep(self, batch: _Batch) -> None:
        """With the lock held: into the spool, or lost and counted."""
        try:
            receipt = self._journal.append(
                RecordType.BATCH, PAYLOAD_FORMAT, 0, packed(batch.spans), RecordState.PENDING
            )
        except ValueError:
            receipt = None
        if receipt is None:
            self._lost[DropReason.BACKLOG_FULL] = self._lost.get(DropReason.BACKLOG_FULL, 0) + len(batch.spans)
            _log.warning("%d spans for %s are lost so far (%s).", sum(self._lost.values()), self._name, "no spool")

    def _nothing_waits(self) -> bool:
        return not (self._held or self._sending or self._doubtful or self._journal.pending)
