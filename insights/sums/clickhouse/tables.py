"""The tables beside the rows in ClickHouse, and the fingerprints by which sums are known to be up to date.

ClickHouse has neither transactions nor triggers that see deletes, and a row may lie in its table several times until a
merge. So nothing marks what has changed: each sum carries the fingerprint of the rows that it was made of, their number
and the sum of their hashes, and it counts only as long as the rows have that fingerprint. Whatever happens to rows
(inserts, doubles and their removal by a merge, deletes, dropped partitions, TTL) changes it.

A projection keeps the fingerprints: it is a part of every part of the table, so it appears with its rows, at once, and
reading it takes milliseconds. Without it the same query reads the rows: slower, and as right.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from slashspan.sum_tables import HOUR, SUMMED_COLUMNS, SumTables

if TYPE_CHECKING:
    from collections.abc import Mapping

QUARTER: Final = 900
"""Seconds: hours of every zone begin at a quarter."""
PLACES: Final = 1024
"""Ids that are inserted at once at most: how many numbers one insert takes."""
_HASH: Final = f"sum(cityHash64(({', '.join((*SUMMED_COLUMNS, 'span_id'))})))"
_QUARTER: Final = f"intDiv(toUnixTimestamp64Micro(called_at), {QUARTER * 1_000_000})"
_SETTINGS: Final = ("deduplicate_merge_projection_mode", "lightweight_mutation_projection_mode")


@dataclass(frozen=True, slots=True)
class ClickhouseTables(SumTables):
    """The names, for SQL."""

    @property
    def rows_name(self) -> str:
        """The table below the view, in which a row may be twice."""
        return self.table.part("rows")

    @property
    def rows(self) -> str:
        """The same for SQL."""
        return self.table.beside("rows")

    @property
    def every(self) -> tuple[str, ...]:
        return (self.state, self.hours, self.days, self.ids)

    @property
    def names(self) -> tuple[str, ...]:
        """As ClickHouse's list of tables has them."""
        return tuple(self.table.part(suffix) for suffix in ("sums", "sum_hours", "sum_days", "sum_ids"))

    @property
    def projection(self) -> str:
        return '"sum_fingerprints"'


def fingerprints(shift: int) -> Mapping[str, str]:
    """Expressions for the query `sum_fingerprints`."""
    quarters = HOUR // QUARTER
    moved = shift // QUARTER
    return {
        "quarter": _QUARTER,
        "hash": _HASH,
        "start": f"intDiv({_QUARTER} + {quarters - moved}, {quarters}) * {HOUR} + {shift - HOUR}",
    }


def creation(names: ClickhouseTables) -> list[str]:
    """SQL for the tables.

    A number is made of the number of the block in which an id was inserted, which ClickHouse gives when it commits it,
    and the id's place in it. So two processes that refresh at once give no number twice, and where both have inserted
    the same id, the first one counts for everybody.
    """
    fingerprint = "rows UInt64, hash UInt64"
    document = "version Int64, document String CODEC(ZSTD(1)), written_at DateTime64(6, 'UTC') DEFAULT now64(6, 'UTC')"
    latest = "ENGINE = ReplacingMergeTree(written_at)"
    return [
        (
            f"CREATE TABLE {names.state} (format UInt32, shift Int32, zones String, generation UInt64, "
            f"written_at DateTime64(6, 'UTC') DEFAULT now64(6, 'UTC')) {latest} ORDER BY tuple()"
        ),
        (
            f"CREATE TABLE {names.hours} (generation UInt64, start Int64, {fingerprint}, {document}) "
            f"{latest} ORDER BY start"
        ),
        (
            f"CREATE TABLE {names.days} (generation UInt64, zone LowCardinality(String), day Int32, {fingerprint}, "
            f"{document}) {latest} ORDER BY (zone, day)"
        ),
        (
            f"CREATE TABLE {names.ids} (id Int64, place UInt16) ENGINE = MergeTree ORDER BY id "
            "SETTINGS enable_block_number_column = 1"
        ),
    ]


def addition(names: ClickhouseTables) -> list[str]:
    """SQL that gives the rows their projection. By default a table that replaces rows may have none."""
    settings = ", ".join(f"{name} = 'rebuild'" for name in _SETTINGS)
    return [
        f"ALTER TABLE {names.rows} MODIFY SETTING {settings}",
        (
            f"ALTER TABLE {names.rows} ADD PROJECTION IF NOT EXISTS {names.projection} "
            f"(SELECT {_QUARTER}, count(), {_HASH} GROUP BY {_QUARTER})"
        ),
        f"ALTER TABLE {names.rows} MATERIALIZE PROJECTION {names.projection} SETTINGS mutations_sync = 1",
    ]


def removal(names: ClickhouseTables) -> list[str]:
    """SQL that removes all of it, and is harmless if it is not there."""
    return [
        *(f"DROP TABLE IF EXISTS {name} SYNC" for name in names.every),
        f"ALTER TABLE {names.rows} DROP PROJECTION IF EXISTS {names.projection}",
    ]
