"""What happens when the database is unavailable for ten minutes at 200 commands per second?

The 120,000 commands are recorded as fast as the processor accepts them, not over ten minutes: what matters for the
spool, which holds them, and for the retries, which run alongside, is their number.
"""

from __future__ import annotations

import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import SpanKind

from benchmarks._report import Report, Target, percentile
from slashspan.exporters.delivery.exporter import CommandCallsExporter
from slashspan.exporters.delivery.processor import CommandCallsProcessor
from slashspan.exporters.spool.journal import Journal
from slashspan.exporters.spool.row_spool import RowSpool
from slashspan.exporters.stores.factory import open_store
from slashspan.semconv import Kind
from tests.support.postgres import postgres
from tests.support.spans import ATTRIBUTES

if TYPE_CHECKING:
    from opentelemetry.trace import Tracer

    from tests.support.postgres import Postgres

LIVE_EVERY_SECONDS = 0.005
"""Users go on while the backlog is delivered: 200 commands per second."""
MAX_GROWTH_MB = 100
MIB = 2**20


def run(*, quick: bool = False) -> Report:
    with postgres() as server, tempfile.TemporaryDirectory() as folder:
        return _measure(server, Path(folder), 10_000 if quick else 120_000)


def _measure(server: Postgres, folder: Path, count: int) -> Report:
    database = server.create_database()
    spool = RowSpool(Journal(folder, max_bytes=2**28))
    store = open_store(server.dsn(database))
    exporter = CommandCallsExporter(store, kinds=Kind.ALL, spool=spool)
    processor = CommandCallsProcessor(exporter, kinds=Kind.ALL, schedule_delay_ms=1000, batch_rows=512, queue_rows=2048)
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(processor)
    tracer = provider.get_tracer("outage")
    process = psutil.Process()
    _record(tracer, 2000)
    processor.force_flush(60_000)
    before = process.memory_info().rss
    server.stop()
    _record(tracer, count)
    away = process.memory_info().rss
    waited = processor.counts().waiting
    on_disk = spool.journal.bytes
    peak, recovered_in, live = _recover(tracer, processor, server, database, process)
    processor.shutdown_within(60.0)
    rows = server.execute("SELECT count(*) AS n, count(DISTINCT span_id) AS keys FROM command_calls", database)[0]
    counts = processor.counts()
    growth = (max(peak, away) - before) / MIB
    slowest = max(live)
    return Report(
        "outage",
        "What happens when the database is unavailable for ten minutes at 200 commands per second?",
        ("", "measured"),
        [
            ("rows waiting at the end of the outage", f"{waited:,}"),
            ("size of the spool, MiB", f"{on_disk / MIB:.1f}"),
            ("memory growth during the outage, MiB", f"{(away - before) / MIB:.1f}"),
            ("largest memory growth, including the recovery, MiB", f"{growth:.1f}"),
            ("recovery, from the first successful batch, s", f"{recovered_in:.1f}"),
            ("recovery, rows/s", f"{waited / recovered_in:,.0f}"),
            ("live rows during the recovery: time until stored, p50, s", f"{percentile(live, 50):.2f}"),
            ("live rows during the recovery: time until stored, slowest, s", f"{slowest:.2f}"),
            ("rows stored / recorded", f"{rows['n']:,} / {counts.recorded:,}"),
        ],
        targets=(
            Target(
                f"every row is stored once: {rows['keys']:,} of {counts.recorded:,}",
                rows["n"] == rows["keys"] == counts.recorded == counts.stored,
            ),
            Target(f"memory grows by less than {MAX_GROWTH_MB} MiB: {growth:.1f}", growth <= MAX_GROWTH_MB),
            Target(f"live rows do not starve: the slowest is stored within 5 s: {slowest:.2f}", slowest <= 5.0),
        ),
    )


def _record(tracer: Tracer, count: int) -> None:
    for _ in range(count):
        tracer.start_span("slash admin ban", kind=SpanKind.SERVER, attributes=ATTRIBUTES).end()


def _recover(
    tracer: Tracer,
    processor: CommandCallsProcessor,
    server: Postgres,
    database: str,
    process: psutil.Process,
) -> tuple[int, float, list[float]]:
    """Peak memory in bytes, seconds of recovery, and the seconds until each live row was stored."""
    stop = threading.Event()
    recorded: dict[int, float] = {}

    def users() -> None:
        while not stop.wait(LIVE_EVERY_SECONDS):
            span = tracer.start_span("slash live", kind=SpanKind.SERVER, attributes=ATTRIBUTES)
            key = span.get_span_context().span_id
            recorded[key - 2**64 if key >= 2**63 else key] = time.time()
            span.end()

    stored = processor.counts().stored
    server.start()
    while processor.counts().stored == stored:  # until the next retry, after its backoff
        time.sleep(0.01)
    thread = threading.Thread(target=users)
    thread.start()
    started, peak = time.perf_counter(), 0
    while processor._spool is not None and processor._spool.journal.pending:
        peak = max(peak, process.memory_info().rss)
        time.sleep(0.02)
    seconds = time.perf_counter() - started
    stop.set()
    thread.join()
    processor.force_flush(60_000)
    rows = server.execute("SELECT span_id, extract(epoch FROM inserted_at) AS at FROM command_calls", database)
    took = [float(row["at"]) - recorded[row["span_id"]] for row in rows if row["span_id"] in recorded]
    return peak, seconds, took
