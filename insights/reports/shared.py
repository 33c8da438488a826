"""What several reports need."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from math import sqrt
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from slashspan.insights import zones

if TYPE_CHECKING:
    from collections.abc import Iterable

    from slashspan.insights.filters import Filters
    from slashspan.insights.zones import Bucket

HOURLY_UP_TO: Final = timedelta(hours=49)
"""Periods up to this length are shown by hour: two days, also when the clocks change."""
NORMAL_QUANTILE: Final = 1.959963984540054
"""The normal distribution's quantile of 97.5 %: intervals of 95 %."""


class Percentiles(NamedTuple):
    """By nearest rank: the smallest value that at least so many per cent of the values do not exceed."""

    p50: float | None
    p95: float | None
    p99: float | None


def ranks(value: Any) -> Percentiles:
    """What `nearest_ranks` returned: JSON, a list or, without any values, None or an empty list."""
    if not value:
        return Percentiles(None, None, None)
    found = json.loads(value) if isinstance(value, str) else value
    return Percentiles(*(None if each is None else float(each) for each in found))


def ratio(part: float | None, whole: float | None) -> float | None:
    """None if there is nothing to divide by."""
    return part / whole if whole and part is not None else None


class Interval(NamedTuple):
    """Bounds of a share."""

    low: float | None
    high: float | None


def wilson(part: int, whole: int) -> Interval:
    """The interval in which the true share lies with 95 % confidence, also if there are few calls.

    E. B. Wilson, 1927: https://en.wikipedia.org/wiki/Binomial_proportion_confidence_interval#Wilson_score_interval
    """
    if whole <= 0:
        return Interval(None, None)
    share, square = part / whole, NORMAL_QUANTILE * NORMAL_QUANTILE / whole
    middle = share + square / 2
    half = NORMAL_QUANTILE * sqrt(share * (1 - share) / whole + square / (4 * whole))
    low, high = (middle - half) / (1 + square), (middle + half) / (1 + square)
    return Interval(0.0 if part == 0 else max(0.0, low), 1.0 if part == whole else min(1.0, high))


def moment(called_at: datetime | str | None, filters: Filters) -> datetime | None:
    """A time of a query, in SQLite ISO text that ends with Z, in ClickHouse naive, on the zone's clock."""
    try:
        found = datetime.fromisoformat(called_at.replace("Z", "+00:00")) if isinstance(called_at, str) else called_at
    except ValueError:  # SQLite takes 2026-02-31 for a day
        return None
    if found is None:
        return None
    return (found if found.tzinfo else found.replace(tzinfo=timezone.utc)).astimezone(filters.tz)


def default_bucket(filters: Filters) -> Bucket:
    """Hours for short periods, days for others."""
    return "hour" if filters.since and filters.end - filters.since <= HOURLY_UP_TO else "day"


def bucket_column(bucket: Bucket) -> dict[str, str]:
    """What a query groups by. Weeks and months are made of days."""
    return {"bucket": "hour_start" if bucket == "hour" else "day"}


def bucket_start(number: int, bucket: Bucket, filters: Filters) -> datetime:
    """From `hour_start` or `day` of a query to the beginning of the bucket, in UTC: Python takes the two hours that a
    clock shows twice for one."""
    if bucket == "hour":
        return zones.EPOCH + timedelta(seconds=number)
    day = zones.first_day(zones.day_of(number), bucket)
    return zones.start_of_day(day, filters.tz).astimezone(timezone.utc)


def bucket_seconds(start: datetime, bucket: Bucket, filters: Filters) -> float:
    """How long the bucket is, as far as it is in the period and over."""
    begin = start.astimezone(timezone.utc)
    if bucket == "hour":
        end = begin + timedelta(hours=1)
    else:
        end = zones.start_of_day(zones.next_day(start.astimezone(filters.tz).date(), bucket), filters.tz)
    begin, end = max(begin, filters.since or begin), min(end.astimezone(timezone.utc), filters.end)
    return max(0.0, (end - begin).total_seconds())


def all_starts(found: Iterable[datetime], bucket: Bucket, filters: Filters) -> list[datetime]:
    """The beginnings of all buckets of the period, or between the first and the last that was found, in UTC.

    Empty if none was found: without a call there is nothing to show.
    """
    edges = sorted(found)
    if not edges:
        return []
    first, last = edges[0], edges[-1]
    if filters.since:
        first = min(first, filters.since)
    if filters.since or filters.until:
        last = max(last, filters.end - timedelta(microseconds=1))
    first, last = (edge.astimezone(filters.tz) for edge in zones.shown(first, last))
    if bucket == "hour":
        starts = list(zones.hours(zones.start_of_hour(first), last, filters.tz))
    else:
        starts = [zones.start_of_day(day, filters.tz) for day in zones.days(first.date(), last.date(), bucket)]
    return [start.astimezone(timezone.utc) for start in starts]
