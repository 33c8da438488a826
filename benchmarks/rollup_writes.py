"""What do the sums of `slashspan rollup` cost a bot that writes rows?

The store writes the same batches into a table with sums and into one without, in alternation. Only the marks cost
anything: nobody refreshes in the meantime. CPU time is that of this process and of PostgreSQL's, which counts
also if other programs make both wait.
"""

from __future__ import annotations

import dataclasses
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from benchmarks._report import Report, Target, median
from slashspan.exporters.admin.migrate import run_migration
from slashspan.exporters.stores.factory import open_store
from slashspan.insights.sums import open_sums
from tests.support.postgres import postgres
from tests.support.rows import FULL
from tests.support.tables import execute

if TYPE_CHECKING:
    from collections.abc import Sequence

    from slashspan.exporters.rows.command_call import CommandCall
    from slashspan.exporters.stores.base import Store

SIZES = (512, 16)
"""Rows: a full batch of live rows, and one of a quiet bot."""
LIMIT = 1.10
WARM_UP = 10


def run(*, quick: bool = False) -> Report:
    batches = 100 if quick else 600
    rows, targets = [], []
    with postgres() as server, tempfile.TemporaryDirectory() as folder:
        pairs = {
            "SQLite": [f"sqlite:///{Path(folder) / name}.db" for name in ("plain", "sums")],
            "PostgreSQL": [server.dsn(server.create_database()) for _ in range(2)],
            "PostgreSQL, partitioned": [server.dsn(server.create_database()) for _ in range(2)],
        }
        for name, dsns in pairs.items():
            for dsn in dsns:
                run_migration(dsn, "command_calls", partitioned="partitioned" in name)
            with open_sums(dsns[1]) as sums:
                sums.install("UTC")
                sums.refresh()
            for size in SIZES:
                plain, summed = _measured(dsns, size, batches)
                wall, cpu = median(summed[0]) / median(plain[0]), sum(summed[1]) / sum(plain[1])
                times = (f"{median(each[0]) * 1000:.2f}" for each in (plain, summed))
                rows.append((f"{name}, batches of {size}", *times, f"{wall:.2f}", f"{cpu:.2f}"))
                if size == SIZES[0]:
                    text = f"{name}: {size} rows take at most {LIMIT:.2f} × as long: {wall:.2f}"
                    targets.append(Target(text, wall <= LIMIT))
    return Report(
        "rollup_writes",
        "What do sums cost a bot that writes rows?",
        ("", "ms a batch, without", "with sums", "ratio of medians", "of CPU time"),
        rows,
        targets=targets,
        notes=(f"{batches:,} batches each, in alternation; nobody refreshes the sums in the meantime",),
    )


def _measured(dsns: Sequence[str], size: int, batches: int) -> list[tuple[list[float], list[float]]]:
    """Without and with sums: the seconds of each batch, and its CPU seconds."""
    stores = [open_store(dsn) for dsn in dsns]
    found: list[tuple[list[float], list[float]]] = [([], []), ([], [])]
    start = time.time_ns() // 1000
    try:
        for store in stores:
            store.prepare(timeout=30)
        servers = [_server_of(dsn) for dsn in dsns]
        for number in range(-WARM_UP, batches):
            rows = _rows(start + number * size * 1000, size)
            for each in (0, 1) if number % 2 else (1, 0):
                seconds, cpu = _timed(stores[each], rows, servers[each])
                if number >= 0:
                    found[each][0].append(seconds)
                    found[each][1].append(cpu)
    finally:
        for store in stores:
            store.close(timeout=5)
    return found


def _server_of(dsn: str) -> psutil.Process | None:
    """PostgreSQL's process for the store's connection."""
    if dsn.startswith("sqlite"):
        return None
    sql = (
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() "
        "AND backend_type = 'client backend'"
    )
    return psutil.Process(execute(dsn, sql)[0]["pid"])


def _timed(store: Store, rows: list[CommandCall], server: psutil.Process | None) -> tuple[float, float]:
    before, started = _cpu_seconds(server), time.perf_counter()
    store.write(rows, timeout=60)
    return time.perf_counter() - started, _cpu_seconds(server) - before


def _cpu_seconds(server: psutil.Process | None) -> float:
    mine = time.process_time()
    if server is None:
        return mine
    theirs = server.cpu_times()
    return mine + theirs.user + theirs.system


def _rows(first_us: int, count: int) -> list[CommandCall]:
    return [
        dataclasses.replace(FULL, called_at=first_us + 1000 * n, span_id=hash((first_us, n)) % 2**62)
        for n in range(count)
    ]
