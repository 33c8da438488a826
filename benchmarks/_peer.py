"""What `opentelemetry-instrumentation-discordpy` adds, as JSON: microseconds by kind, and the spans it made.

In a process of its own: it takes the global provider whatever is passed, and leaves patches behind when it is removed.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys

from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry_instrumentation_discordpy import DiscordPyInstrumentor  # type: ignore[import-untyped]

from benchmarks._offline import FRAMES, OfflineBot
from benchmarks._report import NoExporter, median


async def _measure(rounds: int, calls: int) -> dict[str, float]:
    exporter = NoExporter()
    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    results: dict[bool, dict[str, list[float]]] = {}
    for instrumented in (False, True):
        if instrumented:
            DiscordPyInstrumentor().instrument()
        bot = OfflineBot()
        times = results[instrumented] = {name: [] for name in FRAMES}
        for _ in range(rounds):
            for name, frame in FRAMES.items():
                times[name].append(await bot.seconds_each(frame, calls))
    provider.shutdown()
    return {name: 1e6 * (median(results[True][name]) - median(results[False][name])) for name in FRAMES}


if __name__ == "__main__":
    logging.disable()
    sys.stdout.write(json.dumps(asyncio.run(_measure(int(sys.argv[1]), int(sys.argv[2])))))
