"""The sums in a SQLite file: creates, refreshes and checks them.

A refresh reads in one transaction and writes in another, so that a bot waits only for the short second one. Rows above
the watermark are added to the documents of their hours; hours with a mark are made anew. In the second transaction it
turns out whether somebody was faster: then the round is repeated.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from slashspan.errors import ConfigurationError
from slashspan.insights.filters import ALL_KINDS, Filters
from slashspan.insights.query import statement
from slashspan.insights.readers.base import ReadError
from slashspan.insights.readers.sqlite import SqliteDialect
from slashspan.insights.sums import hours
from slashspan.insights.sums.documents import Document, add_document, decode, encode, numbers_of
from slashspan.insights.sums.snapshot import ROWS, rows_between
from slashspan.insights.sums.status import Status, Zones, difference
from slashspan.insights.sums.tally import Tally
from slashspan.insights.zones import find_zone
from slashspan.sum_tables import FORMAT, SumTables, sqlite_creation, sqlite_removal, sqlite_triggers

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator
    from pathlib import Path

    from typing_extensions import Self

    from slashspan.table import Table

LOCK_SECONDS: Final = 30.0
CHUNK: Final = 50_000
"""Rows that one round adds at most."""
HOURS: Final = 48
"""Hours that one round makes anew at most."""
DAYS: Final = 30
"""Days of a new zone that are made in one transaction."""
VARIABLES: Final = 500
"""Values in one IN list."""


@dataclass(frozen=True, slots=True)
class _State:
    format: int
    shift: int
    zones: Zones
    watermark: int
    generation: int
    strange: bool


class SqliteSums:
    """One connection that writes. To be used in a `with` block; every method raises ReadError."""

    def __init__(self, path: Path, table: Table) -> None:
        self._path = path
        self._table = table
        self._names = SumTables(table)

    def __enter__(self) -> Self:
        with self._as_read_error():
            if not self._path.is_file():
                raise ReadError(f"{self._path} does not exist")
            uri = f"{self._path.resolve().as_uri()}?mode=rw"
            self._connection = sqlite3.connect(uri, uri=True, timeout=LOCK_SECONDS, isolation_level=None)
            self._connection.text_factory = lambda data: data.decode("utf-8", "replace")
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    # What there is

    def status(self) -> Status:
        with self._as_read_error(), self._transaction("BEGIN"):
            state = self._state()
            if state is None:
                return Status(installed=False)
            (highest,) = self._one(f"SELECT coalesce(max(id), 0) FROM {self._table.quoted}")
            documents, size = self._one(f"SELECT count(*), coalesce(sum(length(document)), 0) FROM {self._names.hours}")
            _, days = self._one(f"SELECT count(*), coalesce(sum(length(document)), 0) FROM {self._names.days}")
            (marked,) = self._one(f"SELECT count(*) FROM {self._names.marks}")
            (ids,) = self._one(f"SELECT count(*) FROM {self._names.ids}")
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

    def _state(self) -> _State | None:
        """None if they are not there, or if the triggers are not as they were made."""
        found = dict(
            self._connection.execute(
                "SELECT name, sql FROM sqlite_master WHERE tbl_name = ? AND type = 'trigger'", (self._table.name,)
            )
        )
        known = self._connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        tables = {f'"{row[0]}"' for row in known}
        if not {*self._names.every, self._table.quoted} <= tables:
            return None
        row = self._connection.execute(
            f"SELECT format, shift, zones, watermark, generation, strange FROM {self._names.state}"
        ).fetchone()
        if row is None or not sqlite_triggers(self._names, row[1]).items() <= found.items():
            return None
        return _State(row[0], row[1], json.loads(row[2]), row[3], row[4], bool(row[5]))

    # Creating and removing

    def install(self, zone: str) -> bool:
        """Create tables and triggers, for hours as they begin in this zone; False if they are there. The documents of
        another format are built anew."""
        with self._as_read_error(), self._transaction():
            state = self._state()
            if state is not None and state.format == FORMAT:
                return False
            columns = {row[1]: row for row in self._connection.execute(f"PRAGMA table_info({self._table.quoted})")}
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
                self._connection.execute(sql)
            self._connection.execute(
                f"INSERT INTO {self._names.state} VALUES (1, ?, ?, ?, 0, 0, 0)",
                (FORMAT, shift, zones),
            )
            for sql in sqlite_triggers(self._names, shift).values():
                self._connection.execute(sql)
        return True

    def remove(self) -> None:
        with self._as_read_error(), self._transaction():
            self._remove()

    def _remove(self) -> None:
        for sql in sqlite_removal(self._names):
            self._connection.execute(sql)

    def add_zone(self, zone: str, done: Callable[[int], None]) -> None:
        """Also keep documents for the days of this zone; `done` gets the number of days after each step."""
        tz = find_zone(zone)
        with self._as_read_error():
            with self._transaction():
                state = self._installed()
                self._check_zone(state, zone)
                self._save_zones({zone: False} | state.zones)
            day: int | None = -1
            while day is not None:
                with self._transaction():
                    found = self._days_after(day, tz)
                    for each in found:
                        self._write_day(zone, each)
                    if not found:
                        self._save_zones(self._installed().zones | {zone: True})
                done(len(found))
                day = found[-1] if found else None

    def _check_zone(self, state: _State, zone: str) -> None:
        first, last = self._one(f"SELECT min(start), max(start) FROM {self._names.hours}")
        if first is not None and not hours.is_aligned(zone, state.shift, first, last):
            raise ConfigurationError(
                f"--zone={zone}: its hours begin at another minute than those that are summed; "
                f"use `slashspan rollup rebuild --zone {zone}`, or leave it to the rows"
            )

    def _days_after(self, day: int, tz: Any) -> list[int]:
        after = hours.FIRST if day < 0 else hours.bounds_of(day, tz)[1]
        found = self._connection.execute(
            f"SELECT start FROM {self._names.hours} WHERE start >= ? ORDER BY start LIMIT ?",
            (after, DAYS * 24),
        )
        return sorted({hours.day_of(row[0], tz) for row in found})[:DAYS]

    def _save_zones(self, zones: Zones) -> None:
        self._connection.execute(f"UPDATE {self._names.state} SET zones = ?", (json.dumps(zones),))

    # Refreshing

    def pending(self) -> int:
        status = self.status()
        return status.rows_waiting + status.hours_marked

    def refresh(self, done: Callable[[int], None] = lambda _: None) -> int:
        """Sum what is new and what is marked; returns the number of rows and hours. `done` gets that of each round."""
        total = 0
        with self._as_read_error():
            while (count := self._round()) is not None:
                total += count
                done(count)
        return total

    def _round(self) -> int | None:
        """None if there is nothing to do; 0 if somebody else was faster."""
        with self._transaction("BEGIN"):
            state = self._installed()
            marks = self._marks()
            added, remade = Tally(state.shift), Tally(state.shift)
            top = self._top(state)
            if top == state.watermark and not marks:
                return None
            strange = state.strange or self._is_strange(state.watermark, top)
            count = added.add(self._new_rows(state.watermark, top))
            for since, until in hours.runs(marks):
                count += remade.add(self._rows_of(since, until, top, strange=strange))
        with self._transaction():
            if self._installed().generation != state.generation or self._count(state.watermark, top) != (self._counted):
                return 0
            numbers = self._numbered(added.ids | remade.ids)
            documents = remade.documents(numbers)
            for start, document in added.documents(numbers).items():
                if start not in marks:
                    documents[start] = self._document(start)
                    add_document(documents[start], document)
            for start in marks.keys() | documents.keys():
                self._write_hour(start, documents.get(start))
            self._connection.executemany(
                f"DELETE FROM {self._names.marks} WHERE start = ? AND changes = ?",
                list(marks.items()),
            )
            self._connection.execute(
                f"UPDATE {self._names.state} SET watermark = ?, generation = generation + 1, strange = ?",
                (top, strange),
            )
            self._write_days(state.zones, marks.keys() | documents.keys())
        return count + len(marks)

    def _marks(self) -> dict[int, int]:
        """Some of the marked hours, newest first, with the number of changes."""
        sql = f"SELECT start, changes FROM {self._names.marks} ORDER BY start DESC LIMIT {HOURS}"
        return dict(self._connection.execute(sql))

    def _top(self, state: _State) -> int:
        """The id up to which this round goes."""
        table = self._table.quoted
        sql = f"SELECT max(id) FROM (SELECT id FROM {table} WHERE id > ? ORDER BY id LIMIT {CHUNK})"
        (top,) = self._one(sql, state.watermark)
        top = state.watermark if top is None else top
        self._counted = self._count(state.watermark, top)
        return int(top)

    def _count(self, low: int, high: int) -> int:
        """A row that somebody inserts with an id of their own choice makes it another one."""
        sql = f"SELECT count(*) FROM {self._table.quoted} WHERE id > ? AND id <= ?"
        return int(self._one(sql, low, high)[0])

    def _is_strange(self, low: int, high: int) -> bool:
        return is_strange(self._connection, self._table, low, high)

    def _new_rows(self, low: int, high: int) -> Iterator[Any]:
        return self._rows("row_id > :low AND row_id <= :high", low=low, high=high)

    def _rows_of(self, since: int, until: int, top: int, *, strange: bool) -> Iterator[Any]:
        only, values, filters = rows_of_hours(self._table, since, until, strange=strange)
        return self._rows(f"{only} AND row_id <= :high", filters, high=top, **values)

    def _rows(self, only: str, filters: Filters = Filters(kinds=ALL_KINDS), **values: Any) -> Iterator[Any]:  # noqa: B008
        dialect = SqliteDialect(self._connection, self._table)
        sql, _, bound = statement(dialect, ROWS, filters, {"only": only}, values)
        return self._connection.execute(sql, bound)

    def _numbered(self, ids: Collection[int]) -> dict[int, int]:
        """Their numbers; new ones get one."""
        self._connection.executemany(
            f"INSERT OR IGNORE INTO {self._names.ids} (id) VALUES (?)",
            [(each,) for each in sorted(ids)],
        )
        return self._numbers(ids)

    def _numbers(self, ids: Collection[int]) -> dict[int, int]:
        sql = f"SELECT id, number FROM {self._names.ids} WHERE id IN (SELECT value FROM json_each(?))"
        return dict(self._connection.execute(sql, (json.dumps(list(ids)),)))

    # Documents

    def _document(self, start: int) -> Document:
        sql = f"SELECT document FROM {self._names.hours} WHERE start = ?"
        row = self._connection.execute(sql, (start,)).fetchone()
        return {} if row is None else decode(row[0])

    def _write_hour(self, start: int, document: Document | None) -> None:
        if document:
            sql = f"INSERT OR REPLACE INTO {self._names.hours} VALUES (?, ?, ?)"
            self._connection.execute(sql, (start, *encode(document)))
        else:
            self._connection.execute(f"DELETE FROM {self._names.hours} WHERE start = ?", (start,))

    def _write_days(self, zones: Iterable[str], starts: Iterable[int]) -> None:
        changed = list(starts)
        for zone in zones:
            tz = find_zone(zone)
            for day in {hours.day_of(start, tz) for start in changed}:
                self._write_day(zone, day)

    def _write_day(self, zone: str, day: int) -> None:
        tz = find_zone(zone)
        sql = f"SELECT start, document FROM {self._names.hours} WHERE start >= ? AND start < ?"
        found = {start: decode(data) for start, data in self._connection.execute(sql, hours.bounds_of(day, tz))}
        if document := hours.merged(found, tz):
            sql = f"INSERT OR REPLACE INTO {self._names.days} VALUES (?, ?, ?, ?)"
            self._connection.execute(sql, (zone, day, *encode(document)))
        else:
            sql = f"DELETE FROM {self._names.days} WHERE zone = ? AND day = ?"
            self._connection.execute(sql, (zone, day))

    # Checking

    def verify(self, done: Callable[[int], None] = lambda _: None) -> list[str]:
        """Compare all documents with the rows, in one state of the file; what differs, as text. `done` gets the number
        of hours after each step."""
        with self._as_read_error(), self._transaction("BEGIN"):
            state = self._installed()
            marked = {row[0] for row in self._connection.execute(f"SELECT start FROM {self._names.marks}")}
            found: dict[int, bytes] = dict(self._connection.execute(f"SELECT start, document FROM {self._names.hours}"))
            wrong = []
            for since, until in self._periods():
                tally = Tally(state.shift)
                tally.add(self._rows_of(since, until, state.watermark, strange=state.strange))
                actual = tally.documents(self._known(tally.ids))
                mine = {start for start in found if since <= start < until}
                for start in sorted((mine | actual.keys()) - marked):
                    stored = decode(found[start]) if start in found else {}
                    if text := difference(stored, actual.get(start, {})):
                        wrong.append(f"{hours.as_datetime(start):%Y-%m-%d %H:%M} UTC: {text}")
                done(len(mine))
            return [*wrong, *self._wrong_days(state)]

    def _known(self, ids: Collection[int]) -> dict[int, int]:
        found = self._numbers(ids)
        missing = sorted(set(ids) - found.keys())
        return found | {each: 2**32 - 1 - place for place, each in enumerate(missing)}

    def _periods(self) -> Iterator[tuple[int, int]]:
        """Days, as seconds, that have documents or rows."""
        tally = self._connection.execute(
            f"SELECT DISTINCT start - start % 86400 FROM {self._names.hours} "
            "UNION SELECT DISTINCT CAST(strftime('%s', substr(called_at, 1, 10)) AS INTEGER) "
            f"FROM {self._table.quoted} ORDER BY 1"
        ).fetchall()
        starts = {start + step for (start,) in tally if start is not None for step in range(-86_400, 86_401, 3600)}
        first: int | None = None
        for since, until in hours.runs(starts):
            for first in range(since, until, 86_400):
                yield first, min(until, first + 86_400)

    def _wrong_days(self, state: _State) -> list[str]:
        wrong = []
        for zone, complete in state.zones.items():
            tz = find_zone(zone)
            sql = f"SELECT day, document FROM {self._names.days} WHERE zone = ?"
            found = dict(self._connection.execute(sql, (zone,)))
            starts = self._connection.execute(f"SELECT start FROM {self._names.hours}").fetchall()
            for day in sorted(found.keys() | {hours.day_of(row[0], tz) for row in starts}) if complete else ():
                sql = f"SELECT start, document FROM {self._names.hours} WHERE start >= ? AND start < ?"
                parts = {row[0]: decode(row[1]) for row in self._connection.execute(sql, hours.bounds_of(day, tz))}
                if text := difference(decode(found[day]) if day in found else {}, hours.merged(parts, tz)):
                    wrong.append(f"day {day} in {zone}: {text}")
        return wrong

    # Erasing

    def collect(self) -> int:
        """Erase the ids of users and guilds that are in no document any more; their number. To be called after a
        refresh."""
        with self._as_read_error(), self._transaction():
            self._installed()
            documents = self._connection.execute(f"SELECT document FROM {self._names.hours}")
            used = numbers_of(decode(row[0]) for row in documents)
            known = [row[0] for row in self._connection.execute(f"SELECT number FROM {self._names.ids}")]
            gone = [(number,) for number in known if number not in used]
            self._connection.executemany(f"DELETE FROM {self._names.ids} WHERE number = ?", gone)
            return len(gone)

    # Helpers

    def _installed(self) -> _State:
        state = self._state()
        if state is None or state.format != FORMAT:
            raise ReadError(f"there are no sums of {self._table}: run `slashspan rollup build`")
        return state

    def _one(self, sql: str, *values: Any) -> Any:
        return self._connection.execute(sql, values).fetchone()

    @contextlib.contextmanager
    def _transaction(self, begin: str = "BEGIN IMMEDIATE") -> Iterator[None]:
        self._connection.execute(begin)
        try:
            yield
            self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise

    @contextlib.contextmanager
    def _as_read_error(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise ReadError(f"{self._path}: {error}") from error


def is_strange(connection: sqlite3.Connection, table: Table, low: int, high: int) -> bool:
    """Whether a row of these has a `called_at` that is not in our form, so that times do not sort as text."""
    sql = (
        f"SELECT EXISTS (SELECT 1 FROM {table.quoted} WHERE id > ? AND id <= ? AND NOT coalesce("
        "length(called_at) = 27 AND substr(called_at, 11, 1) = 'T' AND substr(called_at, 27) = 'Z', 0))"
    )
    return bool(connection.execute(sql, (low, high)).fetchone()[0])


def rows_of_hours(table: Table, since: int, until: int, *, strange: bool) -> tuple[str, dict[str, Any], Filters]:
    """What limits the query `ROWS` to these hours: a condition, its values, and the filters.

    If all times are in our form, the index finds them; otherwise those of the days around are read.
    """
    if strange:
        return "1", {}, hours.within(Filters(), since, until)
    return (
        rows_between(table),
        {"first": hours.as_datetime(since), "end": hours.as_datetime(until)},
        Filters(kinds=ALL_KINDS),
    )
