"""A reader that answers from the sums where it can, and otherwise from the rows."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final

from slashspan.insights.filters import ALL_KINDS
from slashspan.insights.sums.progress import progress_of
from slashspan.insights.sums.snapshot import NEW_ROWS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from typing_extensions import Self

    from slashspan.insights.filters import Filters
    from slashspan.insights.readers.base import Reader, Row
    from slashspan.insights.sums.cache import Documents
    from slashspan.insights.sums.chosen import Period
    from slashspan.insights.sums.progress import Progress
    from slashspan.insights.sums.snapshot import Snapshot, Source

QUERIES: Final = frozenset(
    (
        "totals", "commands", "errors", "outcomes", "durations", "acknowledgements", "releases", "release_places",
        "error_types", "calls", "arrival", "hours", "user_days", "retention", "trend", "choices", "duration_histogram",
        "release_starts", "error_releases",
    )
)  # fmt: skip
"""What the sums answer: the keys of `ANSWERS`, which needs pyroaring to be imported."""
ROLLUP_EXTRA: Final = "pip install 'slashspan[rollup]'"
_log = logging.getLogger(__name__)
_warned: set[str] = set()
"""What the log has said."""


class SummedReader:
    """Wraps a store's reader. Each answer is of one state of rows and sums."""

    def __init__(self, reader: Reader, source: Source, documents: Documents) -> None:
        self._reader = reader
        self._source = source
        self._turn = asyncio.Lock()
        """Held by whoever began the snapshot."""
        self._answering = asyncio.Lock()
        """Held while it is used: it does not end before."""
        self._in_snapshot = False
        self._sums: list[Snapshot | None] = []
        """Of this snapshot, once it has been asked for."""
        self._periods: dict[tuple[Filters, bool], Period | None] = {}
        self._documents = documents

    async def query(
        self, name: str, filters: Filters, expressions: Mapping[str, str] | None = None, **values: Any
    ) -> list[Row]:
        if name not in QUERIES or not _is_summed(filters):
            return await self._reader.query(name, filters, expressions, **values)
        while True:
            if not self._in_snapshot:
                async with self.snapshot(), self._answering:
                    return await self._answer(name, filters, expressions or {}, values)
            async with self._answering:
                if self._in_snapshot:
                    return await self._answer(name, filters, expressions or {}, values)

    async def _answer(
        self, name: str, filters: Filters, expressions: Mapping[str, str], values: Mapping[str, Any]
    ) -> list[Row]:
        period = await self._period(filters, hourly=expressions.get("bucket") == "hour_start")
        if period is None:
            return await self._reader.query(name, filters, expressions, **values)
        from slashspan.insights.sums.answers import ANSWERS

        return await asyncio.to_thread(ANSWERS[name], period, expressions)

    async def _period(self, filters: Filters, *, hourly: bool) -> Period | None:
        """None if the rows must be read."""
        if not self._sums:
            self._sums.append(await self._open())
        (snapshot,) = self._sums
        if snapshot is None:
            return None
        if (filters, hourly) not in self._periods:
            from slashspan.insights.sums.chosen import Period
            from slashspan.insights.sums.period import load

            cells = await load(self._reader, snapshot, self._documents, filters, hourly=hourly)
            self._periods[filters, hourly] = None if cells is None else Period(cells, filters)
        return self._periods[filters, hourly]

    async def _open(self) -> Snapshot | None:
        found = await self._source.open(self._reader)
        if found is None or found.above > NEW_ROWS:
            if found or await self._source.exist(self._reader):
                _warn_once("are out of date or may not be read: `slashspan rollup status` says more")
            return None
        if find_spec("pyroaring") is None:
            _warn_once(f"need an extra: {ROLLUP_EXTRA}")
            return None
        return found

    async def sums(self) -> Snapshot | None:
        """What is summed; None if there are no sums that can be trusted. Raises ReadError."""
        async with self.snapshot():
            return await self._source.open(self._reader)

    async def progress(self) -> Progress | None:
        """How far the sums have been built; None if they can be used, or if there are none. Raises ReadError."""
        async with self.snapshot():
            found = await self._source.open(self._reader)
            return None if found is None else await progress_of(self._reader, found)

    async def has_sums(self) -> bool:
        """Whether the table has any, whether they can be used or not. Raises ReadError."""
        return await self._source.exist(self._reader)

    @contextlib.asynccontextmanager
    async def snapshot(self) -> AsyncIterator[None]:
        async with self._turn, self._reader.snapshot():
            self._in_snapshot = True
            try:
                yield
            finally:
                async with self._answering:
                    self._in_snapshot = False
                    self._sums.clear()
                    self._periods.clear()

    async def __aenter__(self) -> Self:
        await self._reader.__aenter__()
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self._reader.__aexit__(*exception)


def _warn_once(reason: str) -> None:
    if reason not in _warned:
        _warned.add(reason)
        _log.warning("all rows are read, because the table's sums %s", reason)


def _is_summed(filters: Filters) -> bool:
    """Whether the sums can distinguish these calls from others. An empty environment or release stands for none."""
    known = set(filters.kinds) <= set(ALL_KINDS) and "" not in filters.environments + filters.releases
    return known and not (filters.guilds or filters.shards or filters.users)
