"""Compares the sums in ClickHouse with the rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from slashspan.insights.sums import hours
from slashspan.insights.sums.clickhouse.documents import StoredDocuments
from slashspan.insights.sums.clickhouse.fingerprints import added_up, hours_of
from slashspan.insights.sums.clickhouse.refresh import outdated, tally_hours
from slashspan.insights.sums.status import difference
from slashspan.insights.sums.tally import numbers_for_all
from slashspan.insights.zones import find_zone

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from slashspan.insights.sums.clickhouse.connection import State, SumsConnection
    from slashspan.insights.sums.clickhouse.fingerprints import Fingerprint

HOURS_AT_ONCE: Final = 12


def differences(connection: SumsConnection, done: Callable[[int], None]) -> list[str]:
    """What differs, as text. Hours that change meanwhile are left out. `done` gets the number of hours after each
    step."""
    state = connection.installed()
    stored = StoredDocuments(connection, state)
    by_hour = connection.fingerprints(state.shift)
    summed = sorted(by_hour.keys() - set(outdated(stored, by_hour)))
    wrong: list[str] = []
    for place in range(0, len(summed), HOURS_AT_ONCE):
        some = summed[place : place + HOURS_AT_ONCE]
        tally, unchanged = tally_hours(connection, state, set(some), by_hour)
        actual = tally.documents(numbers_for_all(tally.ids, stored.numbers(tally.ids)))
        documents = stored.hours(unchanged)
        wrong += [
            f"{hours.as_datetime(start):%Y-%m-%d %H:%M} UTC: {text}"
            for start in unchanged
            if (text := difference(documents.get(start, {}), actual.get(start, {})))
        ]
        done(len(some))
    return wrong + _wrong_days(state, stored, by_hour)


def _wrong_days(state: State, stored: StoredDocuments, by_hour: Mapping[int, Fingerprint]) -> list[str]:
    wrong = []
    for zone in state.zones:
        tz = find_zone(zone)
        for day, made_of, document in stored.days(zone):
            parts = hours_of(day, tz, by_hour, state.shift)
            documents = stored.hours(parts) if added_up(parts) == made_of else {}
            if not documents or documents.keys() != parts.keys():
                continue  # the day is out of date
            if text := difference(document, hours.merged(documents, tz)):
                wrong.append(f"day {day} in {zone}: {text}")
    return wrong
