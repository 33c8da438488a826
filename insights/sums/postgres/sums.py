"""The sums in PostgreSQL, as `Sums`."""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
import time
from typing import TYPE_CHECKING, Any, Final

from slashspan.dsn import POSTGRESQL_EXTRA
from slashspan.errors import ConfigurationError
from slashspan.insights.readers.base import ReadError
from slashspan.insights.sums import catalog, hours
from slashspan.insights.sums.postgres.connection import SumsConnection
from slashspan.insights.sums.postgres.documents import StoredDocuments
from slashspan.insights.sums.postgres.marks import marked_hours, read_marks
from slashspan.insights.sums.postgres.refresh import refresh_once, watch_partitions
from slashspan.insights.sums.postgres.verification import differences
from slashspan.insights.sums.status import Status, Zones, check_aligned
from slashspan.insights.zones import find_zone
from slashspan.loop_thread import LoopThread
from slashspan.sum_tables import FORMAT, SumTables, postgres_creation, postgres_removal, postgres_triggers

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from typing import TypeVar

    from typing_extensions import Self

    from slashspan.dsn import Dsn
    from slashspan.table import Table

    T = TypeVar("T")

DAYS: Final = 30
"""Days of a new zone that are made in one transaction."""


class PostgresSums:
    """One connection that writes, in a thread of its own. For a `with` block; every method raises ReadError."""

    def __init__(self, dsn: Dsn, table: Table, lock_seconds: float) -> None:
        try:
            import asyncpg
        except ModuleNotFoundError:
            raise ConfigurationError(f"SLASHSPAN_DSN={dsn.masked!r} needs an extra: {POSTGRESQL_EXTRA}") from None
        self._errors = (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, asyncio.TimeoutError)
        self._dsn = dsn
        self._table = table
        self._connection = SumsConnection(dsn, table, lock_seconds)

    def __enter__(self) -> Self:
        self._thread = LoopThread("slashspan-sums")
        try:
            self._wait(self._connection.open())
        except BaseException:
            self._thread.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(ReadError):
            self._wait(self._connection.close())
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

    def status(self) -> Status:
        return self._wait(self._status())

    def install(self, zone: str) -> bool:
        return self._wait(self._connection.patiently(lambda: self._install(zone)))

    def remove(self) -> None:
        self._wait(self._connection.patiently(self._remove))

    def add_zone(self, zone: str, done: Callable[[int], None]) -> None:
        self._wait(self._add_zone(zone, done))

    def refresh(self, done: Callable[[int], None] = lambda _: None, *, seconds: float = math.inf) -> int:
        return self._wait(self._refresh(done, seconds))

    def verify(self, done: Callable[[int], None] = lambda _: None) -> list[str]:
        return self._wait(self._verify(done))

    def collect(self) -> int:
        return self._wait(self._collect())

    def pending(self) -> int:
        """The number of hours that a refresh would make."""
        return self._wait(self._pending())

    # The same in the connection's loop

    async def _status(self) -> Status:
        async with self._connection.reading():
            state = await self._connection.state()
            if state is None or not state.catalog.usable:
                return Status(installed=False)
            names = state.names
            row = await self._connection.asyncpg.fetchrow(
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
                hours_marked=row["marks"] + len(state.unmarked),
            )

    async def _install(self, zone: str) -> bool:
        execute = self._connection.asyncpg.execute
        state = await self._connection.state()
        if state is not None and state.format == FORMAT and state.catalog.usable:
            return False
        found = await self._connection.catalog()
        if found.called_at != catalog.AWARE:
            raise ReadError(f"called_at of {self._table} has no time zone yet: run `slashspan migrate` first")
        if found.replicated:
            raise ReadError(f"a subscription writes to {self._table}, which fires no triggers: sums are not possible")
        zones = dict.fromkeys([zone] if state is None else state.zones, True)
        shift = hours.shift_of(zone) if state is None else state.shift
        for sql in [*postgres_removal(found.names), *postgres_creation(found.names)]:
            await execute(sql)
        await execute(
            f"INSERT INTO {found.names.state} (format, shift, zones, partitions) VALUES ($1, $2, $3, '[]')",
            FORMAT,
            shift,
            json.dumps(zones),
        )
        for sql in postgres_triggers(found.names, found.table.quoted):
            await execute(sql)
        # After the triggers, whose lock has waited for all writers.
        await execute(f"INSERT INTO {found.names.marks} VALUES ('-infinity', 'infinity')")
        await watch_partitions(self._connection)
        return True

    async def _remove(self) -> None:
        for sql in postgres_removal((await self._connection.catalog()).names):
            await self._connection.asyncpg.execute(sql)

    async def _add_zone(self, zone: str, done: Callable[[int], None]) -> None:
        tz = find_zone(zone)
        async with self._connection.alone() as state:
            names = state.names
            row = await self._connection.asyncpg.fetchrow(f"SELECT min(start) AS a, max(start) AS b FROM {names.hours}")
            check_aligned(zone, state.shift, row["a"], row["b"])
            await self._save_zones(names, {zone: False} | state.zones)
        day: int | None = None
        while True:
            async with self._connection.alone() as state:
                after = hours.FIRST if day is None else hours.bounds_of(day, tz)[1]
                rows = await self._connection.asyncpg.fetch(
                    f"SELECT start FROM {names.hours} WHERE start >= $1 ORDER BY start LIMIT {DAYS * 24}",
                    after,
                )
                found = sorted({hours.day_of(row["start"], tz) for row in rows})[:DAYS]
                for each in found:
                    await StoredDocuments(self._connection.asyncpg, names).write_day(zone, each)
                if not found:
                    await self._save_zones(names, state.zones | {zone: True})
            done(len(found))
            if not found:
                return
            day = found[-1]

    async def _save_zones(self, names: SumTables, zones: Zones) -> None:
        await self._connection.asyncpg.execute(f"UPDATE {names.state} SET zones = $1", json.dumps(zones))

    async def _pending(self) -> int:
        async with self._connection.reading():
            state = await self._connection.installed()
            marks = await read_marks(self._connection.asyncpg, state.names)
            return len(await marked_hours(self._connection.asyncpg, state, marks))

    async def _refresh(self, done: Callable[[int], None], seconds: float) -> int:
        total = 0
        deadline = time.monotonic() + seconds
        if (await self._connection.installed()).unmarked:
            await self._connection.patiently(lambda: watch_partitions(self._connection))
        while time.monotonic() < deadline and (count := await refresh_once(self._connection)) is not None:
            total += count
            done(count)
        return total

    async def _verify(self, done: Callable[[int], None]) -> list[str]:
        async with self._connection.reading():
            return await differences(self._connection, done)

    async def _collect(self) -> int:
        async with self._connection.alone() as state:
            return await StoredDocuments(self._connection.asyncpg, state.names).erase_unused()
