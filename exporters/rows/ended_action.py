"""What is known of a finished action, while it waits for the exporter.

One tuple of nothing but texts and numbers: the garbage collector leaves it alone once it has seen it, where it would
visit a span, and all that it contains, again and again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeAlias

from slashspan.exporters.rows.checkpoints import checkpoint_events
from slashspan.exporters.rows.service import service_of

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan

    from slashspan.action_record import ActionRecord

EndedAction: TypeAlias = "tuple[Any, ...]"
"""Span id, trace id, start and end in ns, checkpoints, service, the values of START_FIELDS, those of END_FIELDS."""
CHECKPOINTS: Final = 4
"""Their index in it."""


def ended_action(span: ReadableSpan, record: ActionRecord) -> EndedAction | None:
    """What the record of this span knows; None if the span has not ended, or has attributes of the bot's own."""
    if record.span_attributes is not None or record.end_ns is None:
        return None
    return (
        record.span_id,
        record.trace_id,
        record.start_ns,
        record.end_ns,
        tuple(checkpoint_events(span, record)) if record.checkpoints else (),
        record.service or service_of(span.resource),
        *record.start,
        *record.end,
    )
