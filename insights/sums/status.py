"""What there is to say about sums."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from slashspan.errors import ConfigurationError
from slashspan.insights.sums import hours

if TYPE_CHECKING:
    from collections.abc import Mapping

    from slashspan.insights.sums.documents import Document, Group, Key

Zones = dict[str, bool]
"""Zones whose days have documents, and whether all of them have."""


@dataclass(frozen=True, slots=True)
class Status:
    """Of the sums of a table."""

    installed: bool
    current: bool = True
    """Whether their format is this version's."""
    zones: Zones = field(default_factory=dict)
    hours: int = 0
    """Hours with a document."""
    ids: int = 0
    """Users and guilds."""
    bytes: int = 0
    """Of all documents."""
    rows_waiting: int = 0
    """Rows that are not summed yet (SQLite; about)."""
    hours_marked: int = 0
    """Hours that have changed since (PostgreSQL: the number of marks, which is at least 1 while one has)."""

    @property
    def is_fresh(self) -> bool:
        """Whether everything is summed."""
        return self.installed and self.current and not self.rows_waiting and not self.hours_marked


def check_aligned(zone: str, shift: int, first: int | None, last: int | None) -> None:
    """Raises ConfigurationError if the hours that are summed, from `first` to `last`, are not hours of this zone."""
    if first is not None and last is not None and not hours.is_aligned(zone, shift, first, last):
        raise ConfigurationError(
            f"--zone={zone}: its hours begin at another minute than those that are summed; "
            f"use `slashspan rollup rebuild --zone {zone}`, or leave it to the rows"
        )


def difference(stored: Mapping[Key, Group], actual: Document) -> str:
    """How a document differs from what it should be; empty if it does not."""
    calls = [sum(group.calls for group in each.values()) for each in (stored, actual)]
    if calls[0] != calls[1]:
        return f"{calls[0]:,} calls are summed, the table has {calls[1]:,}"
    for key in sorted(stored.keys() | actual.keys(), key=repr):
        mine, theirs = stored.get(key), actual.get(key)
        if mine is None or theirs is None or _values(mine) != _values(theirs):
            return f"the sums of {key.kind} {key.command} differ"
    return ""


def _values(group: Group) -> tuple[object, ...]:
    """All that a group says, to be compared."""
    failures = {key: (each.calls, each.first_us, each.last_us, each.users) for key, each in group.failures.items()}
    return (
        (group.calls, group.first_us, group.last_us, group.over_2s, group.over_3s, group.never, group.longest),
        (group.outcomes, group.hours, group.durations, group.acks, group.delays, failures),
        (group.users, group.guilds),
    )
