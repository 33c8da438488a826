"""The documents of a period, as the filters want them."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from pyroaring import BitMap

from slashspan.insights.sums.documents import Group

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from slashspan.insights.filters import Filters
    from slashspan.insights.sums.documents import Key
    from slashspan.insights.sums.period import Cell


class Period:
    """The documents of a period, and the groups in them that the filters let through."""

    def __init__(self, cells: list[Cell], filters: Filters) -> None:
        self.filters = filters
        self.cells = cells
        self._merged: dict[Key, Group] | None = None
        ids = {int(bot) for bot in filters.bots if bot.isdecimal()}
        kinds, bots = set(filters.counted_kinds), set(filters.bots)
        commands, environments, releases = map(set, (filters.commands, filters.environments, filters.releases))

        def wanted(key: Key) -> bool:
            return (
                key.kind in kinds
                and (not commands or key.command in commands)
                and (not environments or key.environment in environments)
                and (not releases or key.release in releases)
                and (not bots or key.service_name in bots or key.application_id in ids)
            )

        self._wanted = wanted

    def groups(self, cell: Cell) -> Iterator[tuple[Key, Group]]:
        """Of one cell."""
        return ((key, group) for key, group in cell.document.items() if self._wanted(key))

    @property
    def merged(self) -> dict[Key, Group]:
        """All cells together."""
        if self._merged is None:
            self._merged = {}
            for cell in self.cells:
                for key, group in self.groups(cell):
                    self._merged.setdefault(key, Group()).add(group)
        return self._merged

    def by(self, choose: Callable[[Key], Any]) -> dict[Any, Group]:
        """Sums of all groups for which `choose` returns the same."""
        found: dict[Any, Group] = defaultdict(Group)
        for key, group in self.merged.items():
            found[choose(key)].add(group)
        return found

    def users_by(self, choose: Callable[[int], int]) -> dict[int, BitMap]:
        """Users by what `choose` makes of the day."""
        found: dict[int, list[BitMap]] = defaultdict(list)
        for cell in self.cells:
            found[choose(cell.day)] += [group.users for _, group in self.groups(cell) if group.users]
        return {day: BitMap.union(*users) for day, users in found.items() if users}
