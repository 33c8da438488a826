"""A report is an asynchronous function that makes rows, with a name, a title and columns."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any, Concatenate, Final, Generic, ParamSpec, TypeVar

from slashspan.insights.filters import Filters
from slashspan.insights.readers.base import Reader
from slashspan.insights.result import Result, columns_of

if TYPE_CHECKING:
    from slashspan.insights.result import Column

P = ParamSpec("P")
R = TypeVar("R")
Function = Callable[Concatenate[Reader, Filters, P], Awaitable[Sequence[R]]]
_ALL: Final = Filters()


class Report(Generic[P, R]):
    """A report, to be called like its function: `await commands(reader, Filters.last("7d"))`."""

    def __init__(self, function: Function[P, R], title: str, row_type: type[R]) -> None:
        self.function = function
        self.__name__: str = function.__name__
        self.__doc__ = inspect.getdoc(function)
        self.name = self.__name__.replace("_", "-")
        """For the command line and in addresses."""
        self.title = title
        """For people, without a full stop."""
        self.row_type = row_type

    @property
    def definition(self) -> str:
        """What exactly is counted, as Markdown."""
        return self.__doc__ or ""

    @property
    def columns(self) -> tuple[Column, ...]:
        return columns_of(self.row_type)

    @property
    def options(self) -> dict[str, Any]:
        """The report's own parameters and their defaults."""
        found = list(inspect.signature(self.function).parameters.values())[2:]
        return {each.name: each.default for each in found}

    async def __call__(
        self, reader: Reader, filters: Filters = _ALL, *arguments: P.args, **options: P.kwargs
    ) -> Result[R]:
        """Raises ReadError."""
        rows = await self.function(reader, filters, *arguments, **options)
        return Result(self.name, self.title, self.row_type, filters, tuple(rows))

    def __repr__(self) -> str:
        return f"<report {self.name}: {self.title}>"


def report(title: str, row_type: type[R]) -> Callable[[Function[P, R]], Report[P, R]]:
    """Makes a function a report. Its docstring is the definition that users read."""

    def made(function: Function[P, R]) -> Report[P, R]:
        return Report(function, title, row_type)

    return made
