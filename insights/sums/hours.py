"""Which hours a day, a period or a zone has. An hour is named by the second since 1970 at which it begins."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Final

from slashspan.insights import zones
from slashspan.sum_tables import HOUR

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from zoneinfo import ZoneInfo

    from slashspan.insights.filters import Filters
    from slashspan.insights.sums.documents import Document

FIRST: Final = -62_135_596_800
"""0001-01-01, before which there are no days."""
END: Final = 253_402_214_400
"""9999-12-31, the last day that has a next one."""


def floor(second: int, shift: int) -> int:
    """The beginning of the hour."""
    return second - (second - shift) % HOUR


def shift_of(zone: str) -> int:
    """The seconds after the full hour, in UTC, at which hours begin in this zone: 1800 in Asia/Kolkata, mostly 0."""
    now = datetime.now(timezone.utc).date()
    offset = zones.offsets(zone, now, now + timedelta(days=1))[0][1]
    return -offset % HOUR


def is_aligned(zone: str, shift: int, since: int, until: int) -> bool:
    """Whether all hours from `since` to `until` begin at the same time as hours on the zone's clock."""
    first, last = (as_datetime(max(FIRST, min(END, second))).date() for second in (since, until))
    return all((offset + shift) % HOUR == 0 for _, offset in zones.offsets(zone, first, last + timedelta(days=1)))


def as_datetime(second: int) -> datetime:
    """In UTC."""
    return zones.EPOCH + timedelta(seconds=second)


def day_of(start: int, tz: ZoneInfo) -> int:
    """The number of the local day in which an hour begins."""
    return zones.day_number(as_datetime(start).astimezone(tz).date())


def bounds_of(day: int, tz: ZoneInfo) -> tuple[int, int]:
    """The first second of a local day, and of the next one."""
    date = zones.day_of(day)
    begin, end = zones.start_of_day(date, tz), zones.start_of_day(date + timedelta(days=1), tz)
    return int(begin.timestamp()), int(end.timestamp())


def merged(documents: Mapping[int, Document], tz: ZoneInfo) -> Document:
    """The document of a day from those of its hours."""
    from slashspan.insights.sums.documents import add_document  # needs pyroaring, an extra
    from slashspan.insights.sums.histograms import add_counts

    total: Document = {}
    for start, document in documents.items():
        hour = as_datetime(start).astimezone(tz).hour
        add_document(total, document)
        for key, group in document.items():
            add_counts(total[key].hours, [(hour, group.calls)])
    return total


def runs(starts: Iterable[int]) -> Iterator[tuple[int, int]]:
    """Hours that follow each other, as (first second, first second after)."""
    begin = end = None
    for start in sorted(starts):
        if start != end:
            if begin is not None and end is not None:
                yield begin, end
            begin = start
        end = start + HOUR
    if begin is not None and end is not None:
        yield begin, end


def within(filters: Filters, since: int, until: int) -> Filters:
    """All kinds of calls of this time, in seconds."""
    import dataclasses

    from slashspan.insights.filters import ALL_KINDS

    return dataclasses.replace(filters, since=as_datetime(since), until=as_datetime(until), kinds=ALL_KINDS)
