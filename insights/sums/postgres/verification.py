"""Compares the sums in PostgreSQL with the rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from slashspan.insights.sums import hours
from slashspan.insights.sums.documents import decode
from slashspan.insights.sums.postgres.documents import StoredDocuments
from slashspan.insights.sums.postgres.marks import marked_hours, read_marks, tally_hours
from slashspan.insights.sums.status import difference
from slashspan.insights.sums.tally import Tally, numbers_for_all
from slashspan.insights.zones import find_zone

if TYPE_CHECKING:
    from collections.abc import Callable

    from slashspan.insights.sums.postgres.connection import State, SumsConnection

HOURS_AT_ONCE: Final = 12


async def differences(connection: SumsConnection, done: Callable[[int], None]) -> list[str]:
    """What differs, as text, in the caller's transaction. `done` gets the number of hours after each step."""
    state = await connection.installed()
    stored = StoredDocuments(connection.asyncpg, state.names)
    marks = await read_marks(connection.asyncpg, state.names) + state.unmarked
    dirty = set(await marked_hours(connection.asyncpg, state, marks))
    every = await marked_hours(connection.asyncpg, state, [(hours.FIRST, hours.END)])
    wrong: list[str] = []
    for place in range(0, len(every), HOURS_AT_ONCE):
        some = every[place : place + HOURS_AT_ONCE]
        tally = Tally(state.shift)
        await tally_hours(connection, tally, some)
        actual = tally.documents(numbers_for_all(tally.ids, await stored.numbers(tally.ids)))
        documents = await stored.hours(some)
        for start in some:
            text = "" if start in dirty else difference(documents.get(start, {}), actual.get(start, {}))
            if text:
                wrong.append(f"{hours.as_datetime(start):%Y-%m-%d %H:%M} UTC: {text}")
        done(len(some))
    return wrong + await _wrong_days(connection, state, stored, every)


async def _wrong_days(connection: SumsConnection, state: State, stored: StoredDocuments, every: list[int]) -> list[str]:
    wrong = []
    for zone in (zone for zone, complete in state.zones.items() if complete):
        sql = f"SELECT day, document FROM {state.names.days} WHERE zone = $1"
        found = {row["day"]: row["document"] for row in await connection.asyncpg.fetch(sql, zone)}
        for day in sorted(found.keys() | {hours.day_of(start, find_zone(zone)) for start in every}):
            document = decode(found[day]) if day in found else {}
            if text := difference(document, await stored.merged(zone, day)):
                wrong.append(f"day {day} in {zone}: {text}")
    return wrong
