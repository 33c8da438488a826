"""User actions in the spool: spans as records, records as rows, and which of them are in flight in memory.

A payload is two msgpack values: the service `[name, version, environment]`, packed once, and
`[trace id (16 bytes), start ns, end ns or nil, attributes, checkpoints]`; the key of the record is the span id. A ROW's
second value is the row's columns by name.
"""

from __future__ import annotations

import dataclasses
import logging
import threading
from typing import TYPE_CHECKING, Any, Final

import msgpack

from slashspan.exporters.common.gil import yielding_gil
from slashspan.exporters.rows.command_call import CommandCall
from slashspan.exporters.rows.counts import DropReason
from slashspan.exporters.rows.from_span import (
    attributes_of,
    checkpoint_events,
    checkpoints_of,
    first_checkpoints,
    from_parts,
    service_of,
)
from slashspan.exporters.rows.values import jsonable
from slashspan.exporters.spool.records import MAX_PAYLOAD, NewerFormat, RecordType
from slashspan.exporters.spool.segment import RecordState
from slashspan.semconv import ATTRIBUTES, OUTCOME, Outcome

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.trace import SpanContext

    from slashspan.action_record import ActionRecord
    from slashspan.exporters.rows.from_span import Checkpoint
    from slashspan.exporters.spool.journal import Journal, Receipt
    from slashspan.exporters.spool.records import Record

PAYLOAD_FORMAT: Final = 1
MAX_RECORD: Final = 256 * 1024
"""In bytes; of a larger span only our attributes are kept, as in its row."""
MAX_CHECKPOINTS: Final = 128
"""Attributes kept of a span that is too large."""
_OURS: Final = frozenset(attribute.key for attribute in ATTRIBUTES)
_64_BITS: Final = 2**64 - 1

_log = logging.getLogger("slashspan")


class RowSpool:
    """The spool of rows: the processor appends, the exporter claims, the delivery worker replays and acknowledges."""

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self._start()
        journal.after_fork = self._start

    def _start(self) -> None:
        # Strict: `surrogatepass` takes 50 % longer, for lone surrogates that no column accepts anyway.
        self._pack = msgpack.Packer().pack
        self._newer_logged = False
        self.order = threading.Lock()
        """Held while a span is appended and put into the queue, so that both have the same order."""
        self._service: tuple[Resource | None, bytes] = (None, b"")
        self._in_flight: dict[int, Receipt] = {}
        """By span id, in the order of the batch processor's queue."""

    # On the hot path

    def started(self, span: ReadableSpan, record: ActionRecord | None = None) -> None:
        """Record a running user action."""
        context = span.context
        if context is not None:
            with self.order:
                attributes = attributes_of(span) if record is None else record.attributes
                payload = self._payload(span, context, None, attributes, ())
            self.journal.start(PAYLOAD_FORMAT, context.span_id, payload)

    def ended(self, span: ReadableSpan, record: ActionRecord | None = None) -> None:
        """Append a finished user action, as in flight; with `order` held."""
        context = span.context
        if context is None:
            return
        key = context.span_id
        attributes, checkpoints = attributes_of(span, record), checkpoint_events(span, record)
        payload = self._payload(span, context, span.end_time, attributes, checkpoints)
        receipt = self.journal.append(RecordType.SPAN, PAYLOAD_FORMAT, key, payload, RecordState.LEASED)
        if receipt is not None:
            self._in_flight[key] = receipt

    def _payload(
        self,
        span: ReadableSpan,
        context: SpanContext,
        end_ns: int | None,
        attributes: Mapping[str, Any],
        checkpoints: Sequence[Checkpoint],
    ) -> bytes:
        resource = span.resource
        if self._service[0] is not resource:
            self._service = (resource, self._pack(service_of(resource)))
        head = self._service[1]
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

    # On the threads of the exporter and the delivery worker

    def claim(self, spans: Sequence[ReadableSpan]) -> list[Receipt | None]:
        """The receipts of spans that have left the batch processor's queue.

        The queue is ordered and evicts its oldest entries: whatever was added before the first of these spans, and has
        not left the queue, was evicted, and is replayed.
        """
        claimed: list[Receipt | None] = []
        evicted: list[Receipt] = []
        in_flight = self._in_flight
        with self.order:
            for span in spans:
                key = span.context.span_id if span.context is not None else 0
                if key not in in_flight:
                    claimed.append(None)
                    continue
                while (first := next(iter(in_flight))) != key:
                    evicted.append(in_flight.pop(first))
                claimed.append(in_flight.pop(key))
        if evicted:
            self.journal.release(evicted)
        return claimed

    def append(self, row: CommandCall) -> Receipt | None:
        """Append a row that did not come through our processor, or whose first append failed."""
        payload = msgpack.packb(()) + msgpack.packb(dataclasses.asdict(row), unicode_errors="surrogatepass")
        return self.journal.append(RecordType.ROW, PAYLOAD_FORMAT, row.span_id & _64_BITS, payload, RecordState.LEASED)

    def lease(self, limit: int) -> list[tuple[CommandCall, Receipt]]:
        """Lease up to `limit` rows for replay, oldest first."""
        rows = []
        unpacker = _unpacker()  # creating one costs as much as using it
        for receipt, record in yielding_gil(self.journal.lease(limit)):
            try:
                row = row_of(record, unpacker)
            except NewerFormat as error:
                self._leave_alone(error)  # not acknowledged: it stays on disk for a slashspan that can read it
                continue
            except Exception:  # noqa: BLE001 - one record that cannot be read must not stop the others
                _log.exception("a record of the spool cannot be read; please report it")
                self.journal.give_up(receipt, DropReason.INTERNAL)
                unpacker = _unpacker()  # the old one still contains the rest of the unreadable data
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


def _unpacker() -> Any:
    return msgpack.Unpacker(unicode_errors="surrogatepass", strict_map_key=False, max_buffer_size=MAX_PAYLOAD)


def row_of(record: Record, unpacker: Any = None) -> CommandCall | None:
    """The row of a record. Raises NewerFormat, and whatever msgpack raises for foreign bytes."""
    if record.format > PAYLOAD_FORMAT:
        raise NewerFormat(f"payload format {record.format}; this slashspan reads up to {PAYLOAD_FORMAT}")
    unpacker = unpacker or _unpacker()
    unpacker.feed(record.payload)
    service, value = unpacker.unpack(), unpacker.unpack()
    if record.type == RecordType.ROW:
        return CommandCall(**value)
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
