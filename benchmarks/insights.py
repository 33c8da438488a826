"""How long do the answers of the overview take, from sums and from raw rows, and how does that grow with the table?

90 days of calls are made inside the databases. "sums" and "rows" answer the same reports; "again" is the second time
with the same reader, as for a page that stays open. Counts must be equal, percentiles within 2 %.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import sqlite3
import tempfile
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import asyncpg

from benchmarks._report import Report, Target
from slashspan import insights
from slashspan.exporters.admin.migrate import run_migration
from slashspan.insights import Filters
from slashspan.insights.sums import open_sums
from slashspan.insights.sums.reader import SummedReader
from tests.support.postgres import postgres

if TYPE_CHECKING:
    from slashspan.insights import Reader
    from slashspan.insights.result import Result

DAYS = 90
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
TOLERANCE = 0.02
ZONE = "Europe/Berlin"
_COLUMNS = (
    "called_at, span_id, discord_uid, player_name, command, kind, outcome, duration_ms, ack_ms, gateway_delay_ms, "
    "guild_id, service_name, trace_id"
)
_SQLITE = f"""
WITH RECURSIVE n(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM n WHERE n + 1 < :count),
     dice AS (SELECT n, abs(random()) / 9223372036854775808.0 AS a, abs(random()) / 9223372036854775808.0 AS b,
                     abs(random()) / 9223372036854775808.0 AS c, abs(random()) / 9223372036854775808.0 AS d FROM n)
INSERT INTO command_calls ({_COLUMNS})
SELECT strftime('%Y-%m-%dT%H:%M:%S', :first + CAST(n * :step AS INTEGER), 'unixepoch')
           || printf('.%06dZ', n % 1000000),
       n, CAST(a * a * :users AS INTEGER) + 1, 'user', printf('command%02d', CAST(b * b * 40 AS INTEGER)), 'slash',
       CASE WHEN c < 0.9 THEN 'ok' WHEN c < 0.95 THEN 'rejected' ELSE 'error' END,
       exp(2 + 5 * d), exp(1 + 4 * c), 30 * a, CAST(b * 2000 AS INTEGER), 'bot', ''
  FROM dice
"""
_POSTGRES = f"""
INSERT INTO command_calls ({_COLUMNS})
SELECT to_timestamp($1::float8 + n * $2::float8), n, (a * a * $3::int)::bigint + 1, 'user',
       'command' || lpad(floor(b * b * 40)::text, 2, '0'), 'slash',
       CASE WHEN c < 0.9 THEN 'ok' WHEN c < 0.95 THEN 'rejected' ELSE 'error' END,
       exp(2 + 5 * d), exp(1 + 4 * c), 30 * a, (b * 2000)::bigint, 'bot', ''
  FROM (SELECT n, random() AS a, random() AS b, random() AS c, random() AS d
          FROM generate_series($4::bigint, $5::bigint) AS n) AS dice
"""
CHUNK = 500_000


def run(*, quick: bool = False) -> Report:
    rows: list[tuple[str, ...]] = []
    targets = []
    equal = True
    sizes = QUICK_SIZES if quick else SIZES
    with postgres() as server, tempfile.TemporaryDirectory() as folder:
        for count in sizes:
            for store in ("SQLite", "PostgreSQL"):
                file = f"sqlite:///{Path(folder) / str(count)}.db"
                dsn = file if store == "SQLite" else server.dsn(server.create_database())
                _fill(dsn, count)
                started = time.perf_counter()
                with open_sums(dsn) as sums:
                    sums.install(ZONE)
                    sums.refresh()
                    size = sums.status().bytes / 2**20
                built = time.perf_counter() - started
                first, cpu, again, raw, same = asyncio.run(_read(dsn))
                equal &= same
                cells = (f"{built:,.0f} s, {size:,.1f} MiB", f"{first:.2f}", f"{cpu:.2f}", f"{again:.2f}", f"{raw:.1f}")
                rows.append((f"{store}, {count:,} rows", *cells, f"{raw / first:,.0f}"))
                if count == sizes[-1]:
                    text = f"{store}: the overview of {count:,} rows in at most {LIMIT_SECONDS:g} s: {first:.2f} s"
                    targets.append(Target(text, first <= LIMIT_SECONDS))
                if store == "SQLite":
                    Path(dsn.removeprefix("sqlite:///")).unlink()
                else:
                    server.drop_database(dsn.rpartition("/")[2])
    targets.append(Target("counts equal, percentiles within 2 %", equal))
    names = ", ".join(report.name for report in OVERVIEW)
    return Report(
        "insights",
        "How long do the overview's answers take?",
        ("", "sums built", "from sums, s", "of it CPU", "again, s", "from rows, s", "rows ÷ sums"),
        rows,
        targets=targets,
        notes=(f"{DAYS} days, 40 commands, up to 200,000 users; reports: {names}",),
    )


def _first() -> datetime:
    today = datetime.now(timezone.utc).replace(hour=0, minute=0, second=0, microsecond=0)
    return today - timedelta(days=DAYS - 1)


def _fill(dsn: str, count: int) -> None:
    run_migration(dsn, "command_calls")
    seconds = (datetime.now(timezone.utc) - _first()).total_seconds()
    step, users = seconds / count, min(200_000, count // 10)
    first = _first().timestamp()
    if dsn.startswith("sqlite"):
        with contextlib.closing(sqlite3.connect(dsn.removeprefix("sqlite:///"), isolation_level=None)) as lite:
            lite.execute("PRAGMA synchronous = OFF")
            with contextlib.suppress(sqlite3.OperationalError):  # built without mathematical functions
                lite.execute("SELECT exp(1)")
            lite.create_function("exp", 1, math.exp, deterministic=True)
            lite.execute(_SQLITE, {"count": count, "first": int(first), "step": step, "users": users})
            lite.execute("ANALYZE")
        return

    async def fill() -> None:
        connection = await asyncpg.connect(dsn)
        try:
            for low in range(0, count, CHUNK):
                await connection.execute(_POSTGRES, first, step, users, low, min(count, low + CHUNK) - 1)
            await connection.execute("VACUUM ANALYZE command_calls")
        finally:
            await connection.close()

    asyncio.run(fill())


async def _read(dsn: str) -> tuple[float, float, float, float, bool]:
    """Seconds from sums, of them CPU time of this process, again, from rows; and whether they say the same."""
    filters = Filters(since=_first(), zone=ZONE)
    async with insights.connect(dsn) as reader:
        assert isinstance(reader, SummedReader)
        before = time.process_time()
        first, summed = await _overview(reader, filters)
        cpu = time.process_time() - before
        again, _ = await _overview(reader, filters)
        raw_reader = reader._reader
        raw, read = await _overview(raw_reader, filters)
    return first, cpu, again, raw, all(_same(*pair) for pair in zip(summed, read, strict=True))


async def _overview(reader: Reader, filters: Filters) -> tuple[float, list[Result[Any]]]:
    started = time.perf_counter()
    async with reader.snapshot():
        results: list[Result[Any]] = [await report(reader, filters) for report in OVERVIEW]
    return time.perf_counter() - started, results


def _same(summed: Result[Any], read: Result[Any]) -> bool:
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
