"""What does a command cost in the bot's event loop?

discord.py runs for real, its frames handed in without a network; what is shown is the difference to a bot without
instrumentation, taken side by side in one run, next to a bare SDK span with the same attributes made in the command.
"""

from __future__ import annotations

import asyncio
import json
import logging
import subprocess
import sys
from pathlib import Path
from typing import Any

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, Tracer

from benchmarks._offline import FRAMES, OfflineBot, slash_frame
from benchmarks._report import Aim, NoExporter, Report, median
from telemetry import DiscordInstrumentor
from telemetry.settings import Settings

FOLDER = Path(__file__).parents[1]


def run(*, quick: bool = False) -> Report:
    logging.getLogger("opentelemetry").setLevel(logging.ERROR)
    rounds, calls = (5, 200) if quick else (25, 200)
    command = [sys.executable, "-m", "benchmarks._peer", str(rounds), str(calls)]
    peer = json.loads(subprocess.run(command, check=True, capture_output=True, cwd=FOLDER).stdout)
    return asyncio.run(_measure(rounds, calls, peer))


async def _measure(rounds: int, calls: int, peer: dict[str, float]) -> Report:
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(NoExporter()))
    bot = OfflineBot()
    attributes = await _attributes(bot)
    ours: dict[str, list[float]] = {name: [] for name in FRAMES}
    bare: list[float] = []
    settings = Settings.from_environ({})
    tracer = provider.get_tracer("bare")
    for _ in range(rounds):
        without = {name: await bot.seconds_each(frame, calls) for name, frame in FRAMES.items()}
        bot.inside = lambda: _bare_span(tracer, attributes)
        bare.append(await bot.seconds_each(slash_frame, calls) - without["slash command"])
        bot.inside = None
        DiscordInstrumentor().instrument(tracer_provider=provider, settings=settings, detail=False)
        for name, frame in FRAMES.items():
            ours[name].append(await bot.seconds_each(frame, calls) - without[name])
        DiscordInstrumentor().uninstrument()
    provider.shutdown()
    base = median(bare)
    slash, plain = median(ours["slash command"]), median(ours["plain message"])
    rows = [("a bare SDK span in the command", _us(base), "1.00", "–")]
    rows += [
        (
            f"slashspan adds to a {name}",
            _us(median(ours[name])),
            f"{median(ours[name]) / base:.2f}",
            f"{peer[name]:.1f}",
        )
        for name in FRAMES
    ]
    return Report(
        "hot_path",
        "What does a command cost in the bot's event loop?",
        ("", "µs", "÷ bare span", "opentelemetry-instrumentation-discordpy adds, µs"),
        rows,
        aims=(
            Aim(f"a slash command ≤ 1.25 × the bare span: {slash / base:.2f}", slash <= 1.25 * base),
            Aim(f"a plain message ≤ 5 µs: {plain * 1e6:.1f}", plain <= 5e-6),
        ),
        notes=(f"medians of {rounds} interleaved rounds of {calls} calls; garbage is collected between them",),
    )


async def _attributes(bot: OfflineBot) -> dict[str, Any]:
    """Of one real slash command."""
    memory = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(memory))
    DiscordInstrumentor().instrument(tracer_provider=provider, settings=Settings.from_environ({}))
    await bot.seconds_each(slash_frame, 1)
    DiscordInstrumentor().uninstrument()
    return dict(memory.get_finished_spans()[0].attributes or {})


def _bare_span(tracer: Tracer, attributes: dict[str, Any]) -> None:
    with tracer.start_as_current_span("slash ping", kind=SpanKind.SERVER, attributes=attributes):
        pass


def _us(seconds: float) -> str:
    return f"{seconds * 1e6:.1f}"
