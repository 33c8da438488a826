"""Brings the sums in ClickHouse up to date.

A round makes the documents of some hours whose rows have another fingerprint than any of theirs. The fingerprints are
read before the rows and after them: if they are the same, they are those of the rows in between. An hour in which rows
arrive meanwhile stays for the next refresh; until then reports read its rows. While ClickHouse sums the rows of the
next round, the documents of this one are made.
"""

from __future__ import annotations

import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final

from slashspan.insights.filters import Filters
from slashspan.insights.sums import hours
from slashspan.insights.sums.clickhouse.documents import StoredDocuments
from slashspan.insights.sums.clickhouse.fingerprints import added_up, hours_of
from slashspan.insights.sums.clickhouse.groups import GROUPS, expressions
from slashspan.insights.sums.tally import Tally
from slashspan.insights.zones import find_zone
from slashspan.sum_tables import HOUR

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping
    from concurrent.futures import Future

    from slashspan.insights.sums.clickhouse.connection import State, SumsConnection
    from slashspan.insights.sums.clickhouse.fingerprints import Fingerprint

ROWS_AT_ONCE: Final = 200_000
"""Rows that are read for one round, unless one hour has more."""


def outdated(stored: StoredDocuments, by_hour: Mapping[int, Fingerprint]) -> list[int]:
    """The hours that have rows and no document of exactly these, newest first."""
    made_of = stored.made_of()
    return sorted((start for start, rows in by_hour.items() if rows not in made_of.get(start, ())), reverse=True)


def refresh_hours(connection: SumsConnection, done: Callable[[int], None], seconds: float) -> int:
    """The hours that are out of date; their number. No round begins after `seconds`."""
    state = connection.installed()
    stored = StoredDocuments(connection, state)
    by_hour = connection.fingerprints(state.shift)
    todo = outdated(stored, by_hour)
    total = 0
    for count, tally, made_of in _tallies(connection, state, todo, by_hour, time.monotonic() + seconds):
        documents = tally.documents(stored.numbered(tally.ids))
        stored.write_hours({start: documents.get(start, {}) for start in made_of}, made_of)
        total += len(made_of)
        done(count)
    return total


def _tallies(
    connection: SumsConnection, state: State, todo: list[int], by_hour: Mapping[int, Fingerprint], deadline: float
) -> Iterator[tuple[int, Tally, dict[int, Fingerprint]]]:
    """What `tally_hours` returns, and of how many hours, some at a time: the next ones are read meanwhile."""
    with ThreadPoolExecutor(1) as thread:
        reading: deque[tuple[int, Future[tuple[Tally, dict[int, Fingerprint]]]]] = deque()
        while todo or reading:
            if todo and time.monotonic() < deadline:
                some, todo = split(todo, by_hour)
                reading.append((len(some), thread.submit(tally_hours, connection, state, some, by_hour, _add_groups)))
            else:
                todo = []
            if len(reading) > 1 or (reading and not todo):
                count, found = reading.popleft()
                yield count, *found.result()


def refresh_days(connection: SumsConnection, zone: str, done: Callable[[int], None] = lambda _: None) -> None:
    """All days of a zone that are out of date, and whose hours are not. `done` gets the number of days after each
    step."""
    state = connection.installed()
    stored = StoredDocuments(connection, state)
    by_hour = connection.fingerprints(state.shift)
    waiting = set(outdated(stored, by_hour))
    tz = find_zone(zone)
    made_of = stored.days_made_of(zone)
    unready = {hours.day_of(start, tz) for start in waiting}
    todo = [
        day
        for day in sorted({hours.day_of(start, tz) for start in by_hour} - unready)
        if added_up(hours_of(day, tz, by_hour, state.shift)) not in made_of.get(day, ())
    ]
    for parts, documents in stored.merged(zone, todo, by_hour):
        stored.write_days(zone, parts, documents)
        done(len(parts))


def tally_hours(
    connection: SumsConnection,
    state: State,
    starts: list[int],
    by_hour: Mapping[int, Fingerprint],
    add: Callable[[SumsConnection, Tally, Filters], object],
) -> tuple[Tally, dict[int, Fingerprint]]:
    """The rows of these hours, without the hours in which something has changed since `by_hour` was read. `add` reads
    those of a time."""
    tally = Tally(state.shift)
    for since, until in _spans(set(starts), by_hour):
        add(connection, tally, hours.within(Filters(), since, until))
    low, high = min(starts), max(starts) + HOUR
    after = connection.fingerprints(state.shift, low, high)
    unchanged = {start: by_hour[start] for start in starts if after.get(start) == by_hour[start]}
    tally.drop(tally.starts - unchanged.keys())
    return tally, unchanged


def _add_groups(connection: SumsConnection, tally: Tally, period: Filters) -> None:
    tally.add_groups(row.values() for row in connection.query(GROUPS, expressions(tally.shift), period))


def _spans(starts: Collection[int], by_hour: Mapping[int, Fingerprint]) -> Iterator[tuple[int, int]]:
    """These hours, as (first second, first second after); what is between two of them and has no rows is in it, too."""
    begin = end = None
    for start in sorted(by_hour):
        if start in starts:
            begin, end = start if begin is None else begin, start + HOUR
        elif begin is not None and end is not None:
            yield begin, end
            begin = None
    if begin is not None and end is not None:
        yield begin, end


def split(starts: list[int], by_hour: Mapping[int, Fingerprint]) -> tuple[list[int], list[int]]:
    """The first of these hours, with `ROWS_AT_ONCE` rows or a little less, and the others."""
    count = 0
    for place, start in enumerate(starts):
        count += by_hour[start][0]
        if place and count > ROWS_AT_ONCE:
            return starts[:place], starts[place:]
    return starts, []
