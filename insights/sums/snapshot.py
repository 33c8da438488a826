"""The sums as they are in a reader's snapshot: where they can be used, and what has changed since."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

from slashspan.insights.filters import ALL_KINDS, Filters
from slashspan.insights.sums import catalog, hours
from slashspan.sum_tables import FORMAT, HOUR, SumTables, sqlite_triggers

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from slashspan.insights.readers.base import Reader, Row
    from slashspan.insights.sums.cache import Place
    from slashspan.insights.sums.catalog import Range
    from slashspan.table import Table

ROWS: Final = "sum_rows"
"""The query, whose columns `Tally.add` expects in this order."""
NEW_ROWS: Final = 200_000
"""With more rows above SQLite's watermark, the rows are read, and not the sums."""
RAW_HOURS: Final = 48
"""If more hours have to be read from the rows, the database answers faster than the sums."""
_EVERY: Final = Filters(kinds=ALL_KINDS)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What holds for all hours."""

    names: SumTables
    shift: int
    zones: frozenset[str]
    """Zones whose days have documents."""
    marked: tuple[Range, ...]
    """Times in which rows may have changed, in seconds."""
    watermark: int | None = None
    """Only in SQLite: rows above it are not summed yet."""
    strange: bool = False
    """Only in SQLite: whether times do not sort as text."""
    above: int = 0
    """Only in SQLite: about how many rows there are above the watermark."""
    unwatched: bool = False
    """Only in PostgreSQL: whether there are partitions without triggers, or some are gone since the last refresh."""

    @property
    def is_behind(self) -> bool:
        """Whether so little is summed yet that reports about all times do without the sums."""
        return self.above > NEW_ROWS or self.changed_ever() is None

    def changed_ever(self) -> set[int] | None:
        """All hours with marks; None if they are too many."""
        return self.changed(hours.FIRST, hours.END)

    def changed(self, low: int, high: int) -> set[int] | None:
        """The hours from `low` to `high` with marks; None if they are too many."""
        found: set[int] = set()
        for since, until in self.marked:
            first = max(low, hours.floor(since, self.shift))
            end = min(high, hours.floor(until - 1, self.shift) + HOUR)
            if end - first > RAW_HOURS * HOUR:
                return None
            found.update(range(first, end, HOUR))
            if len(found) > RAW_HOURS:
                return None
        return found

    async def versions(self, reader: Reader, place: Place, low: int | None, high: int | None) -> dict[int, int]:
        """Those of the documents from `low` to before `high`."""
        expressions = {"key": place.key, "documents": place.table, "condition": place.condition(low, high)}
        rows = await reader.query("sum_versions", Filters(), expressions, zone=place.zone)
        return {row["place"]: row["version"] for row in rows}

    async def new_rows(self, reader: Reader) -> list[Row]:
        """Rows above the watermark."""
        if self.watermark is None:
            return []
        return await reader.query(ROWS, _EVERY, {"only": "row_id > :low"}, low=self.watermark)

    async def rows(self, reader: Reader, since: datetime, until: datetime) -> list[Row]:
        """All rows of this time."""
        if self.watermark is None or self.strange:
            filters = Filters(since=since, until=until, kinds=ALL_KINDS)
            return await reader.query(ROWS, filters, {"only": "1 = 1"})
        return await reader.query(ROWS, _EVERY, {"only": rows_between(self.names.table)}, first=since, end=until)


def rows_between(table: Table) -> str:
    """SQL for rows of SQLite whose times are all in our form, found by the index."""
    return f"row_id IN (SELECT id FROM {table.quoted} WHERE called_at >= :first AND called_at < :end)"


class Source(Protocol):
    """Finds the sums of one kind of store."""

    async def exist(self, reader: Reader) -> bool:
        """Whether there are any, whatever their state."""

    async def open(self, reader: Reader) -> Snapshot | None:
        """None if there are none that can be trusted. Does not fail for a role that may not read them."""


class SqliteSource:
    def __init__(self, table: Table) -> None:
        self._names = SumTables(table)

    async def exist(self, reader: Reader) -> bool:
        return self._are_in(await self._catalog(reader))

    async def _catalog(self, reader: Reader) -> list[Row]:
        return await reader.query("sum_catalog", Filters(), prefix=self._names.table.part("sum"))

    def _are_in(self, rows: list[Row]) -> bool:
        return set(self._names.every) <= {f'"{row["name"]}"' for row in rows if row["type"] == "table"}

    async def open(self, reader: Reader) -> Snapshot | None:
        names = self._names
        rows = await self._catalog(reader)
        if not self._are_in(rows):
            return None
        state = await read_state(reader, names)
        triggers = {row["name"]: row["sql"] for row in rows if row["type"] == "trigger"}
        if state is None or not sqlite_triggers(names, state["shift"]).items() <= triggers.items():
            return None
        (new,) = await reader.query("sum_new", Filters(), low=state["watermark"])
        marks = await reader.query("sum_marks", Filters(), {"marks": names.marks})
        return Snapshot(
            names,
            state["shift"],
            complete_zones(state),
            tuple((row["first_s"], row["end_s"]) for row in marks),
            watermark=state["watermark"],
            strange=bool(state["strange"] or new["strange"]),
            above=new["count"],
        )


class PostgresSource:
    def __init__(self, table: Table) -> None:
        self._table = table

    async def exist(self, reader: Reader) -> bool:
        found = await self._catalog(reader)
        return found is not None and found.there

    async def _catalog(self, reader: Reader) -> catalog.Catalog | None:
        rows = await reader.query(catalog.CATALOG, Filters(), **catalog.values(self._table))
        return catalog.catalog_of(rows[0]) if rows else None

    async def open(self, reader: Reader) -> Snapshot | None:
        found = await self._catalog(reader)
        if found is None or not found.usable:
            return None
        state = await read_state(reader, found.names)
        if state is None:
            return None
        edges = {"first": float(hours.FIRST), "last": float(hours.END)}
        marks = await reader.query("sum_marks", Filters(), {"marks": found.names.marks}, **edges)
        marked = [(row["first_s"], row["end_s"]) for row in marks]
        unmarked = found.unmarked(catalog.partitions_of(state["partitions"]))
        return Snapshot(
            found.names, state["shift"], complete_zones(state), (*marked, *unmarked), unwatched=bool(unmarked)
        )


async def read_state(reader: Reader, names: SumTables) -> Mapping[str, Any] | None:
    """The row of the table of the state; None if there is none, or one of another format."""
    rows = await reader.query("sum_state", Filters(), {"state": names.state})
    return rows[0] if rows and rows[0]["format"] == FORMAT else None


def complete_zones(state: Mapping[str, Any]) -> frozenset[str]:
    """Zones all of whose days have documents."""
    return frozenset(zone for zone, complete in json.loads(state["zones"]).items() if complete)
