"""Prints, as JSON, what slashspan adds to each kind of frame in the event loop, in counts that no load changes.

`calls`: Python functions called. `kept`: objects of each action that the garbage collector visits until its row is
exported. `cyclic`: objects that only the garbage collector can free.
"""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import statistics
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from opentelemetry.sdk.trace import TracerProvider

from benchmarks._offline import FRAMES, OfflineBot
from benchmarks._sinks import NoStore
from slashspan import DiscordInstrumentor
from slashspan.exporters.delivery.exporter import CommandCallsExporter
from slashspan.exporters.delivery.processor import CommandCallsProcessor
from slashspan.exporters.spool.journal import Journal
from slashspan.exporters.spool.row_spool import RowSpool
from slashspan.semconv import Kind
from slashspan.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable

COUNTED: Final = 40


async def _counts(bot: OfflineBot, frame: Callable[[], str]) -> dict[str, float]:
    frames = [frame() for _ in range(2 * COUNTED)]
    gc.collect()
    gc.disable()
    before = len(gc.get_objects())
    for text in frames[:COUNTED]:
        await _done(bot, text)
    cyclic = gc.collect()
    kept = len(gc.get_objects()) - before
    calls = [await _calls(bot, text) for text in frames[COUNTED:]]
    gc.enable()
    # The median: a timer may run during a few of them.
    return {"calls": statistics.median(calls), "kept": kept / COUNTED, "cyclic": cyclic / COUNTED}


async def _done(bot: OfflineBot, text: str) -> None:
    await bot.feed(text)
    await asyncio.sleep(0)
    await asyncio.sleep(0)


async def _calls(bot: OfflineBot, text: str) -> int:
    called = 0

    def count(_: Any, event: str, __: Any) -> None:
        nonlocal called
        called += event == "call"

    sys.setprofile(count)
    try:
        await _done(bot, text)
    finally:
        sys.setprofile(None)
    return called


async def _measure(folder: Path) -> dict[str, dict[str, float]]:
    bot = OfflineBot()
    without = {name: await _counts(bot, frame) for name, frame in FRAMES.items()}
    exporter = CommandCallsExporter(
        NoStore(), kinds=Kind.ALL, spool=RowSpool(Journal(folder / "spool", max_bytes=2**28))
    )
    bounds = {"schedule_delay_ms": 3_600_000, "batch_rows": 2048, "queue_rows": 2048}
    processor = CommandCallsProcessor(exporter, kinds=Kind.ALL, **bounds)
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(processor)
    DiscordInstrumentor().instrument(tracer_provider=provider, settings=Settings.from_environ({}), detail=False)
    for frame in FRAMES.values():
        await _done(bot, frame())  # creates what is created once
    with_it = {name: await _counts(bot, frame) for name, frame in FRAMES.items()}
    DiscordInstrumentor().uninstrument()
    await asyncio.to_thread(processor.shutdown_within, 30.0)
    return {
        name: {what: round(count - without[name][what], 2) for what, count in counts.items()}
        for name, counts in with_it.items()
    }


if __name__ == "__main__":
    logging.disable()
    with tempfile.TemporaryDirectory() as folder:
        sys.stdout.write(json.dumps(asyncio.run(_measure(Path(folder)))))
