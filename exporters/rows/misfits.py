"""Is a row to blame for a write that failed, or the table?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from exporters.rows.command_call import ROW_COLUMNS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from exporters.rows.command_call import CommandCall


def misfit(rows: Iterable[CommandCall]) -> str | None:
    """The first column that holds what `from_span` would not have put there; None when all rows are as it makes them.

    Its name, never its value: that may be personal data, and what is returned is logged.
    """
    for row in rows:
        for column in ROW_COLUMNS:
            value = getattr(row, column.name)
            if column.required if value is None else not column.type.holds(value):
                return column.name
    return None
