"""Makes a row from a span's attributes.

The statements for every column are generated, as `dataclass` generates `__init__`: a loop over the columns takes three
times as long, and each row passes here.
"""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING, Any, Final

from slashspan import semconv
from slashspan.exporters.rows.columns import DOUBLE, INTEGER, Column
from slashspan.exporters.rows.command_call import ROW_COLUMNS, CommandCall
from slashspan.exporters.rows.values import INT32

if TYPE_CHECKING:
    from collections.abc import Callable

REMEMBERED: Final = 1024
"""Texts and ids, of each column, whose conversion is remembered: most columns hold the same few again and again."""
OTHERS: Final = tuple(column.name for column in ROW_COLUMNS if column.attribute is None)
"""Columns that are not read from attributes: the arguments of `make_row`, after the first."""


class _Remembered(dict[Any, Any]):
    """The column's value by the attribute's, for texts and None."""

    def __init__(self, convert: Callable[[Any], Any]) -> None:
        self._convert = convert

    def __missing__(self, value: Any) -> Any:
        if len(self) >= REMEMBERED:
            self.clear()
        self[value] = converted = self._convert(value)
        return converted


def _converter(column: Column) -> Callable[[Any], Any]:
    def convert(value: Any) -> Any:
        converted = None if value is None else column.type.convert(value)
        return column.if_absent if converted is None else converted

    return convert


def _generated() -> Callable[..., CommandCall]:
    names: dict[str, Any] = {"new": object.__new__, "cls": CommandCall, "isfinite": isfinite, "int32": INT32}
    lines = [f"def make_row(get, {', '.join(OTHERS)}):", "row = new(cls)"]
    lines += [f"row.{name} = {name}" for name in OTHERS]
    for column in ROW_COLUMNS:
        if column.attribute is None:
            continue
        name = column.name
        names[f"{name}_of"] = _converter(column)
        fast, value = "", f"{name}_of(v)"
        if column.type is DOUBLE:
            fast = "v if v.__class__ is float and isfinite(v) else "
        elif column.type is INTEGER:
            fast = "v if v.__class__ is int and -int32 <= v < int32 else "
        elif column.attribute != semconv.INTERACTION_ID:  # which is another one in each row
            names[f"{name}s"] = _Remembered(_converter(column))
            fast = f"{name}s[v] if v.__class__ is str or v is None else "
        lines.append(f"v = get({column.attribute!r}); row.{name} = {fast}{value}")
    lines.append("return row")
    exec("\n    ".join(lines), names)  # noqa: S102 - made of the names of columns and attributes
    made: Callable[..., CommandCall] = names["make_row"]
    return made


make_row: Final = _generated()
"""`make_row(attributes.get, *values of OTHERS)`. Never raises for odd attributes."""
