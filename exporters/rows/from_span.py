"""Converts a finished span into a row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from slashspan import semconv
from slashspan.action_record import record_of
from slashspan.exporters.rows.row_maker import make_row, row_of_action
from slashspan.exporters.rows.values import (
    INT64,
    MAX_JSON,
    as_float,
    as_int64,
    as_json,
    as_text,
    fitting_json,
    json_text,
)
from slashspan.service_name import is_unknown, process_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import Event, ReadableSpan

    from slashspan.action_record import ActionRecord
    from slashspan.exporters.rows.command_call import CommandCall

_OURS: Final = frozenset(attribute.key for attribute in semconv.ATTRIBUTES)
LEFT_OUT: Final = "slashspan.left_out"
"""Name of the entry with the number of checkpoints that did not fit into the column."""
COUNT: Final = "count"


def from_span(span: ReadableSpan) -> CommandCall | None:
    """The row of a finished user action; None for other spans. Never raises, whatever the bot has set."""
    record = record_of(span)
    if record is not None and record.span_attributes is None and record.end_ns is not None:
        # Nothing but ours: what most actions are.
        return from_action(
            record.start,
            record.noted,
            trace_id=record.trace_id.to_bytes(16, "big"),
            span_id=record.span_id,
            start_ns=record.start_ns,
            end_ns=record.end_ns,
            service=service_of(span.resource),
            checkpoints=checkpoint_events(span, record) if record.checkpoints else (),
        )
    context = span.context if record is None else record
    if context is None or span.start_time is None:
        return None
    checkpoints = checkpoint_events(span, record)
    return from_parts(
        attributes_of(span, record),
        trace_id=context.trace_id,
        span_id=context.span_id,
        start_ns=span.start_time,
        end_ns=span.end_time,
        service=service_of(span.resource),
        checkpoints=checkpoints_of(checkpoints) if checkpoints else None,
    )


def from_action(
    start: Sequence[Any],
    noted: Mapping[str, Any],
    *,
    trace_id: bytes,
    span_id: int,
    start_ns: int,
    end_ns: int,
    service: Service,
    checkpoints: Sequence[Checkpoint],
) -> CommandCall:
    """The row of a finished action that has no attributes but ours: the values of START_FIELDS, and what was noted."""
    if semconv.COMMAND_NAME in noted:  # renamed
        start = (start[0], noted[semconv.COMMAND_NAME], *start[2:])
    return row_of_action(
        start,
        noted.get,
        start_ns // 1000,
        (end_ns - start_ns) / 1e6,
        *service,
        trace_id.hex(),
        _signed(span_id),
        checkpoints_of(checkpoints) if checkpoints else None,
        None,
    )


def kind_of(span: ReadableSpan) -> Any:
    """The kind of a user action from its attributes, None for other spans."""
    return _own_attributes(span).get(semconv.KIND)


def attributes_of(span: ReadableSpan, record: ActionRecord | None = None) -> Mapping[str, Any]:
    """To be read only: what is known of the action, whatever the SDK's limits cut, and what the bot set besides."""
    if record is None:
        return _own_attributes(span)
    known = record.attributes
    if record.span_attributes is None:
        return known
    own = _inner(record.span_attributes)
    if len(own) == len(known) and not getattr(record.span_attributes, "dropped", 0):
        return known  # everything was set on the span too: there is nothing else
    return {**{key: value for key, value in own.items() if key not in _OURS}, **known}


def _own_attributes(span: ReadableSpan) -> Mapping[str, Any]:
    """The SDK's own mapping. Its public interface makes a copy, which takes 5 µs."""
    try:
        attributes: Any = span._attributes
    except AttributeError:  # an SDK with other private names
        attributes = span.attributes
    return _inner(attributes)


def _inner(attributes: Any) -> Mapping[str, Any]:
    inner = getattr(attributes, "_dict", None)
    return inner if isinstance(inner, dict) else dict(attributes or {})


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


def from_parts(
    attributes: Mapping[str, Any],
    *,
    trace_id: int,
    span_id: int,
    start_ns: int,
    end_ns: int | None,
    service: Service,
    checkpoints: str | None,
) -> CommandCall | None:
    """The row of a span's parts, None if it is not a user action. Never raises for odd attributes."""
    if attributes.get(semconv.KIND) is None:
        return None
    own = None if attributes.keys() <= _OURS else {key: attributes[key] for key in attributes if key not in _OURS}
    return make_row(
        attributes.get,
        start_ns // 1000,
        None if end_ns is None else (end_ns - start_ns) / 1e6,
        *service,
        trace_id.to_bytes(16, "big").hex(),
        _signed(span_id),
        checkpoints,
        None if own is None else as_json(own),
    )


def _signed(span_id: int) -> int:
    return span_id - 2 * INT64 if span_id >= INT64 else span_id


Checkpoint = tuple[str, "Mapping[str, Any]"]
"""Name and attributes."""
Service = tuple["str | None", "str | None", "str | None"]
"""Name, version, environment."""

_last_service: tuple[Resource | None, Service] = (None, (None, None, None))


def service_of(resource: Resource) -> Service:
    """The bot's service, from the resource; where that names none, the script's or module's name."""
    # A process has one or two resources; hashing one would cost more than the row.
    global _last_service
    known, service = _last_service
    if known is not resource:
        get = resource.attributes.get
        environment = get("deployment.environment.name", get("deployment.environment"))
        name = _optional(get("service.name"))
        if is_unknown(name):
            name = process_name()
        service = (name, _optional(get("service.version")), _optional(environment))
        _last_service = (resource, service)
    return service


def _optional(value: Any) -> str | None:
    return None if value is None else as_text(value)


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
