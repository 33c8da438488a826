"""The numbers of the tiles over the period, by hour or day."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from slashspan.insights.reports.shared import all_starts, bucket_column, bucket_start, default_bucket, ranks, ratio

if TYPE_CHECKING:
    from datetime import datetime

    from slashspan.insights.filters import Filters
    from slashspan.insights.readers.base import Reader


@dataclass(frozen=True, slots=True)
class Point:
    """An hour or a day of the period. Shares and percentiles are None where there was nothing to measure."""

    start: datetime
    calls: int
    users: int
    error_rate: float | None
    p95_ms: float | None
    late: float | None
    """Share of the interactions that were answered after 3 s, or never."""


async def trend(reader: Reader, filters: Filters) -> list[Point]:
    """All hours or days of the period, as `totals` counts them. Raises ReadError."""
    bucket = default_bucket(filters)
    found = {
        bucket_start(row["bucket"], bucket, filters): row
        for row in await reader.query("trend", filters, bucket_column(bucket))
    }
    points = []
    for start in all_starts(found, bucket, filters):
        row = found.get(start)
        local = start.astimezone(filters.tz)
        if row is None:
            points.append(Point(local, 0, 0, None, None, None))
            continue
        error_rate = ratio(row["errors"], row["ok"] + row["errors"])
        late = ratio(row["late"], row["interactions"])
        points.append(Point(local, row["calls"], row["users"], error_rate, ranks(row["ranks"]).p95, late))
    return points
