"""Documents of hours and days, and the numbers of users and guilds, in the tables of PostgreSQL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from slashspan.insights.sums import hours
from slashspan.insights.sums.documents import Document, decode, encode, numbers_of
from slashspan.insights.zones import find_zone

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from slashspan.sum_tables import SumTables


class StoredDocuments:
    """Reads and writes them, in the transaction of the caller."""

    def __init__(self, connection: Any, names: SumTables) -> None:
        self._connection = connection
        self._names = names

    async def hours(self, starts: Collection[int]) -> dict[int, Document]:
        """Those that there are of these hours."""
        rows = await self._connection.fetch(
            f"SELECT start, document FROM {self._names.hours} WHERE start = ANY ($1::bigint[])",
            list(starts),
        )
        return {row["start"]: decode(row["document"]) for row in rows}

    async def write_hour(self, start: int, document: Document | None) -> None:
        if document:
            await self._connection.execute(
                f"INSERT INTO {self._names.hours} VALUES ($1, $2, $3) "
                "ON CONFLICT (start) DO UPDATE SET version = excluded.version, document = excluded.document",
                start,
                *encode(document),
            )
        else:
            await self._connection.execute(f"DELETE FROM {self._names.hours} WHERE start = $1", start)

    async def write_days(self, zones: Iterable[str], starts: Collection[int]) -> None:
        """The days in which these hours are."""
        for zone in zones:
            tz = find_zone(zone)
            for day in {hours.day_of(start, tz) for start in starts}:
                await self.write_day(zone, day)

    async def write_day(self, zone: str, day: int) -> None:
        if document := await self.merged(zone, day):
            await self._connection.execute(
                f"INSERT INTO {self._names.days} VALUES ($1, $2, $3, $4) "
                "ON CONFLICT (zone, day) DO UPDATE SET version = excluded.version, document = excluded.document",
                zone,
                day,
                *encode(document),
            )
        else:
            sql = f"DELETE FROM {self._names.days} WHERE zone = $1 AND day = $2"
            await self._connection.execute(sql, zone, day)

    async def merged(self, zone: str, day: int) -> Document:
        """The document of a day from those of its hours."""
        tz = find_zone(zone)
        rows = await self._connection.fetch(
            f"SELECT start, document FROM {self._names.hours} WHERE start >= $1 AND start < $2",
            *hours.bounds_of(day, tz),
        )
        return hours.merged({row["start"]: decode(row["document"]) for row in rows}, tz)

    async def numbered(self, ids: Collection[int]) -> dict[int, int]:
        """The numbers of these ids; new ones get one."""
        await self._connection.execute(
            f"INSERT INTO {self._names.ids} (id) SELECT id FROM unnest($1::bigint[]) AS id "
            f"WHERE NOT EXISTS (SELECT FROM {self._names.ids} AS known WHERE known.id = id.id)",
            list(ids),
        )
        return await self.numbers(ids)

    async def numbers(self, ids: Collection[int]) -> dict[int, int]:
        """Of those that have one."""
        sql = f"SELECT id, number FROM {self._names.ids} WHERE id = ANY ($1::bigint[])"
        return {row["id"]: row["number"] for row in await self._connection.fetch(sql, list(ids))}

    async def erase_unused(self) -> int:
        """Erase the ids that are in no document; their number."""
        used = numbers_of([])
        async for row in self._connection.cursor(f"SELECT document FROM {self._names.hours}", prefetch=100):
            used |= numbers_of([decode(row["document"])])
        known = await self._connection.fetch(f"SELECT number FROM {self._names.ids}")
        gone = [row["number"] for row in known if row["number"] not in used]
        await self._connection.execute(f"DELETE FROM {self._names.ids} WHERE number = ANY ($1)", gone)
        return len(gone)
