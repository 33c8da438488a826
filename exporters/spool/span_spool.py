"""Spans of user actions in the spool, from their start: what a killed process had not sent, the next one sends.

Format 3 of a START or SPAN is what a BATCH with this one span would be. Spans of other things, such as requests to
Discord, are not in the spool until their batch has failed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import Status, StatusCode

from slashspan.exporters.rows.from_span import attributes_of
from slashspan.exporters.rows.values import jsonable
from slashspan.exporters.spool.action_spool import ActionSpool
from slashspan.exporters.spool.records import NewerFormat, RecordType
from slashspan.exporters.spool.row_spool import MAX_CHECKPOINTS, MAX_RECORD
from slashspan.exporters.spool.span_codec import PAYLOAD_FORMAT, resource_fields, span_fields, unpacked
from slashspan.semconv import ATTRIBUTES, OUTCOME, Outcome

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry.sdk.resources import Resource

    from slashspan.action_record import ActionRecord
    from slashspan.exporters.spool.records import Record

SPAN_FORMAT: Final = 3
_OURS: Final = frozenset(attribute.key for attribute in ATTRIBUTES)
_PAIR: Final = b"\x92"
"""The beginning of an array of two in msgpack."""


class SpanSpool(ActionSpool):
    """The spool of actions' spans: the processor appends, the exporter claims, sends and acknowledges."""

    def _start(self) -> None:
        super()._start()
        self._resource: tuple[Resource | None, bytes] = (None, b"")

    # On the hot path

    def started(self, span: ReadableSpan, record: ActionRecord | None) -> None:
        """Record a running user action."""
        if span.context is not None:
            with self.order:
                payload = self._payload(span, record)
            self.journal.start(SPAN_FORMAT, span.context.span_id, payload)

    def ended(self, span: ReadableSpan, record: ActionRecord | None) -> None:
        """Append a finished user action, as in flight; with `order` held."""
        if span.context is not None:
            self._append(SPAN_FORMAT, span.context.span_id, self._payload(span, record))

    def _payload(self, span: ReadableSpan, record: ActionRecord | None) -> bytes:
        resource, head = self._resource
        if resource is not span.resource:
            head = _PAIR + self._pack([resource_fields(span.resource, jsonable)])
            self._resource = (span.resource, head)
        attributes = attributes_of(span, record)
        try:
            payload: bytes = head + self._pack((span_fields(span, 0, attributes, dict),))
        except (TypeError, ValueError, OverflowError):
            # A value that msgpack or UTF-8 cannot express: replace it with one that every collector accepts.
            payload = head + self._pack((span_fields(span, 0, attributes, jsonable),))
        if len(payload) > MAX_RECORD:
            ours = {key: value for key, value in attributes.items() if key in _OURS}
            left_out = {"slashspan.left_out_bytes": len(payload)}
            payload = head + self._pack((span_fields(_shortened(span), 0, {**ours, **left_out}, jsonable),))
        return payload


def holds_spans(record: Record) -> bool:
    """Whether it is for a collector, and not a row."""
    return record.type == RecordType.BATCH or record.format == SPAN_FORMAT


def spans_of(record: Record) -> list[ReadableSpan]:
    """The spans of such a record. Raises NewerFormat, and whatever msgpack raises for foreign bytes."""
    known = PAYLOAD_FORMAT if record.type == RecordType.BATCH else SPAN_FORMAT
    if record.format > known:
        raise NewerFormat(f"payload format {record.format}; this slashspan reads up to {known}")
    spans = unpacked(record.payload)
    return [*map(_interrupted, spans)] if record.type == RecordType.START else spans


def _interrupted(span: ReadableSpan) -> ReadableSpan:
    """The span of an action whose process died. When it did is not known: so it ends as it starts, after 0 ns."""
    attributes = {**(span.attributes or {}), OUTCOME: Outcome.INTERRUPTED}
    return _changed(span, attributes, status=Status(StatusCode.ERROR), end_time=span.start_time)


def _shortened(span: ReadableSpan) -> ReadableSpan:
    events = span.events[:MAX_CHECKPOINTS]
    return _changed(span, span.attributes or {}, status=span.status, end_time=span.end_time, events=events)


def _changed(span: ReadableSpan, attributes: Mapping[str, Any], **more: Any) -> ReadableSpan:
    return ReadableSpan(
        name=span.name,
        context=span.context,
        resource=span.resource,
        attributes=attributes,
        kind=span.kind,
        start_time=span.start_time,
        instrumentation_scope=span.instrumentation_scope,
        **more,
    )
