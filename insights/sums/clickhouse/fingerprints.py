"""What the rows of an hour or a day are known by: see `tables.py`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from slashspan.insights.sums import hours
from slashspan.sum_tables import HOUR

if TYPE_CHECKING:
    from collections.abc import Mapping
    from zoneinfo import ZoneInfo

Fingerprint = tuple[int, int]
"""Number of rows, sum of their hashes modulo 2⁶⁴."""


def hours_of(day: int, tz: ZoneInfo, by_hour: Mapping[int, Fingerprint], shift: int) -> dict[int, Fingerprint]:
    """Of the hours of a local day that have rows."""
    begin, end = hours.bounds_of(day, tz)
    first = hours.floor(begin + HOUR - 1, shift)
    return {start: by_hour[start] for start in range(first, end, HOUR) if start in by_hour}


def added_up(parts: Mapping[int, Fingerprint]) -> Fingerprint:
    """Of all the rows together."""
    rows = sum(count for count, _ in parts.values())
    return rows, sum(hashed for _, hashed in parts.values()) % 2**64
