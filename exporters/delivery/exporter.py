"""`CommandCallsExporter`: finished spans → rows → the store."""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING, Final

from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from slashspan.exporters.delivery.worker import DeliveryWorker
from slashspan.exporters.rows.from_span import from_span
from slashspan.exporters.rows.lazy_rows import row_of_source
from slashspan.exporters.spool.dead_letters import DeadLetters

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from contextlib import AbstractContextManager

    from opentelemetry.sdk.trace import ReadableSpan

    from slashspan.exporters.rows.counts import Counts
    from slashspan.exporters.rows.ended_action import EndedAction
    from slashspan.exporters.rows.lazy_rows import RowSource
    from slashspan.exporters.spool.journal import Receipt
    from slashspan.exporters.spool.row_spool import RowSpool
    from slashspan.exporters.stores.base import Store

EXPORT_SECONDS: Final = 10.0
"""How long `export` waits for its rows to be stored; the worker continues to try after that."""

_log = logging.getLogger("slashspan")


class CommandCallsExporter(SpanExporter):
    """Writes user actions of these `kinds` to `store`, and ignores other spans.

    `export` always returns a result. FAILURE means "not yet": the rows wait in the spool or, without one, up to
    `max_waiting_rows` of them in memory, and are written when the store is available.
    """

    def __init__(
        self,
        store: Store,
        *,
        kinds: Collection[str],
        batch_rows: int = 512,
        max_waiting_rows: int = 2048,
        spool: RowSpool | None = None,
    ) -> None:
        self.spool = spool
        self._kinds = frozenset(kinds)
        dead_letters = None if spool is None else DeadLetters(spool.journal.folder)
        self._worker = DeliveryWorker(
            store, batch_rows=batch_rows, max_waiting_rows=max_waiting_rows, spool=spool, dead_letters=dead_letters
        )
        self._closed = threading.Event()

    def export(self, spans: Sequence[ReadableSpan | EndedAction]) -> SpanExportResult:
        """Write the rows of these spans. Our processor passes actions in place of most of them."""
        try:
            rows, receipts = self._rows(spans)
            if self._closed.is_set():
                if rows:
                    _log.warning("the command_calls exporter is shut down; %d rows are not written", len(rows))
                return SpanExportResult.FAILURE
            if not rows:
                return SpanExportResult.SUCCESS
            ticket = self._worker.put(rows, receipts)
            stored = self._worker.wait(ticket, EXPORT_SECONDS)
        except Exception:  # noqa: BLE001 - the worker thread must live on
            _log.exception("slashspan could not export a batch of %d spans; please report it", len(spans))
            return SpanExportResult.FAILURE
        return SpanExportResult.SUCCESS if stored else SpanExportResult.FAILURE

    def _rows(self, spans: Sequence[ReadableSpan | EndedAction]) -> tuple[list[RowSource], list[Receipt | None]]:
        spool = self.spool
        claimed: list[Receipt | None] = [None] * len(spans) if spool is None else spool.claim(spans)
        rows: list[RowSource] = []
        receipts: list[Receipt | None] = []
        for span, receipt in zip(spans, claimed, strict=True):
            row: RowSource
            if isinstance(span, tuple):
                row = span
            else:
                made = from_span(span)
                if made is None or made.kind not in self._kinds:
                    continue
                row = made
            rows.append(row)
            receipts.append(spool.append(row_of_source(row)) if spool is not None and receipt is None else receipt)
        return rows, receipts

    def counts(self) -> Counts:
        """Counts of the rows that have reached the exporter."""
        return self._worker.counts()

    def non_blocking(self) -> AbstractContextManager[None]:
        """A block in which `export` does not wait: the caller waits for the rows itself, or must not wait."""
        return self._worker.non_blocking()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Try to deliver everything at once; True if nothing is waiting any more within the time limit."""
        return self._worker.flush(timeout_millis / 1000)

    def shutdown(self, timeout_millis: float = 30_000) -> None:
        """Write what is waiting within the time limit; what could not be written is counted and logged."""
        if self._closed.is_set():
            return
        self._closed.set()
        started = time.monotonic()
        self._worker.close(timeout_millis / 1000)
        counts = self.counts()
        if self.spool is not None and counts.waiting:
            _log.warning(
                "%d rows wait in %s and will be written when the bot runs again, or by `slashspan spool drain`.",
                counts.waiting,
                self.spool.journal.folder,
            )
        if counts.lost:
            reasons = ", ".join(f"{number} {reason}" for reason, number in counts.dropped.items())
            _log.warning(
                "%d of %d rows were not stored (%s); gave up after %.1f s.",
                counts.lost,
                counts.recorded,
                reasons,
                time.monotonic() - started,
            )
