"""Does memory stay flat in a busy bot, and does a row cost the same in a large table?

The memory of a bot with instrumentation, spool and SQLite store at 500 commands per second; and the cost of a row by
the number of rows in the table, in both stores.
"""

from __future__ import annotations

import asyncio
import dataclasses
import gc
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
from opentelemetry.sdk.trace import TracerProvider

from benchmarks._offline import OfflineBot, slash_frame
from benchmarks._report import Report, Target, median
from slashspan import DiscordInstrumentor
from slashspan.exporters.delivery.exporter import CommandCallsExporter
from slashspan.exporters.delivery.processor import CommandCallsProcessor
from slashspan.exporters.spool.journal import Journal
from slashspan.exporters.spool.row_spool import RowSpool
from slashspan.exporters.stores.factory import open_store
from slashspan.semconv import Kind
from slashspan.settings import Settings
from tests.support.postgres import postgres
from tests.support.rows import FULL

if TYPE_CHECKING:
    from slashspan.exporters.rows.command_call import CommandCall

RATE = 500
SECONDS, QUICK_SECONDS = 60, 8
MIB = 2**20
BATCH = 512
LIVE_BATCHES = 12


def run(*, quick: bool = False) -> Report:
    seconds = QUICK_SECONDS if quick else SECONDS
    sizes = [10**3, 10**4, 10**5] if quick else [10**3, 10**4, 10**5, 10**6]
    with postgres() as server, tempfile.TemporaryDirectory() as folder:
        begin, end = asyncio.run(_bot(Path(folder), seconds))
        costs = {
            "SQLite": _costs(f"sqlite:///{folder}/cost.db", sizes),
            "PostgreSQL": _costs(server.dsn(server.create_database()), sizes),
        }
    growth = (end - begin) / MIB
    rows = [(f"a bot at {RATE} commands/s for {seconds} s: memory after a tenth of it, MiB", f"{begin / MIB:.1f}")]
    rows += [("memory at the end, MiB", f"{end / MIB:.1f}")]
    rows += [
        (f"{store}: a live row with {size:,} in the table, µs", f"{cost:.1f}")
        for store, by_size in costs.items()
        for size, cost in by_size.items()
    ]
    ratios = {store: by_size[sizes[-1]] / by_size[sizes[0]] for store, by_size in costs.items()}
    return Report(
        "memory",
        "Does memory stay flat in a busy bot, and does a row cost the same in a large table?",
        ("", "measured"),
        rows,
        targets=(
            Target(f"memory grows by less than 10 MiB: {growth:+.1f}", growth < 10),
            *(
                Target(f"{store}: a row costs at most twice as much at {sizes[-1]:,} rows: {ratio:.2f} ×", ratio <= 2)
                for store, ratio in ratios.items()
            ),
        ),
    )


async def _bot(folder: Path, seconds: int) -> tuple[int, int]:
    """Resident bytes after a tenth of the time and at the end."""
    spool = RowSpool(Journal(folder / "spool", max_bytes=2**28))
    exporter = CommandCallsExporter(open_store(f"sqlite:///{folder}/calls.db"), kinds=Kind.ALL, spool=spool)
    processor = CommandCallsProcessor(exporter, kinds=Kind.ALL, schedule_delay_ms=1000, batch_rows=512, queue_rows=2048)
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(processor)
    bot, process = OfflineBot(), psutil.Process()
    DiscordInstrumentor().instrument(tracer_provider=provider, settings=Settings.from_environ({}), detail=False)
    begin = 0
    started = time.perf_counter()
    for number in range(seconds * RATE):
        if number == seconds * RATE // 10:
            gc.collect()
            begin = process.memory_info().rss
        await bot.feed(slash_frame())
        await asyncio.sleep(max(0.0, started + (number + 1) / RATE - time.perf_counter()))
    gc.collect()
    end = process.memory_info().rss
    DiscordInstrumentor().uninstrument()
    await asyncio.to_thread(processor.shutdown_within, 30.0)
    return begin, end


def _costs(dsn: str, sizes: list[int]) -> dict[int, float]:
    """Microseconds for a row of a live batch, by the number of rows in the table."""
    store = open_store(dsn)
    there, costs = 0, {}
    for size in sizes:
        while there < size:
            count = min(16_384, size - there)
            store.write(_rows(there, count), timeout=60)
            there += count
        seconds = []
        for _ in range(LIVE_BATCHES):
            batch = _rows(there, BATCH)
            started = time.perf_counter()
            store.write(batch, timeout=60)
            seconds.append((time.perf_counter() - started) / BATCH)
            there += BATCH
        costs[size] = median(seconds) * 1e6
    store.close(timeout=5)
    return costs


def _rows(start: int, count: int) -> list[CommandCall]:
    return [
        dataclasses.replace(FULL, called_at=FULL.called_at + 1000 * n, span_id=hash((n, "row")))
        for n in range(start, start + count)
    ]
