"""The sums in a SQLite file, as `Sums`."""

from __future__ import annotations

import json
import math
import time
from typing import TYPE_CHECKING, Any, Final

from slashspan.insights.readers.base import ReadError
from slashspan.insights.sums import hours
from slashspan.insights.sums.sqlite.documents import StoredDocuments
from slashspan.insights.sums.sqlite.file import SumsFile
from slashspan.insights.sums.sqlite.refresh import refresh_once
from slashspan.insights.sums.sqlite.verification import differences
from slashspan.insights.sums.status import Status, Zones, check_aligned
from slashspan.insights.zones import find_zone
from slashspan.sum_tables import FORMAT, sqlite_creation, sqlite_removal, sqlite_triggers

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from typing_extensions import Self

    from slashspan.table import Table

DAYS: Final = 30
"""Days of a new zone that are made in one transaction."""


class SqliteSums:
    """One connection that writes. To be used in a `with` block; every method raises ReadError."""

    def __init__(self, path: Path, table: Table, lock_seconds: float) -> None:
        self._path = path
        self._table = table
        self._lock_seconds = lock_seconds

    def __enter__(self) -> Self:
        self._file = SumsFile(self._path, self._table, self._lock_seconds)
        self._names = self._file.names
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def status(self) -> Status:
        file, names = self._file, self._names
        with file.as_read_error(), file.transaction("BEGIN"):
            state = file.state()
            if state is None:
                return Status(installed=False)
            (highest,) = file.one(f"SELECT coalesce(max(id), 0) FROM {self._table.quoted}")
            documents, size = file.one(f"SELECT count(*), coalesce(sum(length(document)), 0) FROM {names.hours}")
            (days,) = file.one(f"SELECT coalesce(sum(length(document)), 0) FROM {names.days}")
            (marked,) = file.one(f"SELECT count(*) FROM {names.marks}")
            (ids,) = file.one(f"SELECT count(*) FROM {names.ids}")
            return Status(
                installed=True,
                current=state.format == FORMAT,
                zones=state.zones,
                hours=documents,
                ids=ids,
                bytes=size + days,
                rows_waiting=highest - state.watermark,
                hours_marked=marked,
            )

    def install(self, zone: str) -> bool:
        file = self._file
        with file.as_read_error(), file.transaction():
            state = file.state()
            if state is not None and state.format == FORMAT:
                return False
            columns = {row[1]: row for row in file.connection.execute(f"PRAGMA table_info({self._table.quoted})")}
            if not {"id", "called_at", "span_id"} <= set(columns):
                raise ReadError(f"there is no table {self._table} of this slashspan: run `slashspan migrate`")
            if columns["id"][2].upper() != "INTEGER" or columns["id"][5] != 1:
                raise ReadError(
                    f"id of {self._table} is not declared INTEGER PRIMARY KEY, so new rows cannot be told from old "
                    "ones; reports read the rows themselves"
                )
            self._remove()
            shift = hours.shift_of(zone) if state is None else state.shift
            kept = [zone] if state is None else list(state.zones)
            zones = json.dumps(dict.fromkeys(kept, True))
            for sql in sqlite_creation(self._names):
                file.connection.execute(sql)
            file.connection.execute(
                f"INSERT INTO {self._names.state} VALUES (1, ?, ?, ?, 0, 0, 0)",
                (FORMAT, shift, zones),
            )
            for sql in sqlite_triggers(self._names, shift).values():
                file.connection.execute(sql)
        return True

    def remove(self) -> None:
        with self._file.as_read_error(), self._file.transaction():
            self._remove()

    def _remove(self) -> None:
        for sql in sqlite_removal(self._names):
            self._file.connection.execute(sql)

    def add_zone(self, zone: str, done: Callable[[int], None]) -> None:
        file = self._file
        tz = find_zone(zone)
        with file.as_read_error():
            with file.transaction():
                state = file.installed()
                first, last = file.one(f"SELECT min(start), max(start) FROM {self._names.hours}")
                check_aligned(zone, state.shift, first, last)
                self._save_zones({zone: False} | state.zones)
            day: int | None = -1
            while day is not None:
                with file.transaction():
                    found = self._days_after(day, tz)
                    for each in found:
                        StoredDocuments(file).write_day(zone, each)
                    if not found:
                        self._save_zones(file.installed().zones | {zone: True})
                done(len(found))
                day = found[-1] if found else None

    def _days_after(self, day: int, tz: Any) -> list[int]:
        after = hours.FIRST if day < 0 else hours.bounds_of(day, tz)[1]
        found = self._file.connection.execute(
            f"SELECT start FROM {self._names.hours} WHERE start >= ? ORDER BY start LIMIT ?",
            (after, DAYS * 24),
        )
        return sorted({hours.day_of(row[0], tz) for row in found})[:DAYS]

    def _save_zones(self, zones: Zones) -> None:
        self._file.connection.execute(f"UPDATE {self._names.state} SET zones = ?", (json.dumps(zones),))

    def pending(self) -> int:
        status = self.status()
        return status.rows_waiting + status.hours_marked

    def refresh(self, done: Callable[[int], None] = lambda _: None, *, seconds: float = math.inf) -> int:
        total = 0
        deadline = time.monotonic() + seconds
        with self._file.as_read_error():
            while time.monotonic() < deadline and (count := refresh_once(self._file)) is not None:
                total += count
                done(count)
        return total

    def verify(self, done: Callable[[int], None] = lambda _: None) -> list[str]:
        with self._file.as_read_error(), self._file.transaction("BEGIN"):
            return differences(self._file, done)

    def collect(self) -> int:
        with self._file.as_read_error(), self._file.transaction():
            self._file.installed()
            return StoredDocuments(self._file).erase_unused()
