"""User actions in the spool: spans as records, records as rows, and which of them are in flight in memory.

A payload of format 1 is two msgpack values: the service `[name, version, environment]`, packed once, and
`[trace id (16 bytes), start ns, end ns or nil, attributes, checkpoints]`; the key of the record is the span id. A ROW's
second value is the row's columns by name.

Format 2 is written for actions of our own instrumentation, whose attributes are known: the service,
`[trace id, start ns, values of START_FIELDS]` (`slashspan.action_record`) and, of a SPAN, `[end ns, values of
END_FIELDS, checkpoints]`. So the end is the bytes of the start and a little more.
"""

from __future__ import annotations

import dataclasses
import logging
from typing import TYPE_CHECKING, Any, Final

import msgpack

from slashspan.action_record import attributes_of_start
from slashspan.exporters.common.gil import yielding_gil
from slashspan.exporters.rows.action_columns import row_of_action
from slashspan.exporters.rows.checkpoints import checkpoint_events, checkpoints_of, first_checkpoints
from slashspan.exporters.rows.command_call import CommandCall
from slashspan.exporters.rows.counts import DropReason
from slashspan.exporters.rows.ended_action import CHECKPOINTS, ended_action
from slashspan.exporters.rows.from_span import attributes_of, from_parts
from slashspan.exporters.rows.service import service_of
from slashspan.exporters.rows.values import jsonable
from slashspan.exporters.spool.action_spool import ActionSpool
from slashspan.exporters.spool.records import MAX_PAYLOAD, NewerFormat, RecordType
from slashspan.exporters.spool.segment import RecordState
from slashspan.semconv import ATTRIBUTES, OUTCOME, Outcome

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.trace import SpanContext

    from slashspan.action_record import ActionRecord
    from slashspan.exporters.rows.checkpoints import Checkpoint
    from slashspan.exporters.rows.ended_action import EndedAction
    from slashspan.exporters.rows.service import Service
    from slashspan.exporters.spool.journal import Receipt
    from slashspan.exporters.spool.records import Record

PAYLOAD_FORMAT: Final = 1
ACTION_FORMAT: Final = 2
MAX_RECORD: Final = 256 * 1024
"""In bytes; of a larger span only our attributes are kept, as in its row."""
MAX_CHECKPOINTS: Final = 128
"""Attributes kept of a span that is too large."""
_OURS: Final = frozenset(attribute.key for attribute in ATTRIBUTES)
_64_BITS: Final = 2**64 - 1

_log = logging.getLogger("slashspan")


class RowSpool(ActionSpool):
    """The spool of rows: the processor appends, the exporter claims, the delivery worker replays and acknowledges."""

    def _start(self) -> None:
        super()._start()
        self._newer_logged = False
        self._service: tuple[Resource | None, bytes, Service] = (None, b"", (None, None, None))
        """The last one, packed, and not packed."""

    # On the hot path

    def started(self, span: ReadableSpan, record: ActionRecord | None = None) -> None:
        """Record a running user action."""
        if record is not None:
            with self.order:
                payload = self._start_payload(span, record)
            if payload is not None:
                self.journal.start(ACTION_FORMAT, record.span_id, payload)
                return
        context = span.context
        if context is not None:
            with self.order:
                payload = self._payload(span, context, None, attributes_of(span, record), ())
            self.journal.start(PAYLOAD_FORMAT, context.span_id, payload)

    def ended(self, span: ReadableSpan, record: ActionRecord | None = None) -> EndedAction | None:
        """Append a finished user action, as in flight; with `order` held.

        Returns what can wait for the exporter in place of the span; None if that has to wait itself.
        """
        if record is not None and record.packed is not None and (action := ended_action(span, record)) is not None:
            # Nothing but ours, and its start is packed: the rest of format 2.
            payload: bytes
            try:
                payload = record.packed + self._pack((record.end_ns, record.end, action[CHECKPOINTS]))
            except (TypeError, ValueError, OverflowError):
                payload = b""
            if payload and len(payload) <= MAX_RECORD:
                record.packed = None
                self._append(ACTION_FORMAT, record.span_id, payload)
                return action
        context = span.context
        if context is not None:
            attributes, checkpoints = attributes_of(span, record), checkpoint_events(span, record)
            payload = self._payload(span, context, span.end_time, attributes, checkpoints)
            self._append(PAYLOAD_FORMAT, context.span_id, payload)
        return None

    def _start_payload(self, span: ReadableSpan, record: ActionRecord) -> bytes | None:
        """In format 2, kept for the end; None if a value is not one that it can express."""
        try:
            resource = span.resource
            head = self._service[1] if self._service[0] is resource else self._head(resource)
            record.service = self._service[2]
            payload: bytes = head + self._pack((record.trace_id.to_bytes(16, "big"), record.start_ns, record.start))
        except (TypeError, ValueError, OverflowError):
            return None
        if len(payload) > MAX_RECORD:
            return None
        record.packed = payload
        return payload

    def _head(self, resource: Resource) -> bytes:
        if self._service[0] is not resource:
            service = service_of(resource)
            self._service = (resource, self._pack(service), service)
        return self._service[1]

    def _payload(
        self,
        span: ReadableSpan,
        context: SpanContext,
        end_ns: int | None,
        attributes: Mapping[str, Any],
        checkpoints: Sequence[Checkpoint],
    ) -> bytes:
        head = self._head(span.resource)
        times = (context.trace_id.to_bytes(16, "big"), span.start_time, end_ns)
        try:
            payload: bytes = head + self._pack((*times, attributes, checkpoints))
            if len(payload) <= MAX_RECORD:
                return payload
            ours = {key: value for key, value in attributes.items() if key in _OURS}
            attributes = {**ours, "slashspan.left_out_bytes": len(payload)}
        except (TypeError, ValueError, OverflowError):
            pass  # a value that msgpack or UTF-8 cannot express: replace it with one that every column accepts
        checkpoints = first_checkpoints(checkpoints, MAX_CHECKPOINTS)
        safe: bytes = head + self._pack((*times, jsonable(attributes), jsonable(checkpoints)))
        return safe

    # On the thread of the delivery worker

    def append(self, row: CommandCall) -> Receipt | None:
        """Append a row that did not come through our processor, or whose first append failed."""
        payload = msgpack.packb(()) + msgpack.packb(dataclasses.asdict(row), unicode_errors="surrogatepass")
        return self.journal.append(RecordType.ROW, PAYLOAD_FORMAT, row.span_id & _64_BITS, payload, RecordState.LEASED)

    def lease(self, limit: int) -> list[tuple[CommandCall, Receipt]]:
        """Lease up to `limit` rows for replay, oldest first."""
        rows = []
        unpacker = new_unpacker()
        for receipt, record in yielding_gil(self.journal.lease(limit)):
            try:
                row = row_of(record, unpacker)
            except NewerFormat as error:
                self._leave_alone(error)  # not acknowledged: it stays on disk for a slashspan that can read it
                continue
            except Exception:  # noqa: BLE001 - one record that cannot be read must not stop the others
                _log.exception("a record of the spool cannot be read; please report it")
                self.journal.give_up(receipt, DropReason.INTERNAL)
                unpacker = new_unpacker()  # the old one still contains the rest of the unreadable data
                continue
            if row is not None:
                rows.append((row, receipt))
            else:
                self.journal.give_up(receipt, DropReason.INTERNAL)
        return rows

    def _leave_alone(self, error: NewerFormat) -> None:
        if not self._newer_logged:
            self._newer_logged = True
            _log.warning("records in %s are left alone: %s", self.journal.folder, error)


def new_unpacker() -> Any:
    """To be used for many records: creating one costs as much as using it."""
    return msgpack.Unpacker(unicode_errors="surrogatepass", strict_map_key=False, max_buffer_size=MAX_PAYLOAD)


def row_of(record: Record, unpacker: Any = None) -> CommandCall | None:
    """The row of a record. Raises NewerFormat, and whatever msgpack raises for foreign bytes."""
    if record.format > ACTION_FORMAT:
        raise NewerFormat(f"payload format {record.format}; this slashspan reads up to {ACTION_FORMAT}")
    unpacker = unpacker or new_unpacker()
    unpacker.feed(record.payload)
    service, value = unpacker.unpack(), unpacker.unpack()
    if record.type == RecordType.ROW:
        return CommandCall(**value)
    if record.format == ACTION_FORMAT and record.type == RecordType.SPAN:
        trace_id, start_ns, start = value
        end_ns, end, checkpoints = unpacker.unpack()
        times = (int.from_bytes(trace_id, "big"), start_ns, end_ns)
        return row_of_action((record.key, *times, checkpoints, service, *start, *end))
    if record.format == ACTION_FORMAT:
        trace_id, start_ns, values = value
        attributes, end_ns, marks = attributes_of_start(values), None, ()
    else:
        trace_id, start_ns, end_ns, attributes, marks = value
    if record.type == RecordType.START:
        attributes[OUTCOME] = Outcome.INTERRUPTED
    return from_parts(
        attributes,
        trace_id=int.from_bytes(trace_id, "big"),
        span_id=record.key,
        start_ns=start_ns,
        end_ns=end_ns,
        service=tuple(service),
        checkpoints=checkpoints_of(marks),
    )
