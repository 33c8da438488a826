"""Reads PostgreSQL over one connection, in read-only transactions."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any, Final

from slashspan.dsn import POSTGRESQL_EXTRA
from slashspan.errors import ConfigurationError
from slashspan.insights.query import PERCENTS, statement
from slashspan.insights.readers.advice import CONNECT_SECONDS, READ_SECONDS, advice
from slashspan.insights.readers.base import ReadError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping

    from typing_extensions import Self

    from slashspan.dsn import Dsn
    from slashspan.insights.filters import Filters
    from slashspan.insights.readers.base import Row
    from slashspan.table import Table


def _seconds(column: str) -> str:
    return f"extract(epoch FROM {column})"


class PostgresDialect:
    """PostgreSQL's."""

    name: Final = "postgresql"
    fence: Final = ""
    times: Final = {
        "at_us": f"CAST({_seconds('called_at')} * 1000000 AS bigint)",
        "at_s": f"CAST(floor({_seconds('called_at')}) AS bigint)",
        "inserted_us": f"CAST({_seconds('inserted_at')} * 1000000 AS bigint)",
    }

    def __init__(self, table: Table) -> None:
        self.table: Final = table.quoted

    def rows(self, filters: Filters) -> str:
        return self.table

    def nearest_ranks(self, expression: str) -> str:
        shares = ", ".join(str(percent / 100) for percent in PERCENTS)
        return f"percentile_disc(ARRAY[{shares}]) WITHIN GROUP (ORDER BY {expression})"

    def value(self, value: Any) -> Any:
        return value

    def placeholder(self, number: int, name: str, value: Any) -> str:
        return f"${number}"


class PostgresReader:
    """One connection. Each query sees one state of the table; several do in a `snapshot`."""

    def __init__(self, dsn: Dsn, table: Table) -> None:
        try:
            import asyncpg
        except ModuleNotFoundError:
            raise ConfigurationError(f"SLASHSPAN_DSN={dsn.masked!r} needs an extra: {POSTGRESQL_EXTRA}") from None
        self._errors = (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, asyncio.TimeoutError)
        self._dsn = dsn
        self._dialect = PostgresDialect(table)
        self._connection: Any = None
        self._turn = asyncio.Lock()
        self._in_snapshot = False

    async def query(
        self, name: str, filters: Filters, expressions: Mapping[str, str] | None = None, **values: Any
    ) -> list[Row]:
        sql, order, bound = statement(self._dialect, name, filters, expressions or {}, values)
        async with self._turn:
            with self._as_read_error():
                transaction = contextlib.nullcontext() if self._in_snapshot else self._transaction()
                async with transaction:
                    return [dict(row) for row in await self._connection.fetch(sql, *(bound[key] for key in order))]

    @contextlib.asynccontextmanager
    async def snapshot(self) -> AsyncIterator[None]:
        with self._as_read_error():
            async with self._transaction():
                self._in_snapshot = True
                try:
                    yield
                finally:
                    self._in_snapshot = False

    def _transaction(self) -> Any:
        if self._connection is None:
            raise RuntimeError("a reader is used in an `async with` block")
        return self._connection.transaction(isolation="repeatable_read", readonly=True)

    @contextlib.contextmanager
    def _as_read_error(self) -> Iterator[None]:
        try:
            yield
        except self._errors as error:
            words = self._dsn.redact(str(error) or type(error).__name__)
            raise ReadError(f"{words}{advice(error)}") from error

    async def __aenter__(self) -> Self:
        import asyncpg

        try:
            self._connection = await asyncpg.connect(
                **self._dsn.connect_arguments(),
                timeout=self._dsn.connect_timeout or CONNECT_SECONDS,
                command_timeout=READ_SECONDS,
                statement_cache_size=0,
            )
        except (*self._errors, ValueError) as error:
            words = self._dsn.redact(str(error) or type(error).__name__)
            raise ReadError(f"{self._dsn} cannot be reached: {words}") from error
        return self

    async def __aexit__(self, *_: object) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(*self._errors):
                await connection.close(timeout=1)
