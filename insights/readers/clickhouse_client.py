"""A client of ClickHouse that stays open, and its errors as ReadError."""

from __future__ import annotations

import contextlib
import re
from typing import TYPE_CHECKING, Any, Final

from slashspan.clickhouse import ClickhouseError, connected
from slashspan.insights.readers.advice import READ_SECONDS, advice
from slashspan.insights.readers.base import ReadError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from typing_extensions import Self

    from slashspan.dsn import Dsn
    from slashspan.insights.readers.base import Row

AS_ELSEWHERE: Final = {"prefer_column_name_to_alias": 1, "aggregate_functions_null_for_empty": 1}
"""Names mean what they do in other databases, and the first of no calls is null."""
READING: Final = {**AS_ELSEWHERE, "readonly": 2, "max_execution_time": int(READ_SECONDS)}
"""Nothing can be written. `readonly` 2 allows other settings."""
MORE_SECONDS: Final = 10.0
"""How much longer than the server the client waits: the server says why it gave up."""
_BYTES: Final = {"document": "bytes"}
"""Columns of the type String that are no text."""
_SCOPE: Final = re.compile(r"\.? in scope ", re.IGNORECASE)
"""What follows in an error is the query."""


class ClickhouseClient:
    """To be opened, used by any number of threads, and closed. Raises ReadError; `open` also ConfigurationError."""

    def __init__(self, dsn: Dsn, *, seconds: float = READ_SECONDS + MORE_SECONDS) -> None:
        self._dsn = dsn
        self._seconds = seconds
        self._stack = contextlib.ExitStack()

    def open(self) -> Self:
        try:
            self._client: Any = self._stack.enter_context(connected(self._dsn, seconds=self._seconds))
        except ClickhouseError as error:
            raise ReadError(f"{error}{advice(error)}") from error
        self._client.database = self._dsn.database
        return self

    def close(self) -> None:
        self._stack.close()

    def select(self, sql: str, values: dict[str, Any], **settings: Any) -> list[Row]:
        with self._as_read_error():
            found = self._client.query(sql, parameters=values, settings=settings, column_formats=_BYTES)
            return list(found.named_results())

    def execute(self, sql: str, **values: Any) -> None:
        with self._as_read_error():
            self._client.command(sql, parameters=values)

    def insert(self, table: str, columns: tuple[str, ...], rows: list[list[Any]]) -> None:
        with self._as_read_error():
            self._client.insert(table, rows, column_names=columns)

    @contextlib.contextmanager
    def _as_read_error(self) -> Iterator[None]:
        from clickhouse_connect.driver.exceptions import ClickHouseError as DriverError

        try:
            yield
        except (DriverError, OSError) as error:
            found = ClickhouseError(self._dsn, error)
            words = _SCOPE.split(str(found))[0]
            raise ReadError(f"{words}{advice(found)}") from error
