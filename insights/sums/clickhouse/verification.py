"""Compares the sums in ClickHouse with the rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from slashspan.insights.sums import hours
from slashspan.insights.sums.clickhouse.documents import StoredDocuments
from slashspan.insights.sums.clickhouse.refresh import outdated, split, tally_hours
from slashspan.insights.sums.snapshot import ROWS
from slashspan.insights.sums.status import difference
from slashspan.insights.sums.tally import numbers_for_all

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from slashspan.insights.filters import Filters
    from slashspan.insights.sums.clickhouse.connection import State, SumsConnection
    from slashspan.insights.sums.clickhouse.fingerprints import Fingerprint
    from slashspan.insights.sums.tally import Tally


def differences(connection: SumsConnection, done: Callable[[int], None]) -> list[str]:
    """What differs, as text. Hours that change meanwhile are left out. `done` gets the number of hours after each
    step."""
    state = connection.installed()
    stored = StoredDocuments(connection, state)
    by_hour = connection.fingerprints(state.shift)
    summed = sorted(by_hour.keys() - set(outdated(stored, by_hour)))
    wrong: list[str] = []
    while summed:
        some, summed = split(summed, by_hour)
        tally, unchanged = tally_hours(connection, state, some, by_hour, _add_rows)
        actual = tally.documents(numbers_for_all(tally.ids, stored.numbers(tally.ids)))
        documents = stored.hours(unchanged)
        wrong += [
            f"{hours.as_datetime(start):%Y-%m-%d %H:%M} UTC: {text}"
            for start in unchanged
            if (text := difference(documents.get(start, {}), actual.get(start, {})))
        ]
        done(len(some))
    return wrong + _wrong_days(state, stored, by_hour)


def _add_rows(connection: SumsConnection, tally: Tally, period: Filters) -> None:
    """Row by row: other code than the one that has made the sums."""
    tally.add(tuple(row.values()) for row in connection.query(ROWS, {"only": "true"}, period))


def _wrong_days(state: State, stored: StoredDocuments, by_hour: Mapping[int, Fingerprint]) -> list[str]:
    wrong = []
    for zone in state.zones:
        found = stored.days(zone)
        for parts, documents in stored.merged(zone, sorted({day for day, _ in found}), by_hour):
            for day, document in documents.items():
                summed = found.get((day, parts[day]))
                text = "" if summed is None else difference(summed, document)  # a day may be out of date
                wrong += [f"day {day} in {zone}: {text}"] if text else []
    return wrong
