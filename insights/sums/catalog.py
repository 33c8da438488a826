"""Whether the sums in PostgreSQL can be trusted: whether every change of a row since then has been marked."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from slashspan.insights.sums import hours
from slashspan.sum_tables import EVENTS, SumTables
from slashspan.table import Table

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

CATALOG: Final = "sum_catalog"
"""The query."""
SUFFIXES: Final = ("_sums", "_sum_hours", "_sum_days", "_sum_ids", "_sum_marks")
Range = tuple[int, int]
"""First second, first second after."""


@dataclass(frozen=True, slots=True)
class Partition:
    """As PostgreSQL knows it, or as it was when the sums were last refreshed."""

    oid: int
    """What it is known by: one that was dropped and created again is another one."""
    name: str
    since: int
    until: int
    marks: bool = True
    """Whether it has all triggers."""

    @classmethod
    def of(cls, found: Mapping[str, Any]) -> Partition:
        since, until = found["since"], found["until"]
        return cls(
            found["oid"],
            found["name"],
            hours.FIRST if since is None else since,
            hours.END if until is None else until,
            found.get("marks", True),
        )


@dataclass(frozen=True, slots=True)
class Catalog:
    """The table and what is beside it."""

    table: Table
    called_at: str | None
    partitioned: bool
    replicated: bool
    """Whether a subscription writes to it, which fires no statement triggers."""
    there: bool
    """Whether the sums' tables exist."""
    readable: bool
    marks: bool
    """Whether the table has all triggers, and they can write marks."""
    partitions: tuple[Partition, ...]

    @property
    def names(self) -> SumTables:
        return SumTables(self.table)

    @property
    def usable(self) -> bool:
        """Whether this role may read the sums, and they are kept up to date."""
        return self.there and self.readable and self.marks and not self.replicated and self.called_at == AWARE

    def unmarked(self, recorded: Iterable[Partition]) -> list[Range]:
        """Times whose rows may have changed without a mark: of partitions without triggers, and of those that were
        there at the last refresh and are not any more."""
        there = {partition.oid for partition in self.partitions}
        found = [partition for partition in self.partitions if not partition.marks]
        found += [partition for partition in recorded if partition.oid not in there]
        return [(partition.since, partition.until) for partition in found]

    def recorded(self) -> str:
        """The partitions, for the table of the state."""
        marking = (each for each in self.partitions if each.marks)
        return json.dumps(
            [{"oid": each.oid, "name": each.name, "since": each.since, "until": each.until} for each in marking]
        )


AWARE: Final = "timestamp with time zone"


def values(table: Table) -> dict[str, Any]:
    """What the query is given."""
    triggers = [SumTables(table).trigger(event) for event in EVENTS]
    return {"relation": table.quoted, "triggers": triggers, "suffixes": list(SUFFIXES)}


def catalog_of(row: Mapping[str, Any]) -> Catalog:
    """From the query's row."""
    return Catalog(
        table=Table(row["name"], row["schema"]),
        called_at=row["called_at"],
        partitioned=row["partitioned"],
        replicated=bool(row["subscriptions"]),
        there=row["there"] == len(SUFFIXES),
        readable=row["readable"] == len(SUFFIXES),
        marks=row["triggers"] == len(EVENTS) and bool(row["marks"]),
        partitions=tuple(Partition.of(each) for each in json.loads(row["partitions"] or "[]")),
    )


def partitions_of(text: str) -> list[Partition]:
    """As `recorded` wrote them."""
    return [Partition.of(each) for each in json.loads(text)]
