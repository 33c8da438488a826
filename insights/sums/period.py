"""The documents of a period, from the tables, and from the rows where those are not summed or only in part in it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from slashspan.insights import zones
from slashspan.insights.filters import Filters
from slashspan.insights.sums import hours
from slashspan.insights.sums.cache import Place
from slashspan.insights.sums.tally import Tally, numbers_for_all
from slashspan.sum_tables import HOUR

if TYPE_CHECKING:
    from collections.abc import Iterable
    from zoneinfo import ZoneInfo

    from slashspan.insights.readers.base import Reader, Row
    from slashspan.insights.sums.cache import Documents
    from slashspan.insights.sums.documents import Document
    from slashspan.insights.sums.snapshot import Snapshot

HOUR_DOCUMENTS: Final = 24 * 100
"""The same for documents of hours, where there are none of days."""
IDS_AT_ONCE: Final = 500
_MICROSECOND: Final = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Cell:
    """The sums of an hour or of a day, or of the part of an hour that is in the period."""

    day: int
    """The local day, as the queries count them."""
    start: int | None
    """The second at which the hour began; None for a day."""
    document: Document


async def load(
    reader: Reader, snapshot: Snapshot, documents: Documents, filters: Filters, *, hourly: bool
) -> list[Cell] | None:
    """The documents of all calls of the filters' period and zone, by hour or day; None if the rows are the better way.

    `hourly`: only documents of hours.
    """
    shift, tz = snapshot.shift, filters.tz
    low = hours.FIRST if filters.since is None else -(-_us(filters.since) // 1_000_000)
    low += -(low - shift) % HOUR
    high = hours.floor(hours.END if filters.until is None else _us(filters.until) // 1_000_000, shift)
    if low >= high:
        return None
    changed = snapshot.changed(low, high)
    if changed is None:
        return None
    added = Tally(shift)
    new = await snapshot.new_rows(reader)
    await asyncio.to_thread(added.add, _tuples(new))
    added.drop([start for start in added.starts if start in changed or not low <= start < high])
    days: dict[int, Document] = {}
    whole: set[int] = set()
    if filters.zone in snapshot.zones and not hourly:
        touched = {hours.day_of(start, tz) for start in changed | added.starts}
        first = None if filters.since is None else hours.day_of(low - 1, tz) + 1
        last = None if filters.until is None else hours.day_of(high, tz)
        place = Place(snapshot.names.days, filters.zone)
        versions = await snapshot.versions(reader, place, first, last)
        days = await documents.read(reader, place, _without(versions, touched))
        whole = set(days)
    rest = await _hours(reader, snapshot, documents, (low, high), filters, changed, whole)
    if rest is None:
        return None
    raw = Tally(shift)
    edges = [(filters.since, hours.as_datetime(low)), (hours.as_datetime(high), filters.until)]
    pieces = [(hours.as_datetime(a), hours.as_datetime(b)) for a, b in hours.runs(changed)]
    for since, until in [*((a, b) for a, b in edges if a and b and a < b), *pieces]:
        rows = await snapshot.rows(reader, since, until)
        await asyncio.to_thread(raw.add, _tuples(rows))
    numbers = await _numbers(reader, snapshot, added.ids | raw.ids)
    cells = [Cell(day, None, document) for day, document in days.items()]
    parts = [*rest.items(), *added.documents(numbers).items(), *raw.documents(numbers).items()]
    cells += [Cell(hours.day_of(start, tz), start, document) for start, document in parts]
    return cells if _are_aligned(cells, snapshot, filters) else None


def _us(moment: datetime) -> int:
    return (moment - zones.EPOCH) // _MICROSECOND


async def _hours(
    reader: Reader,
    snapshot: Snapshot,
    documents: Documents,
    bounds: tuple[int, int],
    filters: Filters,
    changed: set[int],
    whole: set[int],
) -> dict[int, Document] | None:
    """Documents of the hours that have not changed and are not in one of the whole days; None if they are too many.
    Hours whose documents are replaced meanwhile have changed, too."""
    place = Place(snapshot.names.hours)
    ranges = _outside(sorted(whole), *bounds, filters.tz)
    count = 0
    for low, high in ranges:
        expressions = {"documents": place.table, "condition": place.condition(low, high)}
        (row,) = await reader.query("sum_count", Filters(), expressions)
        count += row["count"]
    if count > HOUR_DOCUMENTS:
        return None
    found: dict[int, Document] = {}
    for low, high in ranges:
        wanted = _without(await snapshot.versions(reader, place, low, high), changed)
        found |= await documents.read(reader, place, wanted)
        changed |= wanted.keys() - found.keys()
    return found


def _without(versions: dict[int, int], left_out: set[int]) -> dict[int, int]:
    return {at: version for at, version in versions.items() if at not in left_out}


def _outside(whole: list[int], low: int, high: int, tz: ZoneInfo) -> list[tuple[int, int]]:
    """The times from `low` to `high` that are in none of these days."""
    found, at = [], low
    for day in whole:
        begin, end = hours.bounds_of(day, tz)
        if at < begin:
            found.append((at, begin))
        at = end
    return [*found, (at, high)] if at < high else found


async def _numbers(reader: Reader, snapshot: Snapshot, ids: set[int]) -> dict[int, int]:
    """Their numbers, and for those that are new to the sums some that no other has."""
    found: dict[int, int] = {}
    wanted = sorted(ids)
    for place in range(0, len(wanted), IDS_AT_ONCE):
        some = ", ".join(map(str, wanted[place : place + IDS_AT_ONCE]))
        rows = await reader.query("sum_numbers", Filters(), {"ids": snapshot.names.ids, "wanted": some})
        found |= {row["id"]: row["number"] for row in rows}
    return numbers_for_all(wanted, found)


def _tuples(rows: Iterable[Row]) -> Iterable[tuple[object, ...]]:
    return (tuple(row.values()) for row in rows)


def _are_aligned(cells: list[Cell], snapshot: Snapshot, filters: Filters) -> bool:
    """Whether the hours are also hours on the zone's clock."""
    starts = [cell.start for cell in cells if cell.start is not None]
    starts += [hours.bounds_of(cell.day, filters.tz)[0] for cell in cells if cell.start is None]
    return not starts or hours.is_aligned(filters.zone, snapshot.shift, min(starts), max(starts))
