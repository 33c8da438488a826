"""Wraps an exporter of traces: batches that the collector rejects, or cannot receive, are spooled and sent again.

The batch processor passes a batch on without waiting; one thread sends. When a batch fails, it is spooled unchanged,
and so are the following ones; the oldest is retried, with backoff, until one succeeds. A batch that fails while
others succeed is the suspect: after REFUSALS such failures it is dropped and counted. A collector that is busy or
away refuses any batch, so that does not count against one (`otlp_answers`).

User actions are in the spool before: what a killed process had not sent is adopted by the next one and sent by it.
"""

from __future__ import annotations

import logging
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from slashspan.exporters.common import at_fork
from slashspan.exporters.common.at_fork import ForkAware
from slashspan.exporters.common.throttled_log import ThrottledLog
from slashspan.exporters.delivery.otlp_answers import OtlpAnswers
from slashspan.exporters.delivery.retry_loop import RetryLater, RetryLoop
from slashspan.exporters.rows.counts import Counts, DropReason
from slashspan.exporters.spool.records import NewerFormat, RecordType
from slashspan.exporters.spool.segment import RecordState
from slashspan.exporters.spool.span_codec import PAYLOAD_FORMAT, packed
from slashspan.exporters.spool.span_spool import spans_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opentelemetry.sdk.trace import ReadableSpan

    from slashspan.exporters.spool.journal import Receipt
    from slashspan.exporters.spool.records import Record
    from slashspan.exporters.spool.span_spool import SpanSpool

MAX_BATCHES_IN_MEMORY: Final = 8
"""Batches that wait in memory for the sending thread; further ones are spooled."""
MAX_ADOPTED: Final = 128
"""Single actions of processes that died, sent as one batch."""
REFUSALS: Final = 3
JOIN_SECONDS: Final = 1.0
"""How long an attempt may take to notice that its exporter was shut down."""

_log = logging.getLogger("slashspan")


@dataclass(slots=True)
class _Batch:
    spans: list[ReadableSpan]
    receipts: list[Receipt] = field(default_factory=list)
    """Places in the spool: of the whole batch, or of its actions."""
    spooled: bool = False
    """Whether all of it is there."""
    refusals: int = 0
    """How often it was rejected right after another one succeeded."""
    others_succeeded: bool = False
    """Whether another one succeeded since it was last rejected."""


class RetryingExporter(SpanExporter, ForkAware):
    """Sends through `inner`, and retries until it succeeds. `export` never waits for the network."""

    def __init__(self, inner: SpanExporter, spool: SpanSpool, *, name: str) -> None:
        self._inner = inner
        self._answers = OtlpAnswers(inner)
        self._spool = spool
        self._journal = spool.journal
        self._name = name
        self._reset()
        self._loop.start()
        at_fork.register(self)

    def _reset(self) -> None:
        self._loop = RetryLoop(self._name, self)
        self._changed = self._loop.changed
        self._waiting: deque[_Batch] = deque()
        self._sending = False
        self._failing = False
        self._suspect: _Batch | None = None
        self._recorded = 0
        self._sent = 0
        self._retried = 0
        self._dropped: Counter[str] = Counter()
        self._throttled_log = ThrottledLog()

    def after_fork_in_child(self) -> None:
        """The parent's batches belong to the parent; the thread starts with the child's first batch."""
        self._reset()

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self._loop.start()
        batch = _Batch(list(spans), [receipt for receipt in self._spool.claim(spans) if receipt is not None])
        with self._changed:
            self._recorded += len(batch.spans)
            if self._loop.ended:
                self._keep(batch)
                return SpanExportResult.FAILURE
            self._waiting.append(batch)
            while self._waiting and (self._failing or len(self._waiting) > MAX_BATCHES_IN_MEMORY):
                self._keep(self._waiting.popleft())
            self._changed.notify_all()
        return SpanExportResult.SUCCESS

    def counts(self) -> Counts:
        """Counts of spans, queued actions included; a batch in the spool, or dropped from it, counts as one."""
        with self._changed:
            waiting = sum(len(batch.spans) - len(batch.receipts) for batch in self._waiting) + self._journal.unacked
            dropped = self._dropped + Counter(self._journal.dropped)
            return Counts(self._recorded, self._sent, waiting, self._retried, dict(dropped))

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Retry immediately; True if nothing is waiting any more."""
        return self._loop.flush(self._empty, timeout_millis / 1000)

    def shutdown(self, timeout_millis: float = 30_000) -> None:
        """Send what is waiting within the time limit; the rest stays in the spool."""
        if self._loop.closing:
            return
        self._loop.close(timeout_millis / 1000)
        self._inner.shutdown()  # interrupts an attempt that is still waiting
        self._loop.join(JOIN_SECONDS)
        with self._changed:
            self._keep_all()
        if waiting := self._journal.unacked:
            _log.warning("%d spans or batches of spans for %s wait in %s.", waiting, self._name, self._journal.folder)
        self._journal.close()

    # What the loop does, on its thread

    def adopt(self) -> None:
        self._journal.adopt()

    def prepare(self) -> None:
        """Does nothing: the inner exporter connects with its first batch."""

    def something_waiting(self) -> bool:
        return bool(self._waiting or self._suspect or self._journal.pending)

    def all_spooled(self) -> bool:
        return not self._waiting

    def deliver_next(self) -> None:
        with self._changed:
            self._sending = True
        try:
            batch = self._next()
            if batch is None:
                return
            if not self._export(batch):
                self._refused(batch)
                raise RetryLater(self._answers.last.retry_after)
            self._succeeded(batch)
        finally:
            with self._changed:
                self._sending = False
                self._changed.notify_all()

    def _next(self) -> _Batch | None:
        """The suspect, as soon as another batch succeeded; otherwise live batches, then the oldest in the spool."""
        with self._changed:
            if self._suspect is not None and self._suspect.others_succeeded:
                return self._suspect
            if self._waiting:
                return self._waiting.popleft()
        return self._spooled() or self._suspect

    def _spooled(self) -> _Batch | None:
        leased = self._journal.lease(1)
        if leased and leased[0][1].type != RecordType.BATCH:
            leased += self._journal.lease(MAX_ADOPTED - 1)
            batches = [receipt for receipt, record in leased if record.type == RecordType.BATCH]
            self._journal.release(batches)  # each is sent as it is
            leased = [item for item in leased if item[1].type != RecordType.BATCH]
        batch = _Batch([], spooled=True)
        for receipt, record in leased:
            if spans := self._read(receipt, record):
                batch.spans.extend(spans)
                batch.receipts.append(receipt)
        return batch if batch.spans else None

    def _read(self, receipt: Receipt, record: Record) -> list[ReadableSpan]:
        try:
            return spans_of(record)
        except NewerFormat as error:  # it stays on disk for a slashspan that can read it
            self._throttled_log.warn("records in %s are left alone: %s", self._journal.folder, error)
        except Exception:  # noqa: BLE001 - one that cannot be read must not stop the others
            _log.exception("a record in the spool cannot be read; please report it")
            self._journal.give_up(receipt, DropReason.INTERNAL)
        return []

    def _export(self, batch: _Batch) -> bool:
        try:
            return self._answers.export(batch.spans) is SpanExportResult.SUCCESS
        except Exception:  # noqa: BLE001 - whatever an exporter does, the thread lives on
            self._throttled_log.warn("%s raised an exception; its batch is sent again", self._name, exc_info=True)
            return False

    def _succeeded(self, batch: _Batch) -> None:
        self._journal.acknowledge(batch.receipts)
        rejected = self._answers.last.rejected
        with self._changed:
            self._sent += len(batch.spans) - rejected
            self._dropped[DropReason.REJECTED] += rejected
            was_failing, self._failing = self._failing, False
            if batch is self._suspect:
                self._suspect = None
            elif self._suspect is not None:
                self._suspect.others_succeeded = True
        if rejected:
            self._throttled_log.warn(
                "%s rejected %d of %d spans for good: %s",
                self._name,
                rejected,
                len(batch.spans),
                self._answers.last.message,
            )
        if was_failing:
            _log.warning("%s accepts spans again; %d batches are waiting.", self._name, self._journal.pending)

    def _refused(self, batch: _Batch) -> None:
        with self._changed:
            first, self._failing = not self._failing, True
            self._retried += 1
            batch.refusals += batch.others_succeeded and not self._answers.last.busy
            batch.others_succeeded = False
            if batch.refusals >= REFUSALS:
                self._give_up(batch)
                return
            if not batch.spooled:
                self._keep(batch)
            elif self._suspect is None or batch is self._suspect:
                self._suspect = batch
            else:
                self._journal.release(batch.receipts)
            self._keep_all()
        if first:
            _log.warning("%s does not accept spans; they wait in %s.", self._name, self._journal.folder)

    # With the lock held

    def _give_up(self, batch: _Batch) -> None:
        self._suspect = None
        self._failing = False
        self._dropped[DropReason.REJECTED] += len(batch.spans)
        self._journal.acknowledge(batch.receipts)
        _log.error(
            "%s rejects a batch of %d spans but accepts others; the batch is dropped", self._name, len(batch.spans)
        )

    def _keep_all(self) -> None:
        while self._waiting:
            self._keep(self._waiting.popleft())

    def _keep(self, batch: _Batch) -> None:
        """Spool the batch as a whole; if that fails, its actions alone, and count the others as lost."""
        try:
            payload = packed(batch.spans)
            receipt = self._journal.append(RecordType.BATCH, PAYLOAD_FORMAT, 0, payload, RecordState.PENDING)
        except ValueError:
            receipt = None
        if receipt is not None:
            self._journal.acknowledge(batch.receipts)
            return
        self._journal.release(batch.receipts)
        if unspooled := len(batch.spans) - len(batch.receipts):
            self._dropped[DropReason.BACKLOG_FULL] += unspooled
            lost = sum(self._dropped.values())
            self._throttled_log.warn(
                "%d spans for %s are lost so far: the spool could not keep them.", lost, self._name
            )

    def _empty(self) -> bool:
        return not (self._sending or self.something_waiting())
