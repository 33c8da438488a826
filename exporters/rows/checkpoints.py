"""The column `checkpoints`, from a span's events or an action's record."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from slashspan import semconv
from slashspan.exporters.rows.values import MAX_JSON, as_float, as_int64, as_text, fitting_json, json_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from opentelemetry.sdk.trace import Event, ReadableSpan

    from slashspan.action_record import ActionRecord

Checkpoint = tuple[str, "Mapping[str, Any]"]
"""Name and attributes."""
LEFT_OUT: Final = "slashspan.left_out"
"""Name of the entry with the number of checkpoints that did not fit into the column."""
COUNT: Final = "count"


def checkpoint_events(span: ReadableSpan, record: ActionRecord | None) -> Sequence[Checkpoint]:
    """The name and attributes of each checkpoint, in their order."""
    if record is not None:
        dropped = record.dropped_checkpoints
        return _with_left_out(record.checkpoints, dropped) if dropped else record.checkpoints
    try:
        events: Sequence[Event] = span._events
    except AttributeError:  # an SDK with other private names; this one copies
        events = span.events
    if not events:
        return ()
    named = ((event.name, event.attributes or {}) for event in events)
    return [(name, dict(attributes)) for name, attributes in named if semconv.CHECKPOINT_AT_MS in attributes]


def first_checkpoints(checkpoints: Sequence[Checkpoint], limit: int) -> Sequence[Checkpoint]:
    """As many as fit, and an entry with the number of those left out."""
    return _with_left_out(checkpoints[:limit], sum(_count_of(*left_out) for left_out in checkpoints[limit:]))


def _with_left_out(checkpoints: Sequence[Checkpoint], count: int) -> Sequence[Checkpoint]:
    return [*checkpoints, (LEFT_OUT, {COUNT: count})] if count else checkpoints


def _count_of(name: str, attributes: Mapping[str, Any]) -> int:
    return (as_int64(attributes.get(COUNT)) or 0) if name == LEFT_OUT else 1


def checkpoints_of(events: Iterable[Checkpoint]) -> str | None:
    """The column `checkpoints` from events by name and attributes: always a list. Other events are ignored.

    Those that do not fit are left out, and counted in a last entry.
    """
    marks, left_out = [], 0
    for name, values in events:
        attributes = dict(values)
        if name == LEFT_OUT:
            left_out += _count_of(name, values)
        elif semconv.CHECKPOINT_AT_MS in attributes:
            at = attributes.pop(semconv.CHECKPOINT_AT_MS)
            step = attributes.pop(semconv.CHECKPOINT_STEP_MS, None)
            marks.append({"name": as_text(name), "at_ms": _rounded(at), "step_ms": _rounded(step), **attributes})
    return _fitting(marks, left_out) if marks else None


def _fitting(marks: Sequence[Mapping[str, Any]], left_out: int) -> str:
    texts = fitting_json(marks, room=MAX_JSON - 128)  # for the entry below
    if left_out := left_out + len(marks) - len(texts):
        texts.append(json_text({"name": LEFT_OUT, "at_ms": None, "step_ms": None, COUNT: left_out}))
    return f"[{','.join(texts)}]"


def _rounded(value: Any) -> float | None:
    number = as_float(value)
    return None if number is None else round(number, 3)
