"""Rows that are made when a store reads them, a few at a time, so that a batch of them never exists as a whole."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias, cast, overload

from slashspan.exporters.rows.action_columns import columns_of_actions, row_of_action
from slashspan.exporters.rows.command_call import ROW_COLUMNS, CommandCall, values_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from slashspan.exporters.rows.ended_action import EndedAction

RowSource: TypeAlias = "CommandCall | EndedAction"
"""A row, or what one is made of."""


class LazyRows(Sequence[CommandCall]):
    """The rows of these sources."""

    def __init__(self, sources: Sequence[RowSource]) -> None:
        self._sources = sources

    def __len__(self) -> int:
        return len(self._sources)

    @overload
    def __getitem__(self, index: int) -> CommandCall: ...
    @overload
    def __getitem__(self, index: slice) -> LazyRows: ...
    def __getitem__(self, index: int | slice) -> CommandCall | LazyRows:
        if isinstance(index, slice):
            return LazyRows(self._sources[index])
        return row_of_source(self._sources[index])

    def __iter__(self) -> Iterator[CommandCall]:
        return map(row_of_source, self._sources)

    def columns(self) -> list[Sequence[Any]]:
        """The values of each of ROW_COLUMNS."""
        if set(map(type, self._sources)) == {tuple}:  # as nearly always
            return columns_of_actions(cast("Sequence[EndedAction]", self._sources))
        return columns_of_rows(list(self))


def row_of_source(source: RowSource) -> CommandCall:
    """The row itself, or the one that is made of an action."""
    return source if isinstance(source, CommandCall) else row_of_action(source)


def columns_of_rows(rows: Sequence[CommandCall]) -> list[Sequence[Any]]:
    """The values of each of ROW_COLUMNS."""
    if isinstance(rows, LazyRows):
        return rows.columns()
    return list(zip(*map(values_of, rows), strict=True)) if rows else [()] * len(ROW_COLUMNS)
