"""What is known of a finished action, while it waits for the exporter, and the values of its row.

One tuple of nothing but texts and numbers: the garbage collector leaves it alone once it has seen it, where it would
visit a span, and all that it contains, again and again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeAlias

from slashspan import semconv
from slashspan.action_record import END_FIELDS, START_FIELDS
from slashspan.exporters.rows.checkpoints import checkpoint_events, checkpoints_of
from slashspan.exporters.rows.command_call import ROW_COLUMNS, CommandCall
from slashspan.exporters.rows.row_maker import converted, generated
from slashspan.exporters.rows.service import service_of
from slashspan.exporters.rows.values import signed

if TYPE_CHECKING:
    from collections.abc import Callable

    from opentelemetry.sdk.trace import ReadableSpan

    from slashspan.action_record import ActionRecord

EndedAction: TypeAlias = "tuple[Any, ...]"
"""Span id, trace id, start and end in ns, checkpoints, service, the values of START_FIELDS, those of END_FIELDS."""
CHECKPOINTS: Final = 4
"""Their index in it."""
_NAMES: Final = tuple(column.name for column in ROW_COLUMNS)


def ended_action(span: ReadableSpan, record: ActionRecord) -> EndedAction | None:
    """What the record of this span knows; None if the span has not ended, or has attributes of the bot's own."""
    if record.span_attributes is not None or record.end_ns is None:
        return None
    return (
        record.span_id,
        record.trace_id,
        record.start_ns,
        record.end_ns,
        checkpoint_events(span, record) if record.checkpoints else (),
        record.service or service_of(span.resource),
        *record.start,
        *record.end,
    )


def row_of_action(action: EndedAction) -> CommandCall:
    """The row of a finished action. Never raises for odd values."""
    return CommandCall(**dict(zip(_NAMES, values_of_action(action), strict=True)))


_OTHERS: Final = {
    "called_at": "start_ns // 1000",
    "duration_ms": "(end_ns - start_ns) / 1e6",
    "service_name": "service[0]",
    "service_version": "service[1]",
    "environment": "service[2]",
    "trace_id": "trace_id.to_bytes(16, 'big').hex()",
    "span_id": "signed(span_id)",
    "checkpoints": "checkpoints_of(checkpoints) if checkpoints else None",
    "attributes": "None",
}
"""Columns that are not read from attributes."""


def _values_of_action() -> Callable[[EndedAction], tuple[Any, ...]]:
    """Generated, as the functions of `row_maker` are."""
    names: dict[str, Any] = {"signed": signed, "checkpoints_of": checkpoints_of}
    places = {
        **{field: f"start_{index}" for index, field in enumerate(START_FIELDS)},
        **{field: f"end_{index}" for index, field in enumerate(END_FIELDS)},
    }
    start, end = ([places[field] for field in fields] for fields in (START_FIELDS, END_FIELDS))
    at_start = f"start_{START_FIELDS.index(semconv.COMMAND_NAME)}"
    renamed = places[semconv.COMMAND_NAME]
    start[START_FIELDS.index(semconv.COMMAND_NAME)] = at_start
    places[semconv.COMMAND_NAME] = f"{at_start} if {renamed} is None else {renamed}"
    statements = [f"span_id, trace_id, start_ns, end_ns, checkpoints, service, {', '.join((*start, *end))} = action"]
    values = []
    for column in ROW_COLUMNS:
        if column.attribute is None:
            values.append(_OTHERS[column.name])
        else:
            statements.append(f"v = {places[column.attribute]}; {column.name} = {converted(column, names)}")
            values.append(column.name)
    return generated("values_of_action(action)", [*statements, f"return ({', '.join(values)})"], names)


values_of_action: Final = _values_of_action()
"""The values of a finished action's row, in the order of ROW_COLUMNS. Never raises for odd values."""
