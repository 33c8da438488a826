"""The sums in ClickHouse, as `Sums`."""

from __future__ import annotations

import dataclasses
import math
import random
from typing import TYPE_CHECKING

from slashspan.insights.readers.base import ReadError
from slashspan.insights.sums import hours
from slashspan.insights.sums.clickhouse.connection import State, SumsConnection
from slashspan.insights.sums.clickhouse.documents import StoredDocuments
from slashspan.insights.sums.clickhouse.refresh import outdated, refresh_days, refresh_hours
from slashspan.insights.sums.clickhouse.tables import addition, creation, removal
from slashspan.insights.sums.clickhouse.verification import differences
from slashspan.insights.sums.status import Status, check_aligned
from slashspan.insights.zones import find_zone
from slashspan.sum_tables import FORMAT

if TYPE_CHECKING:
    from collections.abc import Callable

    from typing_extensions import Self

    from slashspan.dsn import Dsn
    from slashspan.table import Table


class ClickhouseSums:
    """One client that writes, in the caller's thread. For a `with` block; every method raises ReadError."""

    def __init__(self, dsn: Dsn, table: Table) -> None:
        self._table = table
        self._connection = SumsConnection(dsn, table)

    def __enter__(self) -> Self:
        self._connection.open()
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def status(self) -> Status:
        state = self._connection.state()
        if state is None:
            return Status(installed=False)
        names = self._connection.names
        ((made, size),) = self._connection.select(
            f"SELECT uniqExact(start), sum(length(document)) FROM {names.hours} FINAL"
        )
        ((days,),) = self._connection.select(f"SELECT sum(length(document)) FROM {names.days} FINAL")
        ((ids,),) = self._connection.select(f"SELECT uniqExact(id) FROM {names.ids}")
        current = state.format == FORMAT
        waiting = self.pending() if current else 0
        return Status(
            installed=True,
            current=current,
            zones=state.zones,
            hours=made,
            ids=ids,
            bytes=size + days,
            hours_marked=waiting,
        )

    def install(self, zone: str) -> bool:
        state = self._connection.state()
        names = self._connection.names
        if state is not None and state.format == FORMAT:
            return False
        engine = self._connection.engine(names.rows_name)
        if engine is None:
            raise ReadError(f"there is no table {names.rows_name}: run `slashspan migrate`")
        if not engine.endswith("MergeTree"):
            raise ReadError(f"{names.rows_name} is a table over the shards of a cluster ({engine}): it has no sums")
        zones = dict.fromkeys([zone] if state is None else state.zones, True)
        shift = hours.shift_of(zone) if state is None else state.shift
        self._connection.execute(*removal(names), *creation(names), *addition(names))
        self._connection.save(State(FORMAT, shift, zones, random.SystemRandom().getrandbits(63)))
        return True

    def remove(self) -> None:
        self._connection.execute(*removal(self._connection.names))

    def add_zone(self, zone: str, done: Callable[[int], None]) -> None:
        find_zone(zone)
        state = self._connection.installed()
        by_hour = self._connection.fingerprints(state.shift)
        check_aligned(zone, state.shift, min(by_hour, default=None), max(by_hour, default=None))
        self._save_zone(zone, complete=False)
        refresh_days(self._connection, zone, done)
        self._save_zone(zone, complete=True)

    def _save_zone(self, zone: str, *, complete: bool) -> None:
        state = self._connection.installed()
        self._connection.save(dataclasses.replace(state, zones={**state.zones, zone: complete}))

    def pending(self) -> int:
        """The number of hours that a refresh would make."""
        state = self._connection.installed()
        return len(outdated(StoredDocuments(self._connection, state), self._connection.fingerprints(state.shift)))

    def refresh(self, done: Callable[[int], None] = lambda _: None, *, seconds: float = math.inf) -> int:
        total = refresh_hours(self._connection, done, seconds)
        for zone in self._connection.installed().zones:
            refresh_days(self._connection, zone)
        return total

    def verify(self, done: Callable[[int], None] = lambda _: None) -> list[str]:
        return differences(self._connection, done)

    def collect(self) -> int:
        state = self._connection.installed()
        stored = StoredDocuments(self._connection, state)
        stored.erase_outdated(self._connection.fingerprints(state.shift), state.zones)
        return stored.erase_unused()
