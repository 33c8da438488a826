"""Documents of hours and days, and the numbers of users and guilds, in the tables of ClickHouse."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from slashspan.insights.sums import hours
from slashspan.insights.sums.clickhouse.fingerprints import added_up, hours_of
from slashspan.insights.sums.clickhouse.tables import PLACES
from slashspan.insights.sums.documents import Document, decode, encode
from slashspan.insights.zones import find_zone

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from slashspan.insights.sums.clickhouse.connection import State, SumsConnection
    from slashspan.insights.sums.clickhouse.fingerprints import Fingerprint

WANTED_AT_ONCE: Final = 2_000
"""Values in a list of SQL."""
IDS_AT_ONCE: Final = 8_000
"""Ids in one: less than the 256 KiB that a statement may have."""
NUMBERS_KEPT: Final = 1_000_000
"""Numbers of ids that are not asked for again in the next round."""
DAYS_AT_ONCE: Final = 10
"""Days whose hours are read at once."""
_MADE_OF: Final = ("rows", "hash", "version", "document")


class StoredDocuments:
    """Reads and writes those of one generation."""

    def __init__(self, connection: SumsConnection, state: State) -> None:
        self._connection = connection
        self._names = connection.names
        self._state = state
        self._numbered: dict[int, int] = {}
        """Ids that rows have which there were when this was made: nobody erases their numbers meanwhile."""

    def made_of(self) -> dict[int, set[Fingerprint]]:
        """Of which rows there are documents, by hour. Until a merge, there may be several of an hour."""
        found: dict[int, set[Fingerprint]] = {}
        for start, rows, hashed in self._select(f"start, rows, hash FROM {self._names.hours}"):
            found.setdefault(start, set()).add((rows, hashed))
        return found

    def days_made_of(self, zone: str) -> dict[int, set[Fingerprint]]:
        """The same for the days of a zone."""
        found: dict[int, set[Fingerprint]] = {}
        for day, rows, hashed in self._select(f"day, rows, hash FROM {self._names.days}", zone=zone):
            found.setdefault(day, set()).add((rows, hashed))
        return found

    def hours(self, wanted: Mapping[int, Fingerprint]) -> dict[int, Document]:
        """The documents of these hours that were made of these rows."""
        found: dict[int, Document] = {}
        for some in _pieces(wanted):
            columns = f"start, rows, hash, document FROM {self._names.hours}"
            for start, rows, hashed, document in self._select(columns, f"start IN ({_listed(some)})"):
                if wanted[start] == (rows, hashed):
                    found[start] = decode(document)
        return found

    def days(self, zone: str) -> dict[tuple[int, Fingerprint], Document]:
        """All of a zone."""
        rows = self._select(f"day, rows, hash, document FROM {self._names.days}", zone=zone)
        return {(day, (count, hashed)): decode(document) for day, count, hashed, document in rows}

    def write_hours(self, documents: Mapping[int, Document], made_of: Mapping[int, Fingerprint]) -> None:
        rows = [
            [self._state.generation, start, *made_of[start], *encode(document)] for start, document in documents.items()
        ]
        self._connection.insert(self._names.hours, ("generation", "start", *_MADE_OF), rows)

    def merged(
        self, zone: str, days: Sequence[int], by_hour: Mapping[int, Fingerprint]
    ) -> Iterator[tuple[dict[int, Fingerprint], dict[int, Document]]]:
        """Fingerprints and documents of days, made of those of their hours, some at a time. Days that lack the document
        of an hour are in the first ones alone."""
        tz = find_zone(zone)
        for place in range(0, len(days), DAYS_AT_ONCE):
            parts = {day: hours_of(day, tz, by_hour, self._state.shift) for day in days[place : place + DAYS_AT_ONCE]}
            found = self.hours({start: made_of for each in parts.values() for start, made_of in each.items()})
            complete = {
                day: {start: found[start] for start in each}
                for day, each in parts.items()
                if each.keys() <= found.keys()
            }
            yield (
                {day: added_up(each) for day, each in parts.items()},
                {day: hours.merged(each, tz) for day, each in complete.items()},
            )

    def write_days(self, zone: str, made_of: Mapping[int, Fingerprint], documents: Mapping[int, Document]) -> None:
        rows = [
            [self._state.generation, zone, day, *made_of[day], *encode(document)] for day, document in documents.items()
        ]
        self._connection.insert(self._names.days, ("generation", "zone", "day", *_MADE_OF), rows)

    def numbered(self, ids: AbstractSet[int]) -> dict[int, int]:
        """The numbers of these ids, and maybe of others; new ones get one."""
        if len(self._numbered) > NUMBERS_KEPT:
            self._numbered.clear()
        self._numbered |= self.numbers(ids - self._numbered.keys())
        new = ids - self._numbered.keys()
        for some in _pieces(new, PLACES):
            rows = [[each, place] for place, each in enumerate(some)]
            self._connection.insert(self._names.ids, ("id", "place"), rows)
        self._numbered |= self.numbers(new)
        return self._numbered

    def numbers(self, ids: Collection[int]) -> dict[int, int]:
        """Of those that have one."""
        found: dict[int, int] = {}
        for some in _pieces(ids, IDS_AT_ONCE):
            rows = self._connection.query("sum_numbers", {"ids": self._names.ids, "wanted": _listed(some)})
            found |= {row["id"]: row["number"] for row in rows}
        return found

    def _select(self, columns: str, condition: str = "true", **values: Any) -> list[Any]:
        if "zone" in values:
            condition += " AND zone = {zone:String}"
        sql = f"SELECT {columns} WHERE generation = {self._state.generation} AND {condition}"
        return self._connection.select(sql, **values)

    # Erasing

    def erase_outdated(self, by_hour: Mapping[int, Fingerprint], zones: Iterable[str]) -> None:
        """Erase the documents of rows that are not like that any more."""
        hourly = [
            f"({start}, {rows}, {hashed})"
            for start, found in self.made_of().items()
            for rows, hashed in found - {by_hour.get(start)}
        ]
        self._erase(self._names.hours, "(start, rows, hash)", hourly)
        for zone in zones:
            tz = find_zone(zone)
            daily = [
                f"({day}, {rows}, {hashed})"
                for day, found in self.days_made_of(zone).items()
                for rows, hashed in found - {added_up(hours_of(day, tz, by_hour, self._state.shift))}
            ]
            self._erase(self._names.days, "(day, rows, hash)", daily)

    def erase_unused(self) -> int:
        """Erase the ids that no row has any more; their number.

        Not those that no document has: another process may be about to write one with a number that it has just read.
        """
        table = self._names.rows
        sql = (
            f"SELECT DISTINCT id FROM {self._names.ids} WHERE id NOT IN (SELECT toInt64(discord_uid) FROM {table}) "
            f"AND id NOT IN (SELECT toInt64(guild_id) FROM {table} WHERE guild_id IS NOT NULL)"
        )
        gone = [str(row[0]) for row in self._connection.select(sql)]
        self._erase(self._names.ids, "id", gone)
        return len(gone)

    def _erase(self, table: str, key: str, values: list[str]) -> None:
        for place in range(0, len(values), WANTED_AT_ONCE):
            some = ", ".join(values[place : place + WANTED_AT_ONCE])
            sql = f"ALTER TABLE {table} DELETE WHERE {key} IN ({some}) SETTINGS mutations_sync = 1"
            self._connection.execute(sql)


def _pieces(values: Iterable[int], size: int = WANTED_AT_ONCE) -> Iterable[list[int]]:
    every = sorted(values)
    return (every[place : place + size] for place in range(0, len(every), size))


def _listed(values: Iterable[int]) -> str:
    return ", ".join(map(str, values))
