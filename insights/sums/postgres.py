"""The sums in PostgreSQL: creates, refreshes and checks them.

A refresh takes the marks and makes their hours anew, in one REPEATABLE READ transaction: the marks that it sees are
exactly those of the rows that it sees. Later ones stay for the next refresh.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from slashspan.dsn import POSTGRESQL_EXTRA
from slashspan.errors import ConfigurationError
from slashspan.insights.filters import Filters
from slashspan.insights.query import statement
from slashspan.insights.readers.base import ReadError
from slashspan.insights.readers.postgres import PostgresDialect
from slashspan.insights.sums import catalog, hours
from slashspan.insights.sums.documents import Document, decode, encode, numbers_of
from slashspan.insights.sums.snapshot import ROWS
from slashspan.insights.sums.status import Status, Zones, difference
from slashspan.insights.sums.tally import Tally
from slashspan.insights.zones import find_zone
from slashspan.loop_thread import LoopThread
from slashspan.sum_tables import (
    FORMAT,
    HOUR,
    SumTables,
    postgres_creation,
    postgres_removal,
    postgres_triggers,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Collection, Coroutine, Iterable
    from typing import TypeVar

    from typing_extensions import Self

    from slashspan.dsn import Dsn
    from slashspan.insights.sums.catalog import Catalog, Partition, Range
    from slashspan.table import Table

    T = TypeVar("T")

CONNECT_SECONDS: Final = 10.0
LOCK_SECONDS: Final = 2
"""How long triggers wait for the table; all later statements on it wait behind them."""
PATIENCE_SECONDS: Final = 60.0
HOURS: Final = 12
"""Hours that one transaction makes anew at most."""
DAYS: Final = 30
"""Days of a new zone that are made in one transaction."""
ROWS_AT_ONCE: Final = 5_000
_LOCK: Final = 0x736C6175
_HOURS_WITH_ROWS: Final = """
WITH RECURSIVE found(at) AS (
    (SELECT called_at FROM {table} WHERE called_at >= to_timestamp($1) AND called_at < to_timestamp($2)
      ORDER BY called_at LIMIT 1)
     UNION ALL
    SELECT (SELECT called_at FROM {table}
             WHERE called_at >= to_timestamp(
                       $3 + {hour} * (floor((extract(epoch FROM found.at)::float8 - $3) / {hour}) + 1))
               AND called_at < to_timestamp($2)
             ORDER BY called_at LIMIT 1)
      FROM found WHERE found.at IS NOT NULL
)
SELECT floor(extract(epoch FROM at))::bigint AS second FROM found WHERE at IS NOT NULL
 UNION ALL
SELECT start FROM {hours} WHERE start >= $1 AND start < $2
"""


@dataclass(frozen=True, slots=True)
class _State:
    catalog: Catalog
    format: int
    shift: int
    zones: Zones
    partitions: list[Partition]


class PostgresSums:
    """One connection that writes, in a thread of its own. For a `with` block; every method raises ReadError."""

    def __init__(self, dsn: Dsn, table: Table) -> None:
        try:
            import asyncpg
        except ModuleNotFoundError:
            raise ConfigurationError(f"SLASHSPAN_DSN={dsn.masked!r} needs an extra: {POSTGRESQL_EXTRA}") from None
        self._errors = (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, asyncio.TimeoutError)
        self._busy: type[Exception] = asyncpg.LockNotAvailableError
        self._dsn = dsn
        self._table = table
        self._connection: Any = None

    def __enter__(self) -> Self:
        self._thread = LoopThread("slashspan-sums")
        try:
            self._wait(self._connect())
        except BaseException:
            self._thread.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(ReadError):
            self._wait(self._connection.close(timeout=1))
        self._thread.stop()

    def _wait(self, work: Coroutine[Any, Any, T]) -> T:
        future = self._thread.submit(work)
        try:
            return future.result()
        except self._errors as error:
            words = self._dsn.redact(str(error) or type(error).__name__)
            raise ReadError(f"{self._dsn}: {words}") from error
        except BaseException:
            future.cancel()
            raise

    async def _connect(self) -> None:
        import asyncpg

        self._connection = await asyncpg.connect(
            **self._dsn.connect_arguments(),
            timeout=self._dsn.connect_timeout or CONNECT_SECONDS,
            statement_cache_size=0,
        )

    # The same as SqliteSums

    def status(self) -> Status:
        return self._wait(self._status())

    def install(self, zone: str) -> bool:
        return self._wait(self._patiently(lambda: self._install(zone)))

    def remove(self) -> None:
        self._wait(self._patiently(self._remove))

    def add_zone(self, zone: str, done: Callable[[int], None]) -> None:
        self._wait(self._add_zone(zone, done))

    def refresh(self, done: Callable[[int], None] = lambda _: None) -> int:
        return self._wait(self._refresh(done))

    def verify(self, done: Callable[[int], None] = lambda _: None) -> list[str]:
        return self._wait(self._verify(done))

    def collect(self) -> int:
        return self._wait(self._collect())

    def pending(self) -> int:
        """The number of hours that a refresh would make."""
        return self._wait(self._pending())

    # What there is

    async def _catalog(self) -> Catalog:
        sql, order, bound = statement(
            PostgresDialect(self._table), catalog.CATALOG, Filters(), {}, catalog.values(self._table)
        )
        row = await self._connection.fetchrow(sql, *(bound[key] for key in order))
        if row is None or row["called_at"] is None:
            raise ReadError(f"there is no table {self._table}: run `slashspan migrate`")
        return catalog.catalog_of(row)

    async def _state(self) -> _State | None:
        found = await self._catalog()
        if not found.there:
            return None
        if not found.readable:
            raise ReadError(f"this role may not read the sums of {self._table}; docs/database.md has the GRANT")
        row = await self._connection.fetchrow(f"SELECT * FROM {found.names.state}")
        if row is None:
            return None
        partitions = catalog.partitions_of(row["partitions"])
        return _State(found, row["format"], row["shift"], json.loads(row["zones"]), partitions)

    async def _installed(self) -> _State:
        state = await self._state()
        if state is None or state.format != FORMAT or not state.catalog.usable:
            raise ReadError(f"there are no sums of {self._table}: run `slashspan rollup build`")
        return state

    async def _status(self) -> Status:
        async with self._reading():
            state = await self._state()
            if state is None or not state.catalog.usable:
                return Status(installed=False)
            names = state.catalog.names
            row = await self._connection.fetchrow(
                "SELECT count(*) AS hours, "
                "coalesce(sum(octet_length(document)), 0)::bigint AS bytes, "
                f"(SELECT coalesce(sum(octet_length(document)), 0)::bigint FROM {names.days}) AS days, "
                f"(SELECT count(*) FROM {names.marks}) AS marks, (SELECT count(*) FROM {names.ids}) AS ids "
                f"FROM {names.hours}"
            )
            return Status(
                installed=True,
                current=state.format == FORMAT,
                zones=state.zones,
                hours=row["hours"],
                ids=row["ids"],
                bytes=row["bytes"] + row["days"],
                hours_marked=row["marks"] + len(state.catalog.unmarked(state.partitions)),
            )

    # Creating and removing

    async def _patiently(self, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """In a transaction; again while a long transaction holds the table."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                async with self._connection.transaction():
                    await self._connection.execute(f"SET LOCAL lock_timeout = '{LOCK_SECONDS}s'")
                    return await work()
            except self._busy:  # noqa: PERF203 - it waits for locks
                if time.monotonic() > deadline:
                    raise ReadError(f"{self._table} is in use by a long transaction; run it again") from None
                await asyncio.sleep(0.5)

    async def _install(self, zone: str) -> bool:
        state = await self._state()
        if state is not None and state.format == FORMAT and state.catalog.usable:
            return False
        found = await self._catalog()
        if found.called_at != catalog.AWARE:
            raise ReadError(f"called_at of {self._table} has no time zone yet: run `slashspan migrate` first")
        if found.replicated:
            raise ReadError(f"a subscription writes to {self._table}, which fires no triggers: sums are not possible")
        zones = dict.fromkeys([zone] if state is None else state.zones, True)
        shift = hours.shift_of(zone) if state is None else state.shift
        for sql in [*postgres_removal(found.names), *postgres_creation(found.names)]:
            await self._connection.execute(sql)
        await self._connection.execute(
            f"INSERT INTO {found.names.state} (format, shift, zones, partitions) VALUES ($1, $2, $3, '[]')",
            FORMAT,
            shift,
            json.dumps(zones),
        )
        for sql in postgres_triggers(found.names, found.table.quoted):
            await self._connection.execute(sql)
        # After the triggers, whose lock has waited for all writers.
        await self._connection.execute(f"INSERT INTO {found.names.marks} VALUES ('-infinity', 'infinity')")
        await self._watch_partitions()
        return True

    async def _watch_partitions(self) -> None:
        """Give partitions their triggers, mark what may have changed without, and remember those that are there."""
        state = await self._installed()
        names = state.catalog.names
        for partition in state.catalog.partitions:
            if not partition.marks:
                for sql in postgres_triggers(names, partition.name):
                    await self._connection.execute(sql)
        for since, until in state.catalog.unmarked(state.partitions):
            await self._mark(names, since, until)
        await self._connection.execute(
            f"UPDATE {names.state} SET partitions = $1",
            (await self._catalog()).recorded(),
        )

    async def _mark(self, names: SumTables, since: int, until: int) -> None:
        sql = f"INSERT INTO {names.marks} VALUES (to_timestamp($1), to_timestamp($2) - interval '1 microsecond')"
        await self._connection.execute(sql, float(since), float(until))

    async def _remove(self) -> None:
        for sql in postgres_removal((await self._catalog()).names):
            await self._connection.execute(sql)

    async def _add_zone(self, zone: str, done: Callable[[int], None]) -> None:
        tz = find_zone(zone)
        async with self._alone() as state:
            names = state.catalog.names
            row = await self._connection.fetchrow(f"SELECT min(start) AS a, max(start) AS b FROM {names.hours}")
            if row["a"] is not None and not hours.is_aligned(zone, state.shift, row["a"], row["b"]):
                raise ConfigurationError(
                    f"--zone={zone}: its hours begin at another minute than those that are summed; "
                    f"use `slashspan rollup rebuild --zone {zone}`, or leave it to the rows"
                )
            await self._save_zones(names, {zone: False} | state.zones)
        day: int | None = None
        while True:
            async with self._alone() as state:
                after = hours.FIRST if day is None else hours.bounds_of(day, tz)[1]
                rows = await self._connection.fetch(
                    f"SELECT start FROM {names.hours} WHERE start >= $1 ORDER BY start LIMIT {DAYS * 24}",
                    after,
                )
                found = sorted({hours.day_of(row["start"], tz) for row in rows})[:DAYS]
                for each in found:
                    await self._write_day(names, zone, each)
                if not found:
                    await self._save_zones(names, state.zones | {zone: True})
            done(len(found))
            if not found:
                return
            day = found[-1]

    async def _save_zones(self, names: SumTables, zones: Zones) -> None:
        await self._connection.execute(f"UPDATE {names.state} SET zones = $1", json.dumps(zones))

    # Refreshing

    @contextlib.asynccontextmanager
    async def _alone(self) -> AsyncIterator[_State]:
        """A transaction that sees one state of everything. The lock is taken before: a transaction that waited for it
        would see what was there before the other one was done."""
        key = f"hashtext('{self._table}')"
        await self._connection.execute(f"SELECT pg_advisory_lock({_LOCK}, {key})")
        try:
            async with self._connection.transaction(isolation="repeatable_read"):
                yield await self._installed()
        finally:
            if not self._connection.is_closed():
                await self._connection.execute(f"SELECT pg_advisory_unlock({_LOCK}, {key})")

    @contextlib.asynccontextmanager
    async def _reading(self) -> AsyncIterator[None]:
        async with self._connection.transaction(isolation="repeatable_read", readonly=True):
            yield

    async def _refresh(self, done: Callable[[int], None]) -> int:
        total = 0
        state = await self._installed()
        if state.catalog.unmarked(state.partitions):
            await self._patiently(self._watch_partitions)
        while (count := await self._round()) is not None:
            total += count
            done(count)
        return total

    async def _pending(self) -> int:
        async with self._reading():
            state = await self._installed()
            return len(await self._hours(state, await self._marks(state.catalog.names)))

    async def _marks(self, names: SumTables, *, take: bool = False) -> list[Range]:
        """In seconds, from the first to the last row."""
        columns = "greatest(extract(epoch FROM since), $1::float8), least(extract(epoch FROM until), $2::float8)"
        sql = f"DELETE FROM {names.marks} RETURNING {columns}" if take else f"SELECT {columns} FROM {names.marks}"
        return [
            (int(row[0] // 1), int(row[1] // 1) + 1)
            for row in await self._connection.fetch(sql, float(hours.FIRST), float(hours.END))
        ]

    async def _hours(self, state: _State, marks: Iterable[Range]) -> list[int]:
        """The hours of these marks that have rows or a document, newest first."""
        found: set[int] = set()
        wide: list[Range] = []
        for since, until in sorted(
            {(hours.floor(a, state.shift), hours.floor(b - 1, state.shift) + HOUR) for a, b in marks}
        ):
            if until - since <= 2 * HOUR:
                found.update(range(since, until, HOUR))
            elif wide and since <= wide[-1][1]:
                wide[-1] = (wide[-1][0], max(until, wide[-1][1]))
            else:
                wide.append((since, until))
        names = state.catalog.names
        sql = _HOURS_WITH_ROWS.format(table=names.table.quoted, hours=names.hours, hour=HOUR)
        for since, until in wide:
            rows = await self._connection.fetch(sql, since, until, state.shift)
            found.update(hours.floor(row["second"], state.shift) for row in rows)
        return sorted(found, reverse=True)

    async def _round(self) -> int | None:
        """None if there is nothing to do."""
        async with self._alone() as state:
            names = state.catalog.names
            marks = await self._marks(names, take=True)
            if not marks:
                return None
            todo = await self._hours(state, marks)
            now, later = todo[:HOURS], todo[HOURS:]
            for since, until in hours.runs(later):
                await self._mark(names, since, until)
            tally = Tally(state.shift)
            for since, until in hours.runs(now):
                await self._tally(tally, since, until)
            documents = tally.documents(await self._numbered(names, tally.ids))
            for start in now:
                await self._write_hour(names, start, documents.get(start))
            for zone in state.zones:
                tz = find_zone(zone)
                for day in {hours.day_of(start, tz) for start in now}:
                    await self._write_day(names, zone, day)
            return len(now)

    async def _tally(self, tally: Tally, since: int, until: int) -> None:
        filters = hours.within(Filters(), since, until)
        sql, order, bound = statement(PostgresDialect(self._table), ROWS, filters, {"only": "true"}, {})
        cursor = await self._connection.cursor(sql, *(bound[key] for key in order))
        while rows := await cursor.fetch(ROWS_AT_ONCE):
            tally.add(rows)

    async def _numbered(self, names: SumTables, ids: Collection[int]) -> dict[int, int]:
        """Their numbers; new ones get one."""
        await self._connection.execute(
            f"INSERT INTO {names.ids} (id) SELECT id FROM unnest($1::bigint[]) AS id "
            f"WHERE NOT EXISTS (SELECT FROM {names.ids} AS known WHERE known.id = id.id)",
            list(ids),
        )
        return await self._numbers(names, ids)

    async def _numbers(self, names: SumTables, ids: Collection[int]) -> dict[int, int]:
        sql = f"SELECT id, number FROM {names.ids} WHERE id = ANY ($1::bigint[])"
        return {row["id"]: row["number"] for row in await self._connection.fetch(sql, list(ids))}

    # Documents

    async def _write_hour(self, names: SumTables, start: int, document: Document | None) -> None:
        if document:
            await self._connection.execute(
                f"INSERT INTO {names.hours} VALUES ($1, $2, $3) "
                "ON CONFLICT (start) DO UPDATE SET version = excluded.version, document = excluded.document",
                start,
                *encode(document),
            )
        else:
            await self._connection.execute(f"DELETE FROM {names.hours} WHERE start = $1", start)

    async def _write_day(self, names: SumTables, zone: str, day: int) -> None:
        if document := await self._merged(names, zone, day):
            await self._connection.execute(
                f"INSERT INTO {names.days} VALUES ($1, $2, $3, $4) "
                "ON CONFLICT (zone, day) DO UPDATE SET version = excluded.version, document = excluded.document",
                zone,
                day,
                *encode(document),
            )
        else:
            sql = f"DELETE FROM {names.days} WHERE zone = $1 AND day = $2"
            await self._connection.execute(sql, zone, day)

    async def _merged(self, names: SumTables, zone: str, day: int) -> Document:
        tz = find_zone(zone)
        rows = await self._connection.fetch(
            f"SELECT start, document FROM {names.hours} WHERE start >= $1 AND start < $2",
            *hours.bounds_of(day, tz),
        )
        return hours.merged({row["start"]: decode(row["document"]) for row in rows}, tz)

    # Checking

    async def _verify(self, done: Callable[[int], None]) -> list[str]:
        wrong: list[str] = []
        async with self._reading():
            state = await self._installed()
            names = state.catalog.names
            marks = await self._marks(names) + state.catalog.unmarked(state.partitions)
            dirty = set(await self._hours(state, marks))
            every = await self._hours(state, [(hours.FIRST, hours.END)])
            for place in range(0, len(every), HOURS):
                some = every[place : place + HOURS]
                tally = Tally(state.shift)
                for since, until in hours.runs(some):
                    await self._tally(tally, since, until)
                known = await self._numbers(names, tally.ids)
                missing = sorted(tally.ids - known.keys())
                actual = tally.documents(known | {each: 2**32 - 1 - n for n, each in enumerate(missing)})
                rows = await self._connection.fetch(
                    f"SELECT start, document FROM {names.hours} WHERE start = ANY ($1::bigint[])",
                    some,
                )
                stored = {row["start"]: decode(row["document"]) for row in rows}
                for start in some:
                    text = "" if start in dirty else difference(stored.get(start, {}), actual.get(start, {}))
                    if text:
                        wrong.append(f"{hours.as_datetime(start):%Y-%m-%d %H:%M} UTC: {text}")
                done(len(some))
            for zone in (zone for zone, complete in state.zones.items() if complete):
                rows = await self._connection.fetch(f"SELECT day, document FROM {names.days} WHERE zone = $1", zone)
                found = {row["day"]: row["document"] for row in rows}
                for day in sorted(found.keys() | {hours.day_of(start, find_zone(zone)) for start in every}):
                    stored_day = decode(found[day]) if day in found else {}
                    if text := difference(stored_day, await self._merged(names, zone, day)):
                        wrong.append(f"day {day} in {zone}: {text}")
        return wrong

    # Erasing

    async def _collect(self) -> int:
        async with self._alone() as state:
            names = state.catalog.names
            used = numbers_of([])
            async for row in self._connection.cursor(f"SELECT document FROM {names.hours}", prefetch=100):
                used |= numbers_of([decode(row["document"])])
            known = await self._connection.fetch(f"SELECT number FROM {names.ids}")
            gone = [row["number"] for row in known if row["number"] not in used]
            await self._connection.execute(f"DELETE FROM {names.ids} WHERE number = ANY ($1)", gone)
            return len(gone)
