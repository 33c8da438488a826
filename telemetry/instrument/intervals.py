"""Time intervals, in nanoseconds of one monotonic clock."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_KEPT: Final = 256
"""Beyond this the oldest are dropped: a request that still needed them would have waited through as many limits."""


class Intervals:
    """Disjoint and in order: overlapping intervals are merged, so that nothing counts twice."""

    __slots__ = ("__weakref__", "kept")

    def __init__(self) -> None:
        self.kept: list[tuple[int, int]] = []

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return iter(self.kept)

    def add(self, start: int, end: int) -> None:
        """Add the interval from `start` to `end`, unless it is empty."""
        if end <= start:
            return
        apart = []
        for kept in self.kept:
            if kept[1] < start or kept[0] > end:
                apart.append(kept)
            else:
                start, end = min(start, kept[0]), max(end, kept[1])
        self.kept = sorted([*apart, (start, end)])[-MAX_KEPT:]

    def add_overlap(self, others: Intervals, start: int, end: int) -> None:
        """Add the intersection of `others` with the interval from `start` to `end`."""
        for begins, ends in others:
            self.add(max(start, begins), min(end, ends))

    @property
    def total(self) -> int:
        return sum(end - start for start, end in self.kept)
