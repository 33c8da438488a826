"""What do sums cost ClickHouse, and what does the projection of fingerprints spare a reader?

The same rows are inserted into a table with sums and into one without, in alternation; then both are merged. "with" a
projection, a reader learns which hours have changed from the projection, without it from the rows.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks._insights_data import inserts
from benchmarks._report import Report, median
from slashspan.dsn import Dsn
from slashspan.exporters.admin.migrate import run_migration
from slashspan.insights.sums import open_sums
from slashspan.insights.sums.clickhouse.connection import SumsConnection
from slashspan.table import Table
from tests.support import clickhouse
from tests.support.clickhouse_server import clickhouse_server

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.clickhouse_server import ClickhouseServer

PLAIN, SUMMED = "plain", "summed"
BATCH = 10_000
"""Rows of an insert, as a collector sends them."""
READS = 11


def run(*, quick: bool = False) -> Report:
    batches = 10 if quick else 200
    columns = ("", "without sums", "with sums", "ratio")
    question = "What do sums cost ClickHouse, and what do fingerprints cost a reader?"
    if not clickhouse.installed():
        return Report("clickhouse_sums", question, columns, (), notes=(clickhouse.MISSING,))
    with tempfile.TemporaryDirectory() as folder, clickhouse_server(Path(folder)) as server:
        for name in (PLAIN, SUMMED):
            run_migration(server.dsn(name), "command_calls")
            server.query(f"SYSTEM STOP MERGES {name}.command_calls_rows")
        with open_sums(server.dsn(SUMMED)) as sums:
            sums.install("UTC")
        inserts = _inserts(server, batches)
        for name in (PLAIN, SUMMED):
            server.query(f"SYSTEM START MERGES {name}.command_calls_rows")
        merges = [[_timed(lambda name=name: _merge(server, name))] for name in (PLAIN, SUMMED)]  # type: ignore[misc]
        reads = [_reads(server.dsn(name)) for name in (PLAIN, SUMMED)]
    rows = [
        _row(f"insert {BATCH:,} rows, ms", inserts, 1000),
        _row(f"merge {batches * BATCH:,} rows, s", merges, 1),
        _row("read all fingerprints, ms", reads, 1000),
    ]
    note = f"{batches} inserts each, in alternation; one merge each; medians of {READS} reads"
    return Report("clickhouse_sums", question, columns, rows, notes=(note,))


def _inserts(server: ClickhouseServer, batches: int) -> list[list[float]]:
    found: list[list[float]] = [[], []]
    tables = [f"{name}.command_calls_rows" for name in (PLAIN, SUMMED)]
    every = (inserts("clickhouse", batches * BATCH, table, BATCH) for table in tables)
    for number, both in enumerate(zip(*every, strict=True)):
        for each in (0, 1) if number % 2 else (1, 0):
            found[each].append(_timed(lambda sql=both[each]: server.query(sql)))  # type: ignore[misc]
    return found


def _merge(server: ClickhouseServer, name: str) -> None:
    server.query(f"OPTIMIZE TABLE {name}.command_calls_rows FINAL")


def _reads(dsn: str) -> list[float]:
    connection = SumsConnection(Dsn.parse(dsn), Table("command_calls"))
    connection.open()
    try:
        return [_timed(lambda: connection.fingerprints(0)) for _ in range(READS)]
    finally:
        connection.close()


def _timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _row(name: str, times: list[list[float]], factor: int) -> tuple[str, ...]:
    plain, summed = (median(each) * factor for each in times)
    return (name, f"{plain:,.1f}", f"{summed:,.1f}", f"{summed / plain:.2f}")
