"""Converts a finished span into a row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from slashspan import semconv
from slashspan.action_record import record_of
from slashspan.exporters.rows.action_columns import row_of_action
from slashspan.exporters.rows.checkpoints import checkpoint_events, checkpoints_of
from slashspan.exporters.rows.ended_action import ended_action
from slashspan.exporters.rows.row_maker import make_row
from slashspan.exporters.rows.service import service_of
from slashspan.exporters.rows.values import as_json, signed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry.sdk.trace import ReadableSpan

    from slashspan.action_record import ActionRecord
    from slashspan.exporters.rows.command_call import CommandCall
    from slashspan.exporters.rows.service import Service

_OURS: Final = frozenset(attribute.key for attribute in semconv.ATTRIBUTES)


def from_span(span: ReadableSpan) -> CommandCall | None:
    """The row of a finished user action; None for other spans. Never raises, whatever the bot has set."""
    record = record_of(span)
    action = None if record is None else ended_action(span, record)
    if action is not None:
        return row_of_action(action)
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
        signed(span_id),
        checkpoints,
        None if own is None else as_json(own),
    )
