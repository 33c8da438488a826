"""Decides whether a failed write was caused by a row or by the table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from slashspan.exporters.rows.command_call import ROW_COLUMNS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from slashspan.exporters.rows.command_call import CommandCall


def misfit(rows: Iterable[CommandCall]) -> str | None:
    """The first column with a value that `from_span` would not produce; None if there is none.

    Its name, never its value: the result is logged, and the value may be personal data.
    """
    for row in rows:
        for column in ROW_COLUMNS:
            value = getattr(row, column.name)
            if column.required if value is None else not column.type.holds(value):
                return column.name
    return None
