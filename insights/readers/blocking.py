"""A reader for code without `await`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from slashspan.insights.filters import Filters
from slashspan.loop_thread import LoopThread

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from typing import Concatenate, ParamSpec, TypeVar

    from typing_extensions import Self

    from slashspan.insights.readers.base import Reader, Row

    P = ParamSpec("P")
    T = TypeVar("T")


class BlockingReader:
    """Runs reports in an event loop in a thread of its own. To be used in a `with` block."""

    def __init__(self, make: Callable[[], Reader]) -> None:
        self._thread = LoopThread("slashspan-reader")
        try:
            self._reader = self._wait(_entered(make))
        except BaseException:
            self._thread.stop()
            raise

    def run(
        self,
        report: Callable[Concatenate[Reader, P], Coroutine[Any, Any, T]],
        *arguments: P.args,
        **options: P.kwargs,
    ) -> T:
        """The report's result: `reader.run(insights.commands, Filters.last("7d"))`. Raises ReadError."""
        return self._wait(report(self._reader, *arguments, **options))

    def query(self, name: str, filters: Filters | None = None, **values: Any) -> list[Row]:
        """Rows of a query in `sql/`. Raises ReadError."""
        return self._wait(self._reader.query(name, filters or Filters(), **values))

    def _wait(self, work: Coroutine[Any, Any, T]) -> T:
        future = self._thread.submit(work)
        try:
            return future.result()
        except BaseException:
            future.cancel()  # Ctrl-C also ends the query
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self._wait(_left(self._reader))
        finally:
            self._thread.stop()


async def _entered(make: Callable[[], Reader]) -> Reader:
    return await make().__aenter__()


async def _left(reader: Reader) -> None:
    await reader.__aexit__()
