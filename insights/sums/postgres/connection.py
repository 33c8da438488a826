"""The connection that writes the sums, and what their state is."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from slashspan.insights.filters import Filters
from slashspan.insights.query import statement
from slashspan.insights.readers.base import ReadError
from slashspan.insights.readers.postgres import PostgresDialect
from slashspan.insights.sums import catalog
from slashspan.sum_tables import FORMAT

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
    from typing import TypeVar

    from slashspan.dsn import Dsn
    from slashspan.insights.sums.catalog import Catalog, Partition, Range
    from slashspan.insights.sums.status import Zones
    from slashspan.sum_tables import SumTables
    from slashspan.table import Table

    T = TypeVar("T")

CONNECT_SECONDS: Final = 10.0
LOCK_SECONDS: Final = 2
"""How long triggers wait for the table; all later statements on it wait behind them."""
PATIENCE_SECONDS: Final = 60.0
_LOCK: Final = 0x736C6175


@dataclass(frozen=True, slots=True)
class State:
    """The row of the table of the state, and the catalog."""

    catalog: Catalog
    format: int
    shift: int
    zones: Zones
    partitions: list[Partition]

    @property
    def names(self) -> SumTables:
        return self.catalog.names

    @property
    def unmarked(self) -> list[Range]:
        """Times whose rows may have changed without a mark."""
        return self.catalog.unmarked(self.partitions)


class SumsConnection:
    """To be used in its own event loop, after `open`. Raises the driver's errors, and ReadError."""

    def __init__(self, dsn: Dsn, table: Table, lock_seconds: float) -> None:
        self._dsn = dsn
        self._table = table
        self._lock_seconds = lock_seconds

    async def open(self) -> None:
        import asyncpg

        self._busy: type[Exception] = asyncpg.LockNotAvailableError
        self.asyncpg: Any = await asyncpg.connect(
            **self._dsn.connect_arguments(),
            timeout=self._dsn.connect_timeout or CONNECT_SECONDS,
            statement_cache_size=0,
        )
        await self.asyncpg.execute(f"SET lock_timeout = {int(self._lock_seconds * 1000)}")

    async def close(self) -> None:
        await self.asyncpg.close(timeout=1)

    def select(
        self, name: str, filters: Filters, expressions: Mapping[str, str], values: Mapping[str, Any]
    ) -> tuple[str, list[Any]]:
        """The statement `sql/<name>.sql` with its arguments."""
        sql, order, bound = statement(PostgresDialect(self._table), name, filters, expressions, values)
        return sql, [bound[key] for key in order]

    async def catalog(self) -> Catalog:
        sql, arguments = self.select(catalog.CATALOG, Filters(), {}, catalog.values(self._table))
        row = await self.asyncpg.fetchrow(sql, *arguments)
        if row is None or row["called_at"] is None:
            raise ReadError(f"there is no table {self._table}: run `slashspan migrate`")
        return catalog.catalog_of(row)

    async def state(self) -> State | None:
        """None if there are no sums."""
        found = await self.catalog()
        if not found.there:
            return None
        if not found.readable:
            raise ReadError(f"this role may not read the sums of {self._table}; docs/database.md has the GRANT")
        row = await self.asyncpg.fetchrow(f"SELECT * FROM {found.names.state}")
        if row is None:
            return None
        partitions = catalog.partitions_of(row["partitions"])
        return State(found, row["format"], row["shift"], json.loads(row["zones"]), partitions)

    async def installed(self) -> State:
        """The state of sums that can be refreshed."""
        state = await self.state()
        if state is None or state.format != FORMAT or not state.catalog.usable:
            raise ReadError(f"there are no sums of {self._table}: run `slashspan rollup build`")
        return state

    @contextlib.asynccontextmanager
    async def reading(self) -> AsyncIterator[None]:
        """A transaction that sees one state of everything."""
        async with self.asyncpg.transaction(isolation="repeatable_read", readonly=True):
            yield

    @contextlib.asynccontextmanager
    async def alone(self) -> AsyncIterator[State]:
        """The same, for the only process that changes sums. The lock is taken before: a transaction that waited for it
        would see what was there before the other one was done."""
        key = f"hashtext('{self._table}')"
        await self.asyncpg.execute(f"SELECT pg_advisory_lock({_LOCK}, {key})")
        try:
            async with self.asyncpg.transaction(isolation="repeatable_read"):
                yield await self.installed()
        finally:
            if not self.asyncpg.is_closed():
                await self.asyncpg.execute(f"SELECT pg_advisory_unlock({_LOCK}, {key})")

    async def patiently(self, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """In a transaction; again while a long transaction holds the table."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                async with self.asyncpg.transaction():
                    await self.asyncpg.execute(f"SET LOCAL lock_timeout = '{LOCK_SECONDS}s'")
                    return await work()
            except self._busy:  # noqa: PERF203 - it waits for locks
                if time.monotonic() > deadline:
                    raise ReadError(f"{self._table} is in use by a long transaction; run it again") from None
                await asyncio.sleep(0.5)
