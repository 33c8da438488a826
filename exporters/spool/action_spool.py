"""The spool of a batch processor: which of its user actions are still in the processor's queue, so in flight."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import msgpack

from slashspan.action_record import record_of
from slashspan.exporters.spool.records import RecordType
from slashspan.exporters.spool.segment import RecordState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opentelemetry.sdk.trace import ReadableSpan

    from slashspan.exporters.rows.ended_action import EndedAction
    from slashspan.exporters.spool.journal import Journal, Receipt


class ActionSpool:
    """What the spool of rows and that of spans have in common: the processor appends, its exporter claims."""

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self._start()
        journal.after_fork = self._start

    def _start(self) -> None:
        # Strict: `surrogatepass` takes 50 % longer, for lone surrogates that no column accepts anyway.
        self._pack = msgpack.Packer().pack
        self.order = threading.Lock()
        """Held while a span is appended and put into the queue, so that both have the same order."""
        self._in_flight: dict[int, Receipt] = {}
        """By span id, in the order of the batch processor's queue."""

    def _append(self, payload_format: int, key: int, payload: bytes) -> None:
        receipt = self.journal.append(RecordType.SPAN, payload_format, key, payload, RecordState.LEASED)
        if receipt is not None:
            self._in_flight[key] = receipt

    def claim(self, spans: Sequence[ReadableSpan | EndedAction]) -> list[Receipt | None]:
        """The receipts of spans that have left the batch processor's queue.

        The queue is ordered and evicts its oldest entries: whatever was added before the first of these spans, and has
        not left the queue, was evicted, and is replayed.
        """
        claimed: list[Receipt | None] = []
        evicted: list[Receipt] = []
        in_flight = self._in_flight
        with self.order:
            oldest = iter([*in_flight])  # `next(iter(in_flight))` would pass what was removed before, each time
            for span in spans:
                key = span[0] if isinstance(span, tuple) else _key(span)
                if key not in in_flight:
                    claimed.append(None)
                    continue
                while (first := next(oldest)) != key:
                    evicted.append(in_flight.pop(first))
                claimed.append(in_flight.pop(key))
        if evicted:
            self.journal.release(evicted)
        return claimed


def _key(span: ReadableSpan) -> int:
    record = record_of(span)
    context = span.context if record is None else record
    return 0 if context is None else context.span_id
