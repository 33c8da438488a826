"""What a report asks for its rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AbstractAsyncContextManager

    from typing_extensions import Self

    from slashspan.insights.filters import Filters

Row = dict[str, Any]


class ReadError(Exception):
    """The table cannot be read. The message says what to do."""


class Reader(Protocol):
    """Reads one table, and cannot write. To be used in an `async with` block; queries run one after the other."""

    async def query(
        self, name: str, filters: Filters, expressions: Mapping[str, str] | None = None, **values: Any
    ) -> list[Row]:
        """Rows of the query in `sql/<name>.sql`. Raises ReadError.

        `expressions` replace its `{name}` and are part of the SQL, so they must not come from outside; `values` are
        bound to its `:name`.
        """

    def snapshot(self) -> AbstractAsyncContextManager[None]:
        """All queries in this block see the table as it was at the first of them."""

    async def __aenter__(self) -> Self: ...

    async def __aexit__(self, *_: object) -> None: ...
