"""The sums in ClickHouse as readers find them: which documents were made of exactly the rows that there are now."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from slashspan.insights.filters import Filters
from slashspan.insights.sums import hours
from slashspan.insights.sums.clickhouse.fingerprints import added_up, hours_of
from slashspan.insights.sums.clickhouse.tables import ClickhouseTables, fingerprints
from slashspan.insights.sums.snapshot import Snapshot, complete_zones, read_state
from slashspan.insights.zones import find_zone
from slashspan.sum_tables import HOUR

if TYPE_CHECKING:
    from collections.abc import Mapping

    from slashspan.insights.readers.base import Reader
    from slashspan.insights.sums.cache import Place
    from slashspan.insights.sums.clickhouse.fingerprints import Fingerprint
    from slashspan.table import Table

CATALOG: Final = "sum_catalog"
"""The query."""


@dataclass(frozen=True, slots=True)
class ClickhouseSnapshot(Snapshot):
    """Each document is of one state of its hour's rows; ClickHouse has no state of all hours."""

    usable: Mapping[str, Mapping[int, int]] = field(default_factory=dict)
    """Versions by start (zone '') or day."""

    async def versions(self, reader: Reader, place: Place, low: int | None, high: int | None) -> dict[int, int]:
        return {
            at: version
            for at, version in self.usable.get(place.zone, {}).items()
            if (low is None or at >= low) and (high is None or at < high)
        }


class ClickhouseSource:
    def __init__(self, table: Table) -> None:
        self._names = ClickhouseTables(table)

    async def exist(self, reader: Reader) -> bool:
        return await self._known(reader, self._names.names)

    async def _known(self, reader: Reader, names: tuple[str, ...]) -> bool:
        wanted = ", ".join(f"'{name}'" for name in names)
        return len(await reader.query(CATALOG, Filters(), {"names": wanted})) == len(names)

    async def open(self, reader: Reader) -> ClickhouseSnapshot | None:
        names = self._names
        if not await self._known(reader, (*names.names, names.rows_name)):
            return None
        state = await read_state(reader, names)
        if state is None:
            return None
        shift = state["shift"]
        expressions = {**fingerprints(shift), "stored": names.rows}
        found = await reader.query("sum_fingerprints", Filters(), expressions, low=0, high=hours.END)
        by_hour: dict[int, Fingerprint] = {row["start"]: (row["rows"], row["hash"]) for row in found}
        tables = {"hours": names.hours, "days": names.days}
        places = await reader.query("sum_places", Filters(), tables, generation=state["generation"])
        usable: dict[str, dict[int, int]] = {"": {}}
        for row in places:
            zone, place = row["zone"], row["place"]
            if zone:
                rows_of_day = hours_of(place, find_zone(zone), by_hour, shift)
                is_usable = bool(rows_of_day) and added_up(rows_of_day) == (row["rows"], row["hash"])
            else:
                is_usable = by_hour.get(place) == (row["rows"], row["hash"])
            if is_usable:
                usable.setdefault(zone, {})[place] = row["version"]
        outdated = sorted(by_hour.keys() - usable[""].keys())
        marked = tuple((start, start + HOUR) for start in outdated)
        return ClickhouseSnapshot(names, shift, complete_zones(state), marked, usable=usable)
