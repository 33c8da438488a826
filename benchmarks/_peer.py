"""Prints microseconds for each kind of frame, as JSON, with or without `opentelemetry-instrumentation-discordpy`.

In a process of its own: that package always uses the global provider, and leaves patches behind when it is removed.
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
from benchmarks._report import median
from benchmarks._sinks import NoExporter


async def _measure(instrumented: bool, rounds: int, calls: int) -> dict[str, float]:
    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(NoExporter()))
    trace.set_tracer_provider(provider)
    if instrumented:
        DiscordPyInstrumentor().instrument()
    bot = OfflineBot()
    times: dict[str, list[float]] = {name: [] for name in FRAMES}
    for _ in range(rounds + 1):
        for name, frame in FRAMES.items():
            times[name].append(await bot.seconds_each(frame, calls))
    provider.shutdown()
    return {name: 1e6 * median(taken[1:]) for name, taken in times.items()}  # the first warms up


if __name__ == "__main__":
    logging.disable()
    sys.stdout.write(json.dumps(asyncio.run(_measure(sys.argv[1] == "on", int(sys.argv[2]), int(sys.argv[3])))))
