"""Does the bot's event loop stall while 1,000 commands per second are recorded, spooled, stored and acknowledged?

A task sleeps for a millisecond repeatedly and measures how late it wakes. The same load runs alternately with telemetry
off and on; on means all of it: instrumentation, spool, batches and a real PostgreSQL.
"""

from __future__ import annotations

import asyncio
import gc
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from opentelemetry.sdk.trace import TracerProvider

from benchmarks._offline import OfflineBot, slash_frame
from benchmarks._report import Report, Target, percentile
from slashspan import DiscordInstrumentor
from slashspan.exporters.delivery.exporter import CommandCallsExporter
from slashspan.exporters.delivery.processor import CommandCallsProcessor
from slashspan.exporters.spool.journal import Journal
from slashspan.exporters.spool.row_spool import RowSpool
from slashspan.exporters.stores.factory import open_store
from slashspan.semconv import Kind
from slashspan.settings import Settings
from tests.support.postgres import postgres

if TYPE_CHECKING:
    from collections.abc import Callable

RATE = 1000
TICK_SECONDS = 0.001


def run(*, quick: bool = False) -> Report:
    rounds, seconds = (2, 2.0) if quick else (4, 8.0)
    with postgres() as server, tempfile.TemporaryDirectory() as folder:
        return asyncio.run(_measure(server.dsn(server.create_database()), Path(folder), rounds, seconds))


async def _measure(dsn: str, folder: Path, rounds: int, seconds: float) -> Report:
    spool = RowSpool(Journal(folder, max_bytes=2**28))
    exporter = CommandCallsExporter(open_store(dsn), kinds=Kind.ALL, spool=spool)
    processor = CommandCallsProcessor(exporter, kinds=Kind.ALL, schedule_delay_ms=1000, batch_rows=512, queue_rows=2048)
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(processor)
    settings = Settings.from_environ({})
    bot = OfflineBot()
    late: dict[str, list[float]] = {"off": [], "on": []}
    gc.collect()
    gc.freeze()
    for _ in range(rounds):
        late["off"] += await _stalls(bot, seconds)
        DiscordInstrumentor().instrument(tracer_provider=provider, settings=settings, detail=False)
        late["on"] += await _stalls(bot, seconds)
        DiscordInstrumentor().uninstrument()
        await asyncio.to_thread(processor._flush, 30.0)
    gc.unfreeze()
    await asyncio.to_thread(processor.shutdown_within, 30.0)
    counts = processor.counts()
    on, off = percentile(late["on"], 99.9), percentile(late["off"], 99.9)
    marks: list[tuple[str, Callable[[list[float]], float]]] = [
        ("p50", lambda values: percentile(values, 50)),
        ("p99", lambda values: percentile(values, 99)),
        ("p99.9", lambda values: percentile(values, 99.9)),
        ("longest", max),
    ]
    return Report(
        "event_loop",
        "How late does the bot's event loop wake at 1,000 commands per second?",
        ("", *(name for name, _ in marks)),
        [
            (f"telemetry {name}, ms", *(f"{mark(values) * 1000:.2f}" for _, mark in marks))
            for name, values in late.items()
        ],
        targets=(
            Target(f"p99.9 with telemetry within 2 ms of without: {(on - off) * 1000:+.2f} ms", on - off <= 0.002),
            Target(f"every row is stored: {counts.stored:,} of {counts.recorded:,}", counts.stored == counts.recorded),
        ),
        notes=(
            f"{rounds} rounds of {seconds:g} s with telemetry off and on alternately; PostgreSQL on the same machine",
        ),
    )


async def _stalls(bot: OfflineBot, seconds: float) -> list[float]:
    """Seconds by which each tick was late while the load ran."""
    load = asyncio.create_task(_load(bot, seconds))
    late = []
    while not load.done():
        due = time.perf_counter() + TICK_SECONDS
        await asyncio.sleep(TICK_SECONDS)
        late.append(time.perf_counter() - due)
    await load
    return late


async def _load(bot: OfflineBot, seconds: float) -> None:
    """Frames at RATE, handed in one at a time."""
    started = time.perf_counter()
    for number in range(int(seconds * RATE)):
        await bot.feed(slash_frame())
        ahead = started + (number + 1) / RATE - time.perf_counter()
        await asyncio.sleep(max(0.0, ahead))
