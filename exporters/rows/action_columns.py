"""The columns of the rows of finished actions.

Converted column by column, not row by row: what is checked of each value then costs no Python of its own, and almost
no value needs more than the check.
"""

from __future__ import annotations

import struct
from math import isfinite
from typing import TYPE_CHECKING, Any, Final

from slashspan import semconv
from slashspan.action_record import END_FIELDS, START_FIELDS
from slashspan.exporters.rows.checkpoints import checkpoints_of
from slashspan.exporters.rows.columns import BIGINT, DOUBLE, INTEGER, TEXT, Column
from slashspan.exporters.rows.command_call import ROW_COLUMNS, CommandCall
from slashspan.exporters.rows.row_maker import converter, remembering
from slashspan.exporters.rows.values import signed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from slashspan.exporters.rows.ended_action import EndedAction

    Values = Sequence[Any]


def columns_of_actions(actions: Sequence[EndedAction]) -> list[Values]:
    """The values of each of ROW_COLUMNS, for at least one action. Never raises for odd values."""
    span_ids, trace_ids, starts, ends, checkpoints, services, *fields = zip(*actions, strict=True)
    known: dict[str, Values] = dict(zip((*START_FIELDS, *END_FIELDS), fields, strict=True))
    known[semconv.COMMAND_NAME] = _commands(fields)
    names, versions, environments = zip(*services, strict=True)
    others: dict[str, Values] = {
        "called_at": [start // 1000 for start in starts],
        "duration_ms": [(end - start) / 1e6 for start, end in zip(starts, ends, strict=True)],
        "service_name": names,
        "service_version": versions,
        "environment": environments,
        "trace_id": [trace_id.to_bytes(16, "big").hex() for trace_id in trace_ids],
        "span_id": [signed(span_id) for span_id in span_ids],
        "checkpoints": [checkpoints_of(marks) if marks else None for marks in checkpoints],
        "attributes": (None,) * len(actions),
    }
    return [
        others[column.name] if convert is None else convert(known[column.attribute or ""])
        for column, convert in _CONVERTERS
    ]


def _commands(fields: Sequence[Values]) -> Values:
    """As they are named at the end."""
    commands = fields[START_FIELDS.index(semconv.COMMAND_NAME)]
    renamed = fields[len(START_FIELDS) + END_FIELDS.index(semconv.COMMAND_NAME)]
    if renamed.count(None) == len(renamed):
        return commands
    return [before if now is None else now for before, now in zip(commands, renamed, strict=True)]


def row_of_action(action: EndedAction) -> CommandCall:
    """The row of a finished action. Never raises for odd values."""
    columns = columns_of_actions([action])
    return CommandCall(**{column.name: value for column, (value,) in zip(ROW_COLUMNS, columns, strict=True)})


def _converting(column: Column) -> Callable[[Values], Values]:
    """Converts a column's values."""
    convert, absent = converter(column), column.if_absent
    if column.type is TEXT:
        return _converting_texts(convert)
    fits = _ARE_NUMBERS[column.type]

    def converted(values: Values) -> Values:
        if values[0] is None and values.count(None) == len(values):
            return (absent,) * len(values)
        try:
            fit = fits(values)
        except struct.error:  # one is too large
            fit = False
        return values if fit else [convert(value) for value in values]

    return converted


def _all_finite(values: Values) -> bool:
    # Where the sum alone is too large, that only costs time.
    return set(map(type, values)) == {float} and isfinite(sum(values))


def _all_within(code: str) -> Callable[[Values], bool]:
    return lambda values: set(map(type, values)) == {int} and bool(struct.pack(f"={len(values)}{code}", *values))


_ARE_NUMBERS: Final = {DOUBLE: _all_finite, INTEGER: _all_within("i"), BIGINT: _all_within("q")}
"""By type: whether a column can hold these values. Those of integers raise struct.error if not."""


def _converting_texts(convert: Callable[[Any], Any]) -> Callable[[Values], Values]:
    known: dict[Any, Any] = {}
    convert_new = remembering(convert, known)

    def converted_one(value: Any) -> Any:
        if value is None or type(value) is str:
            return known[value] if value in known else convert_new(value)
        return convert(value)

    def converted(values: Values) -> Values:
        first = values[0]
        try:
            if values.count(first) == len(values):
                return (known[first],) * len(values)
            return list(map(known.__getitem__, values))
        except (KeyError, TypeError):  # a new text, or none at all
            return list(map(converted_one, values))

    return converted


_CONVERTERS: Final = [(each, None if each.attribute is None else _converting(each)) for each in ROW_COLUMNS]
