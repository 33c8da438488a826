"""How long do the answers of the overview take, from sums and from raw rows, and how does that grow with the table?

90 days of calls, the same in all databases. "sums" and "rows" answer the same reports; "again" is the second time with
the same reader, as for a page that stays open. Counts must be equal everywhere, percentiles within 2 %. ClickHouse is
the real engine behind the HTTP interface of the tests, in a process of its own; DuckDB, which is no store of slashspan,
reads Parquet files. "stats" and "page" are what a person waits for, process start included. Rows are read once: that
takes minutes. What is being done is said on stderr.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import math
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks import _processes
from benchmarks._insights_data import COMMANDS, DAYS, FIRST, USERS, fill, fill_clickhouse, write_parquet
from benchmarks._report import Report, Target
from slashspan import insights
from slashspan.insights import Filters
from slashspan.insights.readers.advice import READ_SECONDS
from slashspan.insights.readers.base import ReadError
from slashspan.insights.sums import open_sums
from slashspan.insights.sums.reader import SummedReader
from slashspan.telemetry.cli.reading import without_collections
from tests.support import clickhouse
from tests.support.clickhouse_server import clickhouse_server
from tests.support.postgres import postgres

if TYPE_CHECKING:
    from collections.abc import Sequence

    from slashspan.insights import Reader
    from slashspan.insights.result import Result
    from tests.support.postgres import Postgres

SIZES = (100_000, 1_000_000, 10_000_000)
QUICK_SIZES = (20_000, 100_000)
OVERVIEW = (
    insights.totals,
    insights.calls,
    insights.commands,
    insights.outcomes,
    insights.acknowledgements,
    insights.hours,
    insights.active_users,
    insights.lifecycle,
    insights.retention,
)
LIMIT_SECONDS = 1.0
STATS_ROWS = 1_000_000
STATS_SECONDS = 0.5
PAGE_SECONDS = 2.0
TOLERANCE = 0.02
ZONE = "Europe/Berlin"


@dataclass(frozen=True, slots=True)
class Measured:
    """One store with one number of rows; times in seconds."""

    store: str
    count: int
    raw: float | None
    """None: one of the questions was not answered in the READ_SECONDS that readers wait."""
    read: list[Result[Any]]
    """What the rows say; nothing if `raw` is None."""
    built: str = ""
    first: float = 0.0
    cpu: float = 0.0
    again: float = 0.0
    summed: tuple[Result[Any], ...] = ()
    stats: float = 0.0
    page: float = 0.0

    @property
    def name(self) -> str:
        return f"{self.store}, {self.count:,} rows"

    def cells(self) -> tuple[str, ...]:
        if not self.summed:
            return (self.name, *["–"] * 6, self._raw()[0], "–")
        times = (self.first, self.cpu, self.again, self.stats, self.page)
        return (self.name, self.built, *(f"{each:.2f}" for each in times), *self._raw())

    def _raw(self) -> tuple[str, str]:
        if self.raw is None:
            return f"none in {READ_SECONDS:.0f} s", "–"
        return f"{self.raw:.1f}", f"{self.raw / self.first:,.0f}" if self.first else "–"


def run(*, quick: bool = False) -> Report:
    found: list[Measured] = []
    equal = True
    sizes = QUICK_SIZES if quick else SIZES
    with postgres() as server:
        for count in sizes:
            some = [measured for measured in _measured(server, count) if measured is not None]
            truth = next(each.read for each in some if each.read)
            equal &= all(_same(each.read or truth, truth) and _same(each.summed or truth, truth) for each in some)
            found += some
    rows = [each.cells() for each in found]
    summed = [each for each in found if each.summed]
    largest = [each for each in summed if each.count == sizes[-1]]
    targets = [
        *(_target(each, "the overview from sums", each.first, LIMIT_SECONDS) for each in largest),
        *(_target(each, "`stats`", each.stats, STATS_SECONDS) for each in summed if each.count == STATS_ROWS),
        *(_target(each, "the page's first view", each.page, PAGE_SECONDS) for each in largest),
        Target("counts equal in all of them, percentiles within 2 %", equal),
    ]
    names = ", ".join(report.name for report in OVERVIEW)
    notes = [
        f"{DAYS} days, {COMMANDS} commands, up to {USERS:,} users; reports: {names}",
        f"{sizes[-1] // sizes[0]:,} times the rows take {_growth(summed, sizes)} times as long from sums",
    ]
    if not clickhouse.installed():
        notes.append(f"ClickHouse is left out: {clickhouse.MISSING}")
    sums = ("sums built", "from sums, s", "of it CPU", "again, s", "stats, s", "page, s")
    columns = ("", *sums, "from rows, s", "rows ÷ sums")
    return Report("insights", "How long do the overview's answers take?", columns, rows, targets, notes)


def _target(measured: Measured, what: str, seconds: float, limit: float) -> Target:
    return Target(f"{measured.name}: {what} in at most {limit:g} s: {seconds:.2f} s", seconds <= limit)


def _growth(summed: list[Measured], sizes: Sequence[int]) -> str:
    """How much longer the largest table takes than the smallest one, for each store."""
    small, large = (
        {each.store: each.first for each in summed if each.count == count} for count in (sizes[0], sizes[-1])
    )
    return ", ".join(f"{large[store] / seconds:.1f} ({store})" for store, seconds in small.items())


def _say(what: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {what}", file=sys.stderr, flush=True)


def _measured(server: Postgres, count: int) -> list[Measured | None]:
    with tempfile.TemporaryDirectory() as folder:
        return [
            _sqlite(Path(folder), count),
            _postgres(server, count),
            _clickhouse(Path(folder), count) if clickhouse.installed() else None,
            _duckdb(Path(folder), count),
        ]


def _sqlite(folder: Path, count: int) -> Measured:
    dsn = f"sqlite:///{folder / 'calls.db'}"
    _say(f"SQLite, {count:,} rows: inserting")
    fill(dsn, count)
    measured = _with_sums("SQLite", count, dsn)
    (folder / "calls.db").unlink()
    return measured


def _postgres(server: Postgres, count: int) -> Measured:
    name = server.create_database()
    _say(f"PostgreSQL, {count:,} rows: inserting")
    fill(server.dsn(name), count)
    measured = _with_sums("PostgreSQL", count, server.dsn(name))
    server.drop_database(name)
    return measured


def _clickhouse(folder: Path, count: int) -> Measured:
    with clickhouse_server(folder / "clickhouse") as server:
        _say(f"ClickHouse, {count:,} rows: inserting")
        fill_clickhouse(server, "slashspan", count)
        return _with_sums("ClickHouse", count, server.dsn("slashspan"))


def _duckdb(folder: Path, count: int) -> Measured:
    import duckdb

    from benchmarks._duckdb_reader import DuckdbReader

    _say(f"DuckDB, {count:,} rows: writing and reading Parquet")
    connection = duckdb.connect()
    files = folder / "parquet"
    files.mkdir()
    reader = DuckdbReader(connection, write_parquet(connection, files, count))
    raw, read = asyncio.run(_overview(reader, Filters(since=FIRST, zone=ZONE)))
    connection.close()
    return Measured("DuckDB on Parquet", count, raw, read)


def _with_sums(store: str, count: int, dsn: str) -> Measured:
    _say(f"{store}, {count:,} rows: building sums")
    started = time.perf_counter()
    with open_sums(dsn) as sums, without_collections():
        sums.install(ZONE)
        sums.refresh()
        size = sums.status().bytes / 2**20
    built = f"{time.perf_counter() - started:,.0f} s, {size:,.1f} MiB"
    _say(f"{store}, {count:,} rows: reading")
    stats, page = _processes.stats_seconds(dsn, ZONE), _processes.page_seconds(dsn, ZONE)
    return dataclasses.replace(asyncio.run(_read(store, count, dsn, built)), stats=stats, page=page)


async def _read(store: str, count: int, dsn: str, built: str) -> Measured:
    filters = Filters(since=FIRST, zone=ZONE)
    async with insights.connect(dsn) as reader:
        assert isinstance(reader, SummedReader)
        before = time.process_time()
        first, summed = await _overview(reader, filters)
        cpu = time.process_time() - before
        again, _ = await _overview(reader, filters)
        raw: float | None = None
        read: list[Result[Any]] = []
        with contextlib.suppress(ReadError):
            raw, read = await _overview(reader._reader, filters)
    return Measured(store, count, raw, read, built, first, cpu, again, tuple(summed))


async def _overview(reader: Reader, filters: Filters) -> tuple[float, list[Result[Any]]]:
    started = time.perf_counter()
    async with reader.snapshot():
        results: list[Result[Any]] = [await report(reader, filters) for report in OVERVIEW]
    return time.perf_counter() - started, results


def _same(some: Any, others: Any) -> bool:
    return all(_equal(*pair) for pair in zip(some, others, strict=True))


def _equal(summed: Result[Any], read: Result[Any]) -> bool:
    """Whatever their order, which percentiles decide in some reports."""
    return len(summed.rows) == len(read.rows) and all(
        _near(left[name], right[name])
        for left, right in zip(_ordered(summed), _ordered(read), strict=True)
        for name in right
    )


def _ordered(result: Result[Any]) -> list[dict[str, Any]]:
    def exact(row: dict[str, Any]) -> list[str]:
        return [str(value) for value in row.values() if not isinstance(value, float)]

    return sorted(result.records(), key=exact)


def _near(a: Any, b: Any) -> bool:
    if isinstance(a, float) and isinstance(b, float):
        return math.isclose(a, b, rel_tol=TOLERANCE, abs_tol=1e-9)
    return bool(a == b)
