"""Makes a row from a span's attributes.

The statements for every column are generated, as `dataclass` generates `__init__`: a loop over the columns takes three
times as long, and each row passes here.
"""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING, Any, Final

from slashspan import semconv
from slashspan.action_record import START_FIELDS
from slashspan.exporters.rows.columns import BIGINT, DOUBLE, INTEGER, Column
from slashspan.exporters.rows.command_call import ROW_COLUMNS, CommandCall
from slashspan.exporters.rows.values import INT32, INT64

if TYPE_CHECKING:
    from collections.abc import Callable

REMEMBERED: Final = 1024
"""Texts and ids, of each column, whose conversion is remembered: most columns hold the same few again and again."""
OTHERS: Final = tuple(column.name for column in ROW_COLUMNS if column.attribute is None)
"""Columns that are not read from attributes: the arguments of `make_row`, after the first."""


def _remembering(convert: Callable[[Any], Any], known: dict[Any, Any]) -> Callable[[Any], Any]:
    """`convert`, which also puts what it converts into `known`."""

    def convert_new(value: Any) -> Any:
        if len(known) >= REMEMBERED:
            known.clear()
        known[value] = converted = convert(value)
        return converted

    return convert_new


def _converter(column: Column) -> Callable[[Any], Any]:
    def convert(value: Any) -> Any:
        converted = None if value is None else column.type.convert(value)
        return column.if_absent if converted is None else converted

    return convert


def _generated(first: str, value_of: Callable[[str], str]) -> Callable[..., CommandCall]:
    """A function whose first arguments are `first`; `value_of` is how it finds the value of an attribute."""
    names: dict[str, Any] = {
        "new": object.__new__,
        "cls": CommandCall,
        "isfinite": isfinite,
        "int32": INT32,
        "int64": INT64,
    }
    lines = [f"def make_row({first}, {', '.join(OTHERS)}):", "row = new(cls)"]
    lines += [f"row.{name} = {name}" for name in OTHERS]
    for column in ROW_COLUMNS:
        if column.attribute is None:
            continue
        name = column.name
        names[f"{name}_of"] = _converter(column)
        fast, value = "", f"{name}_of(v)"
        if column.type is DOUBLE:
            fast = "v if type(v) is float and isfinite(v) else "
        elif column.type is INTEGER:
            fast = "v if type(v) is int and -int32 <= v < int32 else "
        else:
            fast = "v if type(v) is int and -int64 <= v < int64 else " if column.type is BIGINT else ""
            if column.attribute != semconv.INTERACTION_ID:  # which is another one in each row
                # The column's value by the attribute's, for texts and None. No subclass of dict with `__missing__`:
                # to index one takes several times as long as to index a dict.
                known: dict[Any, Any] = {}
                names[f"{name}s"] = known
                names[f"new_{name}"] = _remembering(_converter(column), known)
                fast += f"({name}s[v] if v in {name}s else new_{name}(v)) if type(v) is str or v is None else "
        lines.append(f"v = {value_of(column.attribute)}; row.{name} = {fast}{value}")
    lines.append("return row")
    exec("\n    ".join(lines), names)  # noqa: S102 - made of the names of columns and attributes
    made: Callable[..., CommandCall] = names["make_row"]
    return made


def _in_action(attribute: str) -> str:
    known = attribute in START_FIELDS
    return f"start[{START_FIELDS.index(attribute)}]" if known else f"noted({attribute!r})"


make_row: Final = _generated("get", lambda attribute: f"get({attribute!r})")
"""`make_row(attributes.get, *values of OTHERS)`. Never raises for odd attributes."""
row_of_action: Final = _generated("start, noted", _in_action)
"""`row_of_action(values of START_FIELDS, noted.get, *values of OTHERS)`, if none of START_FIELDS is noted."""
