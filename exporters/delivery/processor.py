"""Extends the SDK's BatchSpanProcessor: only user actions are queued, and the shutdown has a deadline.

The SDK drops spans that are not sampled and its `shutdown` waits for up to 30 s, with no public
way to change either; so these subclasses call the `BatchProcessor` inside it.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from typing import TYPE_CHECKING, Any

from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter

from slashspan.action_record import SPAN_RECORD, attach, from_context, record_of
from slashspan.exporters.common import at_fork
from slashspan.exporters.common.at_fork import ForkAware
from slashspan.exporters.rows.counts import Counts, DropReason
from slashspan.exporters.rows.ended_action import ended_action
from slashspan.exporters.rows.from_span import kind_of
from slashspan.guard import report

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import ReadableSpan, Span

    from slashspan.exporters.delivery.exporter import CommandCallsExporter

_log = logging.getLogger("slashspan")


class DeadlineBatchProcessor(BatchSpanProcessor):
    """The SDK's BatchSpanProcessor with limits as arguments, and a shutdown with a deadline."""

    def __init__(self, exporter: SpanExporter, *, schedule_delay_ms: int, batch_rows: int, queue_rows: int) -> None:
        self._exporter = exporter
        super().__init__(
            exporter,
            max_queue_size=queue_rows,
            schedule_delay_millis=schedule_delay_ms,
            max_export_batch_size=batch_rows,
        )
        try:
            inside = self._batch_processor
            self._emit: Callable[[Any], None] = inside.emit
            self._takes_actions = True
            self._shutdown_inside: Callable[[int], None] = inside.shutdown
        except AttributeError:  # an SDK with other private names; its public methods drop spans that are not sampled
            self._emit = super().on_end
            self._takes_actions = False
            self._shutdown_inside = lambda _: BatchSpanProcessor.shutdown(self)  # type: ignore[no-untyped-call]

    def force_flush(self, timeout_millis: int | None = None) -> bool:
        """Send what is queued. On a running event loop it only starts sending, and returns False."""
        seconds = 30.0 if timeout_millis is None else timeout_millis / 1000
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return self._flush(seconds)
        threading.Thread(target=self._flush, args=(seconds,), name="slashspan-flush", daemon=True).start()
        return False

    def _flush(self, seconds: float) -> bool:
        super().force_flush(int(seconds * 1000))
        return self._exporter.force_flush(int(seconds * 1000))

    def shutdown_within(self, seconds: float) -> None:
        """Export what is queued, for `seconds` at most."""
        self._shutdown_inside(int(seconds * 1000))


class CommandCallsProcessor(DeadlineBatchProcessor, ForkAware):
    """Queues only user actions of these `kinds`, sampled or not, so that no other span can evict them.

    Never raises into the code whose span starts or ends.
    """

    def __init__(
        self,
        exporter: CommandCallsExporter,
        *,
        kinds: Collection[str],
        schedule_delay_ms: int,
        batch_rows: int,
        queue_rows: int,
    ) -> None:
        super().__init__(exporter, schedule_delay_ms=schedule_delay_ms, batch_rows=batch_rows, queue_rows=queue_rows)
        self._rows = exporter
        self._spool = exporter.spool
        self._kinds = frozenset(kinds)
        self._reset()
        at_fork.register(self)

    def _reset(self) -> None:
        self._lock = threading.Lock()
        self._recorded = 0
        self._ended = False

    def after_fork_in_child(self) -> None:
        """The parent's spans belong to the parent: they are not losses of the child."""
        self._reset()

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        try:
            record = getattr(span, SPAN_RECORD, None)  # `record_of`, without a call
            if record is None and (record := from_context(parent_context)) is not None:
                attach(span, record)
            spool = self._spool
            if spool is None:
                return
            if (record.start[0] if record is not None else kind_of(span)) in self._kinds:
                spool.started(span, record)
        except Exception:  # noqa: BLE001 - a bug of ours stays ours
            report("CommandCallsProcessor.on_start")

    def on_end(self, span: ReadableSpan) -> None:
        try:
            record = getattr(span, SPAN_RECORD, None) or record_of(span)
            if (record.start[0] if record is not None else kind_of(span)) not in self._kinds:
                return
            spool = self._spool
            if spool is None:
                action = None if record is None else ended_action(span, record)
                with self._lock:
                    self._recorded += 1
                self._emit(span if action is None or not self._takes_actions else action)
                return
            with spool.order:
                self._recorded += 1
                action = spool.ended(span, record)
                self._emit(span if action is None or not self._takes_actions else action)
        except Exception:  # noqa: BLE001 - a bug of ours stays ours
            report("CommandCallsProcessor.on_end")

    def counts(self) -> Counts:
        """Counts of everything recorded. Rows evicted without a spool count as `waiting` until the shutdown."""
        inside = self._rows.counts()
        waiting = self._recorded + inside.adopted - inside.stored - inside.lost
        dropped = dict(inside.dropped)
        if self._ended and (evicted := waiting - inside.waiting) > 0:
            dropped[DropReason.QUEUE_FULL] = evicted
            waiting = inside.waiting
        return Counts(self._recorded, inside.stored, waiting, inside.retried, dropped, inside.adopted)

    def _flush(self, seconds: float) -> bool:
        with self._rows.non_blocking():
            return super()._flush(seconds)

    def shutdown(self) -> None:
        self.shutdown_within(30.0)

    def shutdown_within(self, seconds: float) -> None:
        """Drain the queue, then the exporter, within `seconds`; log what the queue had to evict. Only once."""
        if self._ended:
            return
        with self._rows.non_blocking():
            super().shutdown_within(seconds)
        self._ended = True
        evicted = self.counts().dropped.get(DropReason.QUEUE_FULL, 0)
        if evicted:
            _log.warning("%d rows were lost to a full queue; OTEL_BSP_MAX_QUEUE_SIZE is its size.", evicted)
