"""Documents of hours and days, and the numbers of users and guilds, in the tables of a SQLite file."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from slashspan.insights.sums import hours
from slashspan.insights.sums.documents import Document, decode, encode, numbers_of
from slashspan.insights.zones import find_zone

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from slashspan.insights.sums.sqlite.file import SumsFile


class StoredDocuments:
    """Reads and writes them, in the transaction of the caller."""

    def __init__(self, file: SumsFile) -> None:
        self._connection = file.connection
        self._names = file.names

    def hour(self, start: int) -> Document:
        """Empty if there is none."""
        sql = f"SELECT document FROM {self._names.hours} WHERE start = ?"
        row = self._connection.execute(sql, (start,)).fetchone()
        return {} if row is None else decode(row[0])

    def write_hour(self, start: int, document: Document | None) -> None:
        if document:
            sql = f"INSERT OR REPLACE INTO {self._names.hours} VALUES (?, ?, ?)"
            self._connection.execute(sql, (start, *encode(document)))
        else:
            self._connection.execute(f"DELETE FROM {self._names.hours} WHERE start = ?", (start,))

    def write_days(self, zones: Iterable[str], starts: Iterable[int]) -> None:
        """The days in which these hours are."""
        changed = list(starts)
        for zone in zones:
            tz = find_zone(zone)
            for day in {hours.day_of(start, tz) for start in changed}:
                self.write_day(zone, day)

    def write_day(self, zone: str, day: int) -> None:
        if document := self.merged(zone, day):
            sql = f"INSERT OR REPLACE INTO {self._names.days} VALUES (?, ?, ?, ?)"
            self._connection.execute(sql, (zone, day, *encode(document)))
        else:
            sql = f"DELETE FROM {self._names.days} WHERE zone = ? AND day = ?"
            self._connection.execute(sql, (zone, day))

    def merged(self, zone: str, day: int) -> Document:
        """The document of a day from those of its hours."""
        tz = find_zone(zone)
        sql = f"SELECT start, document FROM {self._names.hours} WHERE start >= ? AND start < ?"
        found = self._connection.execute(sql, hours.bounds_of(day, tz))
        return hours.merged({start: decode(data) for start, data in found}, tz)

    def numbered(self, ids: Collection[int]) -> dict[int, int]:
        """The numbers of these ids; new ones get one."""
        self._connection.executemany(
            f"INSERT OR IGNORE INTO {self._names.ids} (id) VALUES (?)",
            [(each,) for each in sorted(ids)],
        )
        return self.numbers(ids)

    def numbers(self, ids: Collection[int]) -> dict[int, int]:
        """Of those that have one."""
        sql = f"SELECT id, number FROM {self._names.ids} WHERE id IN (SELECT value FROM json_each(?))"
        return dict(self._connection.execute(sql, (json.dumps(list(ids)),)))

    def erase_unused(self) -> int:
        """Erase the ids that are in no document; their number."""
        documents = self._connection.execute(f"SELECT document FROM {self._names.hours}")
        used = numbers_of(decode(row[0]) for row in documents)
        known = [row[0] for row in self._connection.execute(f"SELECT number FROM {self._names.ids}")]
        gone = [(number,) for number in known if number not in used]
        self._connection.executemany(f"DELETE FROM {self._names.ids} WHERE number = ?", gone)
        return len(gone)
