"""The batch processor of spans for a collector: user actions are in its spool from their start."""

from __future__ import annotations

from typing import TYPE_CHECKING

from slashspan.action_record import attach, from_context, record_of
from slashspan.exporters.delivery.processor import DeadlineBatchProcessor
from slashspan.exporters.rows.from_span import kind_of
from slashspan.guard import report

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import ReadableSpan, Span
    from opentelemetry.sdk.trace.export import SpanExporter

    from slashspan.action_record import ActionRecord
    from slashspan.exporters.spool.span_spool import SpanSpool


class TracesProcessor(DeadlineBatchProcessor):
    """Queues every sampled span; never raises into the code whose span starts or ends."""

    def __init__(
        self,
        exporter: SpanExporter,
        spool: SpanSpool,
        *,
        schedule_delay_ms: int,
        batch_rows: int,
        queue_rows: int,
    ) -> None:
        super().__init__(exporter, schedule_delay_ms=schedule_delay_ms, batch_rows=batch_rows, queue_rows=queue_rows)
        self._spool = spool

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        try:
            record = record_of(span)
            if record is None and (record := from_context(parent_context)) is not None:
                attach(span, record)
            if _is_action(span, record):
                self._spool.started(span, record)
        except Exception:  # noqa: BLE001 - a bug of ours stays ours
            report("TracesProcessor.on_start")

    def on_end(self, span: ReadableSpan) -> None:
        try:
            record = record_of(span)
            if not _is_action(span, record):
                super().on_end(span)
                return
            with self._spool.order:
                self._spool.ended(span, record)
                self._emit(span)
        except Exception:  # noqa: BLE001 - a bug of ours stays ours
            report("TracesProcessor.on_end")


def _is_action(span: ReadableSpan, record: ActionRecord | None) -> bool:
    """Whether it is the span of a user action that is sent."""
    context = span.context
    if context is None or not context.trace_flags.sampled:
        return False
    return (kind_of(span) if record is None else record.kind) is not None
