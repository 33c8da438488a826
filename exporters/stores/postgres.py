"""The PostgreSQL store: one persistent connection in its own event loop, one round trip per batch.

COPY is twice as fast as INSERT but has no ON CONFLICT. It is tried first, since almost always none of the rows exist
yet. If one does, after a crash or a lost connection, the COPY fails as a whole and the batch is inserted instead.

`statement_cache_size=0` with a kept `prepare()` is an unnamed statement: asyncpg sends Parse again with each Bind, so
one round trip, and it works behind a pooler in transaction mode. `unnest` binds columns, not rows, so a batch of any
size is the same statement.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from concurrent import futures
from typing import TYPE_CHECKING, Any, Final

import asyncpg
from opentelemetry.instrumentation.utils import suppress_instrumentation

from slashspan.exporters.common.at_fork import ForkAware, register
from slashspan.exporters.rows.columns import TIMESTAMP
from slashspan.exporters.rows.command_call import ROW_COLUMNS
from slashspan.exporters.rows.lazy_rows import columns_of_rows
from slashspan.exporters.rows.timestamps import as_datetime
from slashspan.exporters.stores import postgres_copy as binary_copy
from slashspan.exporters.stores.errors import REFUSED, RowsRefused, RowsRejected, StoreError, StoreUnavailable
from slashspan.exporters.stores.postgres_errors import describe, refuses_rows, row_fault
from slashspan.exporters.stores.schema.partitions import try_partitions, utc_now
from slashspan.exporters.stores.schema.postgres_apply import prepare
from slashspan.loop_thread import LoopThread

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
    from datetime import date

    from slashspan.dsn import Dsn
    from slashspan.exporters.rows.command_call import CommandCall
    from slashspan.table import Table

CONNECT_SECONDS: Final = 10.0
COPY_ROWS: Final = 32
"""Batches of at least this many rows are copied. Smaller ones are inserted: that is as fast and needs no second try."""
GRACE_SECONDS: Final = 1.0
"""How long after its own timeout a call is abandoned from outside."""
KEEPALIVE_SECONDS: Final = 30
_NAMES: Final = [column.name for column in ROW_COLUMNS]


class PostgresStore(ForkAware):
    """Writes to `table` in the database of `dsn`. See `slashspan.exporters.stores.base.Store`."""

    def __init__(self, dsn: Dsn, table: Table) -> None:
        self._dsn = dsn
        self._table = table
        self._connection: Any = None
        self._statement: Any = None
        self._thread: LoopThread | None = None
        self._partitions_checked: date | None = None
        """The UTC day of the last check for partitions; None: the table has none."""
        arrays = ", ".join(f"${n}::{column.type.postgresql}[]" for n, column in enumerate(ROW_COLUMNS, 1))
        self._insert = (
            f"INSERT INTO {table.quoted} ({', '.join(_NAMES)}) SELECT * FROM unnest({arrays}) "  # noqa: S608 - quoted
            "ON CONFLICT (called_at, span_id) DO NOTHING"
        )
        register(self)

    @property
    def address(self) -> str:
        return self._dsn.masked

    def prepare(self, *, timeout: float) -> None:
        self._call(self._connected, timeout)

    def write(self, rows: Sequence[CommandCall], *, timeout: float) -> None:
        if len(rows) < COPY_ROWS or not self._try_copy(rows, timeout):
            self._call(lambda: self._insert_rows(rows, timeout), timeout)

    def _try_copy(self, rows: Sequence[CommandCall], timeout: float) -> bool:
        """False if a row exists already or is rejected; nothing is written then, and the INSERT shows what is wrong."""
        loop = self._loop_thread().loop
        pieces: asyncio.Queue[bytes | Exception | None] = asyncio.Queue()

        async def copy() -> bool:
            return await self._copy(pieces, timeout)

        def encode() -> None:
            # Encoded in the caller's thread, while the loop sends, and the server reads, the previous chunks.
            end: Exception | None = None
            try:
                for piece in binary_copy.chunks(rows):
                    loop.call_soon_threadsafe(pieces.put_nowait, piece)
            except Exception as error:  # noqa: BLE001 - raised where the COPY is, which it must break off
                end = error
            loop.call_soon_threadsafe(pieces.put_nowait, end)

        return bool(self._call(copy, timeout, meanwhile=encode))

    def close(self, *, timeout: float) -> None:
        if self._thread is None:
            return
        with contextlib.suppress(StoreError):
            self._call(lambda: self._disconnect(timeout), timeout)
        self._thread.stop()
        self._thread = None

    # Around a fork: the thread and the connection belong to the parent, which continues to use them.

    def after_fork_in_child(self) -> None:
        if self._connection is not None:
            # asyncpg's finalizer would close the parent's connection: they share its socket and epoll instance. It
            # leaves an aborted one alone, and would print a traceback for one without a protocol.
            with contextlib.suppress(AttributeError):
                self._connection._aborted = True
        self._thread = self._connection = self._statement = None

    # From the caller's thread into the event loop's

    def _call(
        self,
        make: Callable[[], Coroutine[Any, Any, Any]],
        timeout: float,
        meanwhile: Callable[[], None] = lambda: None,
    ) -> Any:
        async def bounded() -> Any:
            with suppress_instrumentation():  # a bot that traces asyncpg does not want to see our INSERTs
                return await asyncio.wait_for(make(), timeout)

        try:
            future = self._loop_thread().submit(bounded())
        except RuntimeError as error:  # no thread can be started while the interpreter shuts down
            raise StoreUnavailable(str(error)) from error
        try:
            meanwhile()
            return future.result(timeout + GRACE_SECONDS)
        except StoreError:
            raise
        except BaseException as error:
            # In any case the statement may or may not have run, and the state of the connection is unknown.
            future.cancel()
            self._terminate()
            if not isinstance(error, Exception):
                raise  # Ctrl-C
            late = isinstance(error, (TimeoutError, asyncio.TimeoutError, futures.TimeoutError))
            reason = f"no answer within {timeout:g} s" if late else self._dsn.redact(describe(error))
            raise StoreUnavailable(reason) from None  # the cause may quote a row

    def _loop_thread(self) -> LoopThread:
        if self._thread is None:
            self._thread = LoopThread("slashspan-postgres")
        return self._thread

    def _terminate(self) -> None:
        connection, self._connection, self._statement = self._connection, None, None
        if connection is not None and self._thread is not None:
            self._thread.loop.call_soon_threadsafe(connection.terminate)

    # In the event loop

    async def _connected(self) -> Any:
        if self._connection is not None and not self._connection.is_closed():
            await self._keep_partitions()
            return self._statement
        connection = await asyncpg.connect(
            **self._dsn.connect_arguments(),
            timeout=self._dsn.connect_timeout or CONNECT_SECONDS,
            statement_cache_size=0,
        )
        try:
            _keep_alive(connection)
            now = utc_now()
            partitioned = await prepare(connection, self._table, now)
            statement = await connection.prepare(self._insert)
        except BaseException:
            connection.terminate()
            raise
        self._connection, self._statement = connection, statement
        self._partitions_checked = now.date() if partitioned else None
        return statement

    async def _keep_partitions(self) -> None:
        """Create partitions ahead once a day: a connection may live for months."""
        now = utc_now()
        if self._partitions_checked is not None and self._partitions_checked != now.date():
            self._partitions_checked = now.date()
            await try_partitions(self._connection, self._table, now)

    async def _insert_rows(self, rows: Sequence[CommandCall], timeout: float) -> None:
        statement = await self._connected()
        try:
            await statement.fetch(*_columns(rows), timeout=timeout)
        except (asyncpg.PostgresError, asyncpg.InterfaceError, ValueError, TypeError, OverflowError) as error:
            if not refuses_rows(error):
                raise
            if fault := row_fault(error, rows):
                raise RowsRejected(fault) from None  # the cause may quote the row
            if isinstance(error, asyncpg.PostgresError):
                reason = f"{REFUSED}: {self._dsn.redact(describe(error))}"
                raise RowsRefused(reason) from None
            raise

    async def _copy(self, pieces: asyncio.Queue[bytes | Exception | None], timeout: float) -> bool:
        await self._connected()

        async def source() -> AsyncIterator[bytes]:
            while (piece := await pieces.get()) is not None:
                if isinstance(piece, Exception):
                    raise piece
                yield piece

        try:
            await self._connection.copy_to_table(
                self._table.name,
                schema_name=self._table.schema,
                columns=_NAMES,
                source=source(),
                format="binary",
                timeout=timeout,
            )
        except struct.error:
            return False
        except (asyncpg.PostgresError, ValueError, TypeError) as error:
            if not refuses_rows(error):
                raise
            return False
        return True

    async def _disconnect(self, timeout: float) -> None:
        connection, self._connection, self._statement = self._connection, None, None
        if connection is not None:
            await connection.close(timeout=timeout)


def _columns(rows: Sequence[CommandCall]) -> list[list[Any]]:
    """The values of each column, as asyncpg binds them to an array parameter."""
    return [
        [as_datetime(value) for value in values] if column.type is TIMESTAMP else list(values)
        for column, values in zip(ROW_COLUMNS, columns_of_rows(rows), strict=True)
    ]


def _keep_alive(connection: Any) -> None:
    """Detect a dead peer on an idle connection; asyncpg sets none of these options."""
    sock = connection._transport.get_extra_info("socket")
    if sock is None or sock.family == getattr(socket, "AF_UNIX", None):
        return
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (
        ("TCP_KEEPIDLE", KEEPALIVE_SECONDS),
        ("TCP_KEEPINTVL", KEEPALIVE_SECONDS // 3),
        ("TCP_USER_TIMEOUT", 2 * KEEPALIVE_SECONDS * 1000),
    ):
        option = getattr(socket, name, None)
        if option is not None:
            sock.setsockopt(socket.IPPROTO_TCP, option, value)
