"""Time zones and buckets of time. A day is a local day, which has 23 or 25 hours when the clocks change."""

from __future__ import annotations

import difflib
from datetime import date, datetime, time, timedelta, timezone
from functools import lru_cache
from typing import TYPE_CHECKING, Final, Literal
from zoneinfo import ZoneInfo, available_timezones

from slashspan.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator

Bucket = Literal["hour", "day", "week", "month"]
BUCKETS: Final = ("hour", "day", "week", "month")
EPOCH: Final = datetime(1970, 1, 1, tzinfo=timezone.utc)
DISCORD_EPOCH: Final = datetime(2015, 1, 1, tzinfo=timezone.utc)
"""The first moment that a snowflake can name (https://discord.com/developers/docs/reference#snowflakes)."""
AHEAD: Final = timedelta(days=366)
"""How far in the future a wrong clock may put a call that is still shown over time."""
DAY_SECONDS: Final = 86_400
SECONDS_BEFORE_EPOCH: Final = (date(1970, 1, 1).toordinal() - 1) * DAY_SECONDS
"""From 0001-01-01, a Monday, to 1970-01-01: with it local seconds are positive, and whole days are `ordinal - 1`."""


def find_zone(name: str) -> ZoneInfo:
    """The zone of the IANA database. Raises ConfigurationError."""
    try:
        return ZoneInfo(name)
    except (LookupError, ValueError, OSError):
        similar = difflib.get_close_matches(name, available_timezones(), 3, 0.5)
        advice = f"Did you mean {' or '.join(similar)}?" if similar else "Use a name such as Europe/Berlin or UTC."
        raise ConfigurationError(f"there is no time zone {name!r}. {advice}") from None


@lru_cache(maxsize=256)
def offsets(zone: str, first: date, last: date) -> tuple[tuple[int, int], ...]:
    """Changes of the offset to UTC from `first` to `last`: (seconds since 1970 from which it applies, offset in
    seconds), in order; the first pair applies from the beginning.
    """
    tz = find_zone(zone)

    def offset(second: int) -> int:
        return int((EPOCH + timedelta(seconds=second)).astimezone(tz).utcoffset().total_seconds())  # type: ignore[union-attr]

    begin, end = ((day.toordinal() - EPOCH.toordinal()) * DAY_SECONDS for day in (first, last))
    found = [(begin, offset(begin))]
    for start in range(begin, end, DAY_SECONDS):
        low, high = start, start + DAY_SECONDS
        if (after := offset(high)) == found[-1][1]:
            continue
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if offset(middle) == after else (middle, high)
        found.append((high, after))
    return tuple(found)


def shown(first: datetime, last: datetime) -> tuple[datetime, datetime]:
    """The period without times in which there is no Discord, such as 1970, which would be thousands of empty days."""
    return max(first, DISCORD_EPOCH), min(last, datetime.now(timezone.utc) + AHEAD)


def shown_days(first: date, last: date) -> tuple[date, date]:
    """The same for local days."""
    latest = datetime.now(timezone.utc) + AHEAD
    return max(first, DISCORD_EPOCH.date()), min(last, latest.date())


def day_of(number: int) -> date:
    """The date of a local day as the queries count them: days since 0001-01-01."""
    return date.fromordinal(number + 1)


def day_number(day: date) -> int:
    """The inverse of `day_of`."""
    return day.toordinal() - 1


def start_of_day(day: date, zone: ZoneInfo) -> datetime:
    """The first moment of a local day, also where clocks skip midnight."""
    midnight = datetime.combine(day, time(), tzinfo=zone)
    # A midnight that does not exist is read as one that is shifted by the gap; the way over UTC makes it a real time.
    return midnight.astimezone(timezone.utc).astimezone(zone)


def start_of_hour(moment: datetime) -> datetime:
    """The beginning of the hour on the clock of the moment's zone, which may be 45 minutes off UTC's."""
    past = (moment - EPOCH + (moment.utcoffset() or timedelta())) % timedelta(hours=1)
    return (moment.astimezone(timezone.utc) - past).astimezone(moment.tzinfo)


def first_day(day: date, bucket: Bucket) -> date:
    """The first day of the week (Monday), or month, that contains the day."""
    if bucket == "week":
        return day - timedelta(days=day.weekday())
    return day.replace(day=1) if bucket == "month" else day


def next_day(day: date, bucket: Bucket) -> date:
    """The first day of the following bucket."""
    if bucket == "month":
        return (day.replace(day=1) + timedelta(days=32)).replace(day=1)
    return day + timedelta(days=7 if bucket == "week" else 1)


def days(first: date, last: date, bucket: Bucket = "day") -> Iterator[date]:
    """The first days of all buckets from the one that contains `first` to the one that contains `last`."""
    day = first_day(first, bucket)
    while day <= last:
        yield day
        day = next_day(day, bucket)


def hours(first: datetime, last: datetime, zone: ZoneInfo) -> Iterator[datetime]:
    """The beginnings of all hours from `first`, one of them, to `last`. An hour that occurs twice is two hours."""
    moment = first.astimezone(timezone.utc)
    while moment <= last:
        yield moment.astimezone(zone)
        moment += timedelta(hours=1)
