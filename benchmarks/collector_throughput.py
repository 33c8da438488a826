"""What does a span cost on its way from a bot through a collector into ClickHouse?

CPU time of each process, as the kernel accounts for it, per million spans: what one core carries does not depend on
what else the machine does. Each collector has one core (GOMAXPROCS=1). ClickHouse is its engine, chdb, behind the HTTP
front of the tests, whose Python is included; so are the view that makes rows, and merges until none is left.
"""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter

from benchmarks._otlp_load import REQUEST_SPANS, Load, provider_with, record, recorded
from benchmarks._pipelines import (
    TOKEN,
    clickhouse,
    cpu_seconds,
    gateway,
    memory_bytes,
    null_collector,
    to_backend,
    to_clickhouse,
)
from benchmarks._report import Report, median
from benchmarks._sinks import NoExporter
from benchmarks._whole_bot import modes, seconds_per_command
from slashspan.exporters.delivery.processor import DeadlineBatchProcessor
from slashspan.exporters.delivery.retrying_exporter import RetryingExporter
from slashspan.exporters.delivery.traces_processor import TracesProcessor
from slashspan.exporters.spool.journal import Journal
from slashspan.exporters.spool.span_spool import SpanSpool
from tests.support.clickhouse import MISSING, installed
from tests.support.collector import BINARY, WITHOUT

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from benchmarks._pipelines import Pipeline
    from tests.support.clickhouse_server import ClickhouseServer

NAME: Final = "collector_throughput"
QUESTION: Final = "What does a span cost on its way through a collector into ClickHouse?"
COLUMNS: Final = (
    "",
    "CPU, s per million commands",
    "commands per CPU second",
    "spans per CPU second",
    "÷ collector → nothing",
)
SMALL: Final = 32
"""Spans in a request of a bot with a dozen commands a second."""
SAMPLING_SECONDS: Final = 4.0
"""The gateway decides a second after a trace's first span, and passes on what it keeps a second later."""
NULL: Final = "collector → nothing"
GATEWAY: Final = "gateway → ClickHouse, a tenth → trace store, metrics"
BOT_NONE: Final = "bot → nothing"
BOT_SDK: Final = "bot → collector, the SDK's exporter alone"
BOT_OURS: Final = "bot → collector, with slashspan's spool"
PROCESSES: Final = ("whole bot", "bot", "collector", "gateway", "ClickHouse")
Measured = dict[str, list[float]]
"""Seconds of CPU time per command, of each process of each way."""


class Way(NamedTuple):
    name: str
    pipeline: Pipeline
    load: Load
    token: str = ""


def run(*, quick: bool = False) -> Report:
    if missing := [*([] if BINARY.exists() else [WITHOUT]), *([] if installed() else [MISSING])]:
        return Report(NAME, QUESTION, COLUMNS, (), notes=[f"nothing was measured: {' '.join(missing)}"])
    commands, rounds = (4_000, 1) if quick else (20_000, 3)
    spans = recorded(commands)
    load, small = Load(spans), Load(spans, SMALL)
    measured: Measured = defaultdict(list)
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        null, backend, traces = (stack.enter_context(null_collector(folder / each)) for each in ("n", "b", "t"))
        server = stack.enter_context(clickhouse(folder / "clickhouse"))
        ways = [Way(NULL, null, load), Way(f"{NULL}, requests of {SMALL} spans", null, small)]
        for fsync in (False, True):
            to = stack.enter_context(to_backend(folder / f"backend {fsync}", backend, fsync=fsync))
            ways.append(Way(f"collector → OTLP backend, fsync {_on(fsync)}", to, load))
        for fsync in (False, True):
            to = stack.enter_context(to_clickhouse(folder / f"clickhouse {fsync}", server, fsync=fsync))
            ways.append(Way(f"collector → ClickHouse, fsync {_on(fsync)}", to, load))
        ways.append(Way(f"{ways[-1].name}, requests of {SMALL} spans", ways[-1].pipeline, small))
        fleet = stack.enter_context(gateway(folder / "gateway", server, traces))
        ways.append(Way(GATEWAY, fleet, load, TOKEN))
        # Stored once: in the rounds the same commands come again with other ids, and would compress too well.
        _send(next(way for way in ways if way.pipeline.clickhouse), defaultdict(list))
        stored = _stored(server)
        whole = seconds_per_command(folder, modes(null.collector.grpc_port), rounds, 200 if quick else 1000)
        measured.update(asyncio.run(whole))
        for _ in range(rounds):
            for bot, processor in _bots(folder, null.collector.grpc_port, commands).items():
                measured[bot].append(_recording(processor, commands))
            for way in ways:
                _send(way, measured)
        with gateway(folder / "waiting", server, traces, wait="1h") as waiting:
            held = _held(waiting, load)
    return _report(measured, load, stored, held, f"medians of {rounds} rounds of {load.commands:,} commands")


def _on(fsync: bool) -> str:
    return "on" if fsync else "off"


def _send(way: Way, measured: Measured) -> None:
    before, processes = way.pipeline.arrived(), way.pipeline.processes()
    used = {process: cpu_seconds(pid) for process, pid in processes.items()}
    way.load.send(way.pipeline.collector.grpc_port, way.token)
    way.pipeline.drain(before, way.load.commands if way.token else way.load.spans)
    if way.token:
        time.sleep(SAMPLING_SECONDS)
    for process, pid in processes.items():
        name = way.name if process == "collector" else f"{process} ← {way.name.replace(f' → {process}', '')}"
        measured[name].append((cpu_seconds(pid) - used[process]) / way.load.commands)


def _bots(folder: Path, port: int, commands: int) -> dict[str, Callable[[], DeadlineBatchProcessor]]:
    """Processors, each with what comes behind it in a bot; their queues are large enough for all spans."""
    bounds = {"schedule_delay_ms": 1_000, "batch_rows": REQUEST_SPANS, "queue_rows": 4 * commands}

    def sdk() -> DeadlineBatchProcessor:
        return DeadlineBatchProcessor(OTLPSpanExporter(f"http://127.0.0.1:{port}", insecure=True), **bounds)

    def ours() -> DeadlineBatchProcessor:
        spool = SpanSpool(Journal(Path(tempfile.mkdtemp(dir=folder)), max_bytes=2**28))
        exporter = OTLPSpanExporter(f"http://127.0.0.1:{port}", insecure=True)
        return TracesProcessor(RetryingExporter(exporter, spool, name="otlp"), spool, **bounds)

    return {BOT_NONE: lambda: DeadlineBatchProcessor(NoExporter(), **bounds), BOT_SDK: sdk, BOT_OURS: ours}


def _recording(processor: Callable[[], DeadlineBatchProcessor], commands: int) -> float:
    """Seconds of this process's CPU time per command, in all its threads, until all spans are delivered."""
    made = processor()
    provider = provider_with(made)
    began = time.process_time()
    for _ in range(0, commands, REQUEST_SPANS // 2):
        record(provider, REQUEST_SPANS // 2)
        made.force_flush(60_000)
    spent = time.process_time() - began
    provider.shutdown()
    return spent / (-(-commands // (REQUEST_SPANS // 2)) * (REQUEST_SPANS // 2))


def _stored(server: ClickhouseServer) -> dict[str, float]:
    """Bytes on disk per row of each table."""
    found = server.query(
        "SELECT table, sum(bytes_on_disk) / sum(rows) AS bytes FROM system.parts"
        " WHERE active AND database = 'slashspan' GROUP BY table"
    )
    return {row["table"]: row["bytes"] for row in found}


def _held(waiting: Pipeline, load: Load) -> float:
    """Bytes of memory per trace that waits for its decision; what the gateway needs without any is not counted."""
    before, arrived = memory_bytes(waiting.collector.pid), waiting.arrived()
    load.send(waiting.collector.grpc_port, TOKEN)
    waiting.drain(arrived, load.commands)
    return (memory_bytes(waiting.collector.pid) - before) / load.commands


def _report(measured: Measured, load: Load, stored: Mapping[str, float], held: float, said: str) -> Report:
    seconds = {name: median(values) for name, values in measured.items()}
    rows = [
        (
            name,
            f"{spent * 1e6:,.0f}",
            f"{1 / spent:,.0f}",
            "" if name.startswith("whole") else f"{load.spans / load.commands / spent:,.0f}",
            "" if "bot" in name else f"{spent / seconds[NULL]:.1f}",
        )
        for name, spent in sorted(seconds.items(), key=_place)
    ]
    plain, packed = load.bytes_per_span()
    return Report(
        NAME,
        QUESTION,
        COLUMNS,
        rows,
        notes=(
            "whole bot: a slash command of a real client, under a load from another process",
            f"the others: {said}, of two spans each: its own, and its request to Discord; {REQUEST_SPANS} in a request",
            "the collectors have one core each, and their queues are on disk; what sends to them is not counted",
            "ClickHouse is its engine behind the tests' HTTP front, which is counted, and so are the view and merges",
            "behind the gateway ClickHouse gets the spans of commands only; spans per second are those that bots sent",
            "bot: made, ended and delivered in one process; the difference to discarding them is the exporter",
            f"sent: {plain:.0f} bytes per span, {packed:.0f} with gzip; stored: "
            + ", ".join(f"{size:.0f} per row of {table}" for table, size in sorted(stored.items())),
            f"a trace that waits in the gateway for its decision takes {held / 1024:.1f} KiB of memory",
        ),
    )


def _place(item: tuple[str, float]) -> int:
    """Bots first, then collectors, then ClickHouse; otherwise as measured."""
    return next(place for place, process in enumerate(PROCESSES) if item[0].startswith(process))
