"""What do the sums of `slashspan rollup` cost a bot that writes rows?

The store writes the same batches into a table with sums and into one without, in alternation. Only the marks cost
anything: nobody refreshes in the meantime.
"""

from __future__ import annotations

import dataclasses
import gc
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks._report import Report, Target, median, percentile
from slashspan.exporters.admin.migrate import run_migration
from slashspan.exporters.stores.factory import open_store
from slashspan.insights.sums import open_sums
from tests.support.postgres import postgres
from tests.support.rows import FULL

if TYPE_CHECKING:
    from slashspan.exporters.rows.command_call import CommandCall
    from slashspan.exporters.stores.base import Store

LIVE, FEW = 512, 16
LIMIT = 1.10


def run(*, quick: bool = False) -> Report:
    batches = 60 if quick else 400
    with postgres() as server, tempfile.TemporaryDirectory() as folder:
        pairs = {
            "SQLite": [f"sqlite:///{Path(folder) / name}.db" for name in ("plain", "sums")],
            "PostgreSQL": [server.dsn(server.create_database()) for _ in range(2)],
            "PostgreSQL, partitioned": [server.dsn(server.create_database()) for _ in range(2)],
        }
        rows, targets = [], []
        for name, (plain, summed) in pairs.items():
            for dsn in (plain, summed):
                run_migration(dsn, "command_calls", partitioned="partitioned" in name)
            with open_sums(summed) as sums:
                sums.install("UTC")
                sums.refresh()
            for size in (LIVE, FEW):
                seconds = _measured(plain, summed, size, batches)
                ratios = [measure(seconds[1]) / measure(seconds[0]) for measure in (median, _undisturbed, sum)]
                times = (f"{median(each) * 1000:.2f}" for each in seconds)
                rows.append((f"{name}, batches of {size}", *times, *(f"{ratio:.2f}" for ratio in ratios)))
                if size == LIVE:
                    text = f"{name}: a batch of {LIVE} takes at most {LIMIT:.2f} × as long: {ratios[0]:.2f}"
                    targets.append(Target(text, ratios[0] <= LIMIT))
    return Report(
        "rollup_writes",
        "What do sums cost a bot that writes rows?",
        ("", "ms a batch, without", "with sums", "ratio of medians", "of fastest tenths", "of means"),
        rows,
        targets=targets,
        notes=(f"{batches:,} batches each, in alternation; nobody refreshes the sums in the meantime",),
    )


def _measured(plain: str, summed: str, size: int, batches: int) -> tuple[list[float], list[float]]:
    """Seconds of each batch, without and with sums."""
    stores = [open_store(dsn) for dsn in (plain, summed)]
    found: tuple[list[float], list[float]] = ([], [])
    start = time.time_ns() // 1000
    try:
        for store in stores:
            store.prepare(timeout=30)
        for number in range(-5, batches):  # the first ones warm up
            rows = _rows(start + number * size * 1000, size)
            order = (0, 1) if number % 2 else (1, 0)
            for each in order:
                seconds = _timed(stores[each], rows)
                if number >= 0:
                    found[each].append(seconds)
    finally:
        for store in stores:
            store.close(timeout=5)
    return found


def _undisturbed(seconds: list[float]) -> float:
    return percentile(seconds, 10)


def _timed(store: Store, rows: list[CommandCall]) -> float:
    gc.collect(0)
    started = time.perf_counter()
    store.write(rows, timeout=60)
    return time.perf_counter() - started


def _rows(first_us: int, count: int) -> list[CommandCall]:
    return [
        dataclasses.replace(FULL, called_at=first_us + 1000 * n, span_id=hash((first_us, n)) % 2**62)
        for n in range(count)
    ]
