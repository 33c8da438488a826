"""Makes a row from a span's attributes.

Most rows are made of actions (`action_columns.py`); here pass those of spans to which a bot has added attributes, and
of spans that are not ours. The expressions for every column are generated, as `dataclass` generates `__init__`: a loop
over the columns takes three times as long.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final

from slashspan import semconv
from slashspan.exporters.rows.columns import BIGINT, DOUBLE, INTEGER, Column
from slashspan.exporters.rows.command_call import ROW_COLUMNS, CommandCall
from slashspan.exporters.rows.values import INT32, INT64

if TYPE_CHECKING:
    from collections.abc import Callable

LARGEST: Final = sys.float_info.max
REMEMBERED: Final = 1024
"""Texts and ids, of each column, whose conversion is remembered: most columns hold the same few again and again."""
OTHERS: Final = tuple(column.name for column in ROW_COLUMNS if column.attribute is None)
"""Columns that are not read from attributes: the arguments of `make_row`, after the first."""


def remembering(convert: Callable[[Any], Any], known: dict[Any, Any]) -> Callable[[Any], Any]:
    """`convert`, which also puts what it converts into `known`."""

    def convert_new(value: Any) -> Any:
        if len(known) >= REMEMBERED:
            known.clear()
        known[value] = converted = convert(value)
        return converted

    return convert_new


def converter(column: Column) -> Callable[[Any], Any]:
    """The column's value of any attribute."""

    def convert(value: Any) -> Any:
        converted = None if value is None else column.type.convert(value)
        return column.if_absent if converted is None else converted

    return convert


def _converted(column: Column, names: dict[str, Any]) -> str:
    """The expression of the column's value from the attribute's, `v`; `names` gets what it refers to.

    It never raises for odd attributes.
    """
    name = column.name
    names[f"{name}_of"] = converter(column)
    value = f"{name}_of(v)"
    if column.type is DOUBLE:
        return f"v if type(v) is float and {-LARGEST} <= v <= {LARGEST} else {value}"  # not NaN either
    if column.type is INTEGER:
        return f"v if type(v) is int and {-INT32} <= v < {INT32} else {value}"
    fast = f"v if type(v) is int and {-INT64} <= v < {INT64} else " if column.type is BIGINT else ""
    if column.attribute != semconv.INTERACTION_ID:  # which is another one in each row
        # The column's value by the attribute's, for texts and None. No subclass of dict with `__missing__`: to index
        # one takes several times as long as to index a dict.
        known: dict[Any, Any] = {}
        names[f"{name}s"] = known
        names[f"new_{name}"] = remembering(converter(column), known)
        fast += f"({name}s[v] if v in {name}s else new_{name}(v)) if type(v) is str or v is None else "
    return fast + value


def _row_maker() -> Callable[..., CommandCall]:
    names: dict[str, Any] = {"new": object.__new__, "cls": CommandCall}
    statements = ["row = new(cls)", *(f"row.{name} = {name}" for name in OTHERS)]
    read = [column for column in ROW_COLUMNS if column.attribute is not None]
    statements += [f"v = get({each.attribute!r}); row.{each.name} = {_converted(each, names)}" for each in read]
    lines = [f"def make_row(get, {', '.join(OTHERS)}):", *statements, "return row"]
    exec("\n    ".join(lines), names)  # noqa: S102 - made of the names of columns and attributes
    made: Callable[..., CommandCall] = names["make_row"]
    return made


make_row: Final = _row_maker()
"""`make_row(attributes.get, *values of OTHERS)`. Never raises for odd attributes."""
