"""Compares the sums in a SQLite file with the rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from slashspan.insights.sums import hours
from slashspan.insights.sums.documents import decode
from slashspan.insights.sums.sqlite.documents import StoredDocuments
from slashspan.insights.sums.sqlite.rows import rows_of_hours
from slashspan.insights.sums.status import difference
from slashspan.insights.sums.tally import Tally, numbers_for_all
from slashspan.insights.zones import find_zone

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from slashspan.insights.sums.sqlite.file import State, SumsFile


def differences(file: SumsFile, done: Callable[[int], None]) -> list[str]:
    """What differs, as text, in one state of the file: the caller's transaction. `done` gets the number of hours after
    each step."""
    state = file.installed()
    stored = StoredDocuments(file)
    marked = {row[0] for row in file.connection.execute(f"SELECT start FROM {file.names.marks}")}
    found: dict[int, bytes] = dict(file.connection.execute(f"SELECT start, document FROM {file.names.hours}"))
    wrong = []
    for since, until in _periods(file):
        tally = Tally(state.shift)
        tally.add(rows_of_hours(file, since, until, state.watermark, strange=state.strange))
        actual = tally.documents(numbers_for_all(tally.ids, stored.numbers(tally.ids)))
        mine = {start for start in found if since <= start < until}
        for start in sorted((mine | actual.keys()) - marked):
            document = decode(found[start]) if start in found else {}
            if text := difference(document, actual.get(start, {})):
                wrong.append(f"{hours.as_datetime(start):%Y-%m-%d %H:%M} UTC: {text}")
        done(len(mine))
    return [*wrong, *_wrong_days(file, state, stored)]


def _periods(file: SumsFile) -> Iterator[tuple[int, int]]:
    """Days, as seconds, that have documents or rows."""
    days = file.connection.execute(
        f"SELECT DISTINCT start - start % 86400 FROM {file.names.hours} "
        "UNION SELECT DISTINCT CAST(strftime('%s', substr(called_at, 1, 10)) AS INTEGER) "
        f"FROM {file.table.quoted} ORDER BY 1"
    ).fetchall()
    starts = {start + step for (start,) in days if start is not None for step in range(-86_400, 86_401, 3600)}
    for since, until in hours.runs(starts):
        for first in range(since, until, 86_400):
            yield first, min(until, first + 86_400)


def _wrong_days(file: SumsFile, state: State, stored: StoredDocuments) -> list[str]:
    wrong = []
    starts = [row[0] for row in file.connection.execute(f"SELECT start FROM {file.names.hours}")]
    for zone in (zone for zone, complete in state.zones.items() if complete):
        sql = f"SELECT day, document FROM {file.names.days} WHERE zone = ?"
        found = dict(file.connection.execute(sql, (zone,)))
        for day in sorted(found.keys() | {hours.day_of(start, find_zone(zone)) for start in starts}):
            document = decode(found[day]) if day in found else {}
            if text := difference(document, stored.merged(zone, day)):
                wrong.append(f"day {day} in {zone}: {text}")
    return wrong
