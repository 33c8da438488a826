"""Documents that have been read, for all readers of a table: the connections of a page ask for the same ones."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from slashspan.insights.filters import Filters

if TYPE_CHECKING:
    from collections.abc import Mapping

    from slashspan.insights.readers.base import Reader, Row
    from slashspan.insights.sums.documents import Document

CACHED: Final = 1_000
"""Documents that are kept: those of more than two years."""


class Documents:
    """Documents by place and version: another version is other sums. To be used in one event loop."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, int, int], Document] = OrderedDict()
        """By zone (empty: hours), day or start, and version."""
        self._reading = asyncio.Lock()

    async def read(self, reader: Reader, place: Place, wanted: Mapping[int, int]) -> dict[int, Document]:
        """By day or start, those of these versions; without those that others have replaced meanwhile, where there are
        no snapshots."""
        found = self._known(place, wanted)
        if len(found) < len(wanted):
            async with self._reading:  # another reader may just have read the same ones
                found = self._known(place, wanted)
                missing = {at: version for at, version in wanted.items() if at not in found}
                found |= await self._missing(reader, place, missing) if missing else {}
        return found

    def _known(self, place: Place, wanted: Mapping[int, int]) -> dict[int, Document]:
        found: dict[int, Document] = {}
        for at, version in wanted.items():
            document = self._kept.pop((place.zone, at, version), None)
            if document is not None:
                found[at] = self._kept[place.zone, at, version] = document  # used last
        return found

    async def _missing(self, reader: Reader, place: Place, missing: Mapping[int, int]) -> dict[int, Document]:
        condition = place.condition(min(missing), max(missing) + 1)
        expressions = {"key": place.key, "documents": place.table, "condition": condition}
        expressions["wanted"] = ", ".join(map(str, missing))
        rows = await reader.query("sum_documents", Filters(), expressions, zone=place.zone)
        rows = [row for row in rows if missing[row["place"]] == row["version"]]
        found: dict[int, Document] = {}
        for row, document in zip(rows, await asyncio.to_thread(_decoded, rows), strict=True):
            found[row["place"]] = self._kept[place.zone, row["place"], row["version"]] = document
        while len(self._kept) > CACHED:
            self._kept.popitem(last=False)
        return found


@dataclass(frozen=True, slots=True)
class Place:
    """Where documents are: those of the days of a zone, or those of hours (no zone)."""

    table: str
    zone: str = ""

    @property
    def key(self) -> str:
        return "day" if self.zone else "start"

    def condition(self, low: int | None, high: int | None) -> str:
        """SQL for the documents from `low` to before `high`."""
        found = ["zone = :zone" if self.zone else "1 = 1"]
        found += [f"{self.key} >= {low}"] if low is not None else []
        found += [f"{self.key} < {high}"] if high is not None else []
        return " AND ".join(found)


def _decoded(rows: list[Row]) -> list[Document]:
    from slashspan.insights.sums.documents import decode  # needs pyroaring

    return [decode(row["document"]) for row in rows]
