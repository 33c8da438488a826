"""How much time does slashspan add to a command in the bot's event loop?

The real discord.py, with frames handed in without a network. The figures are differences to a bot without
instrumentation, from interleaved rounds of one run, next to a bare SDK span with the same attributes in the command.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, Tracer

from benchmarks._offline import FRAMES, OfflineBot, slash_frame
from benchmarks._report import Report, Target, median
from benchmarks._sinks import NoExporter, NoStore
from slashspan import DiscordInstrumentor
from slashspan.exporters.delivery.exporter import CommandCallsExporter
from slashspan.exporters.delivery.processor import CommandCallsProcessor
from slashspan.exporters.delivery.retrying_exporter import RetryingExporter
from slashspan.exporters.delivery.traces_processor import TracesProcessor
from slashspan.exporters.spool.journal import Journal
from slashspan.exporters.spool.row_spool import RowSpool
from slashspan.exporters.spool.span_spool import SpanSpool
from slashspan.semconv import Kind
from slashspan.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

FOLDER = Path(__file__).parents[1]
WARM_UPS: Final = 100
"""Calls before those that are measured."""
RECORD_BYTES: Final = 390
_RECORD: Final = bytes(RECORD_BYTES)


def run(*, quick: bool = False) -> Report:
    logging.getLogger("opentelemetry").setLevel(logging.ERROR)
    rounds, calls = (5, 200) if quick else (15, 200)
    return asyncio.run(_measure(rounds, calls, _peer(2 if quick else 5, calls)))


def _peer(pairs: int, calls: int) -> dict[str, float]:
    """Microseconds that the other instrumentation adds to each kind of frame, from pairs of processes."""
    added: dict[str, list[float]] = {name: [] for name in FRAMES}
    for _ in range(pairs):
        without, with_it = (
            json.loads(
                subprocess.run(
                    [sys.executable, "-m", "benchmarks._peer", state, "3", str(calls)],
                    check=True,
                    capture_output=True,
                    cwd=FOLDER,
                ).stdout
            )
            for state in ("off", "on")
        )
        for name, times in added.items():
            times.append(with_it[name] - without[name])
    return {name: median(times) for name, times in added.items()}


async def _measure(rounds: int, calls: int, peer: dict[str, float]) -> Report:
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(NoExporter()))
    spooling = TracerProvider(shutdown_on_exit=False)
    folder = tempfile.TemporaryDirectory()
    processor = _spooled(Path(folder.name))
    spooling.add_span_processor(processor)
    sending = TracerProvider(shutdown_on_exit=False)
    traces = _spooled_traces(Path(folder.name))
    sending.add_span_processor(traces)
    bot = OfflineBot()
    attributes = await _attributes(bot)
    descriptor = os.open(Path(folder.name) / "bare", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    tracer = provider.get_tracer("bare")
    ours: dict[str, list[float]] = {name: [] for name in FRAMES}
    bare: list[float] = []
    spooled: list[float] = []
    spooled_traces: list[float] = []
    appended: list[float] = []
    for _ in range(rounds):
        for name, frame in FRAMES.items():

            async def cost(frame: Callable[[], str] = frame) -> float:
                # Patching a class resets the interpreter's inline caches: warm up again.
                await bot.seconds_each(frame, WARM_UPS)
                return await bot.seconds_each(frame, calls)

            without = await cost()
            with _instrumented(provider):
                added = await cost() - without
            ours[name].append(added)
            if frame is not slash_frame:
                continue
            with _instrumented(spooling):
                spooled.append(await cost() - without - added)
            processor._flush(30.0)  # in this thread, so that nothing runs in parallel to the next measurement
            with _instrumented(sending):
                spooled_traces.append(await cost() - without - added)
            traces._flush(30.0)
            for times, inside in (
                (bare, lambda: _bare_span(tracer, attributes)),
                (appended, lambda: _two_appends(descriptor)),
            ):
                bot.inside = inside
                times.append(await cost() - without)
                bot.inside = None
    provider.shutdown()
    processor.shutdown_within(30.0)
    traces.shutdown_within(30.0)
    os.close(descriptor)
    folder.cleanup()
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
    spool = median(spooled)
    rows.append(("the spool adds to a slash command (start and end)", _us(spool), f"{spool / base:.2f}", "–"))
    sent = median(spooled_traces)
    rows.append(("the spool of spans for a collector adds (start and end)", _us(sent), f"{sent / base:.2f}", "–"))
    floor = median(appended)
    rows.append((f"two bare appends of {RECORD_BYTES} bytes in the command", _us(floor), f"{floor / base:.2f}", "–"))
    return Report(
        "hot_path",
        "How much time does slashspan add to a command in the bot's event loop?",
        ("", "µs", "÷ bare span", "opentelemetry-instrumentation-discordpy adds, µs"),
        rows,
        targets=(
            Target(f"a slash command: at most 1.1 × the bare span: {slash / base:.2f}", slash <= 1.1 * base),
            Target(f"the spool: at most 15 µs for start and end: {spool * 1e6:.1f}", spool <= 15e-6),
            Target(f"a plain message: at most 5 µs: {plain * 1e6:.1f}", plain <= 5e-6),
        ),
        notes=(f"medians of {rounds} interleaved rounds of {calls} calls; garbage is collected in between",),
    )


@contextlib.contextmanager
def _instrumented(provider: TracerProvider) -> Iterator[None]:
    DiscordInstrumentor().instrument(tracer_provider=provider, settings=Settings.from_environ({}), detail=False)
    try:
        yield
    finally:
        DiscordInstrumentor().uninstrument()


def _spooled(folder: Path) -> CommandCallsProcessor:
    """A processor as the pipeline creates it, with a store that discards every row."""
    spool = RowSpool(Journal(folder / "spool", max_bytes=2**28))
    exporter = CommandCallsExporter(NoStore(), kinds=Kind.ALL, spool=spool)
    bounds = {"schedule_delay_ms": 3_600_000, "batch_rows": 2048, "queue_rows": 2048}
    return CommandCallsProcessor(exporter, kinds=Kind.ALL, **bounds)


def _spooled_traces(folder: Path) -> TracesProcessor:
    """A processor of spans for a collector, with an exporter that discards every span."""
    spool = SpanSpool(Journal(folder / "traces", max_bytes=2**28))
    exporter = RetryingExporter(NoExporter(), spool, name="otlp")
    return TracesProcessor(exporter, spool, schedule_delay_ms=3_600_000, batch_rows=2048, queue_rows=2048)


def _two_appends(descriptor: int) -> None:
    """The least that a spool with two records per command can cost."""
    os.write(descriptor, _RECORD)
    os.write(descriptor, _RECORD)


async def _attributes(bot: OfflineBot) -> dict[str, Any]:
    """The attributes of a real slash command."""
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
