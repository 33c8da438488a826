"""Whatever the store does: `export` returns, the thread survives, and every row is accounted for."""

from __future__ import annotations

import asyncio
import logging
import os
import subprocess
import sys
import threading
from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExportResult

from slashspan.exporters.delivery.exporter import CommandCallsExporter
from slashspan.exporters.rows.counts import Counts, DropReason
from slashspan.exporters.stores.errors import SchemaMismatch
from slashspan.semconv import Kind
from tests.support import ROOT
from tests.support.exporting import exporter_on, processor_on
from tests.support.scripted_store import ScriptedStore, down
from tests.support.spans import ATTRIBUTES, finished, spans
from tests.support.stored_rows import read_rows
from tests.support.waiting import until


def test_user_actions_are_stored_and_other_spans_ignored() -> None:
    store = ScriptedStore()
    exporter = exporter_on(store)
    assert exporter.export([*spans(3), finished({"db.system": "x"})]) is SpanExportResult.SUCCESS
    assert len(store.rows) == 3
    assert exporter.export([finished({"db.system": "x"})]) is SpanExportResult.SUCCESS
    exporter.shutdown()
    assert store.closed
    assert exporter.counts() == Counts(recorded=3, stored=3)


def test_kinds_that_are_not_configured_become_no_rows() -> None:
    store = ScriptedStore()
    exporter = CommandCallsExporter(store, kinds={Kind.PREFIX})
    assert exporter.export(spans(2)) is SpanExportResult.SUCCESS
    exporter.shutdown()
    assert store.rows == []


def test_an_unavailable_store_costs_one_warning_and_no_row(caplog: pytest.LogCaptureFixture) -> None:
    store = ScriptedStore(down)
    exporter = exporter_on(store)
    with caplog.at_level(logging.WARNING, "slashspan"):
        assert exporter.export(spans(5)) is SpanExportResult.FAILURE
        assert exporter.export(spans(5)) is SpanExportResult.FAILURE
        # By the exporter's thread, which may log it after `export` has returned.
        until(lambda: "cannot be written" in caplog.text)
        store.fail = lambda: None
        assert exporter.force_flush(20_000)
    logged = [record.message for record in caplog.records]
    assert sum("cannot be written now: away" in message for message in logged) == 1
    assert sum("is back" in message for message in logged) == 1
    assert len(store.rows) == 10
    exporter.shutdown()
    assert exporter.counts().lost == 0


def test_beyond_the_limit_the_oldest_rows_are_dropped_and_counted(caplog: pytest.LogCaptureFixture) -> None:
    store = ScriptedStore(down)
    exporter = exporter_on(store, batch_rows=1, max_waiting_rows=20)
    first = spans(1)
    exporter.export(first)
    until(store.tried.is_set)
    more = spans(30)
    with caplog.at_level(logging.WARNING, "slashspan"):
        exporter.export(more)
    counts = exporter.counts()
    lost = counts.dropped[DropReason.BACKLOG_FULL]
    assert lost in (10, 11)  # the first row may be in flight, and then does not count as waiting
    assert counts.waiting == 31 - lost
    assert any("are lost so far" in record.message for record in caplog.records)
    store.fail = lambda: None
    assert exporter.force_flush(20_000)
    assert [row.span_id for row in store.rows][-20:] == [_signed(span) for span in more[10:]]
    exporter.shutdown()
    assert exporter.counts() == Counts(31, 31 - lost, 0, counts.retried, {DropReason.BACKLOG_FULL: lost})


def _signed(span: Any) -> int:
    value: int = span.context.span_id
    return value - 2**64 if value >= 2**63 else value


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, asyncio.CancelledError, ValueError, SchemaMismatch])
def test_no_error_ends_the_thread(error: type[BaseException]) -> None:
    def fail() -> None:
        store.fail = lambda: None
        raise error

    store = ScriptedStore(fail)
    exporter = exporter_on(store)
    assert exporter.export(spans(2)) is SpanExportResult.FAILURE
    assert exporter.force_flush(20_000)
    assert exporter.export(spans(2)) is SpanExportResult.SUCCESS
    exporter.shutdown()
    assert len(store.rows) == 4


def test_a_shutdown_without_the_store_keeps_its_deadline_and_logs_what_is_lost(
    caplog: pytest.LogCaptureFixture,
) -> None:
    store = ScriptedStore(down)
    exporter = exporter_on(store)
    exporter.export(spans(5))
    with caplog.at_level(logging.WARNING, "slashspan"):
        exporter.shutdown(timeout_millis=300)
    assert exporter.counts().dropped == {DropReason.SHUTDOWN: 5}
    assert any("5 of 5 rows were not stored" in record.message for record in caplog.records)


def test_a_store_that_recovers_during_the_shutdown_gets_the_rows() -> None:
    store = ScriptedStore(down)
    exporter = exporter_on(store)
    exporter.export(spans(5))
    tries = store.tries

    def third_time() -> None:
        if store.tries < tries + 3:
            down()

    store.fail = third_time
    exporter.shutdown(timeout_millis=20_000)
    assert len(store.rows) == 5


def test_an_export_after_the_shutdown_fails(caplog: pytest.LogCaptureFixture) -> None:
    exporter = exporter_on(ScriptedStore())
    exporter.shutdown()
    with caplog.at_level(logging.WARNING, "slashspan"):
        assert exporter.export(spans(2)) is SpanExportResult.FAILURE
    assert "is shut down" in caplog.text


def test_in_a_plain_batch_span_processor_every_span_is_stored_once() -> None:
    store = ScriptedStore()
    provider = TracerProvider(shutdown_on_exit=False)
    exporter = CommandCallsExporter(store, kinds=Kind.ALL, max_waiting_rows=100_000)
    provider.add_span_processor(BatchSpanProcessor(exporter, max_queue_size=100_000))
    tracer = provider.get_tracer("test")

    def work() -> None:
        for _ in range(625):
            tracer.start_span("x", attributes=ATTRIBUTES).end()

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    provider.shutdown()
    assert len(store.rows) == len({row.span_id for row in store.rows}) == 5000


def test_other_spans_cannot_evict_user_actions() -> None:
    store = ScriptedStore()
    processor = processor_on(store, schedule_delay_ms=60_000, queue_rows=50)
    for span in spans(20):
        processor.on_end(span)
    other = finished({"db.system": "x"})
    for _ in range(1000):
        processor.on_end(other)
    processor.shutdown_within(20.0)
    assert len(store.rows) == 20
    assert processor.counts() == Counts(recorded=20, stored=20)


def test_rows_evicted_from_the_queue_are_counted_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    held = threading.Event()
    store = ScriptedStore(lambda: held.wait(20))
    processor = processor_on(store, queue_rows=10, batch_rows=10)
    with caplog.at_level(logging.WARNING, "slashspan"):
        for span in spans(100):
            processor.on_end(span)
        held.set()
        processor.shutdown_within(20.0)
    counts = processor.counts()
    assert counts.recorded == 100
    assert counts.dropped.get(DropReason.QUEUE_FULL, 0) == 100 - len(store.rows) > 0
    assert counts.stored == len(store.rows)
    assert "lost to a full queue" in caplog.text


async def test_flushing_on_the_bots_loop_neither_blocks_nor_loses_rows() -> None:
    held = threading.Event()
    store = ScriptedStore(lambda: held.wait(20))
    processor = processor_on(store, schedule_delay_ms=60_000)
    for span in spans(5):
        processor.on_end(span)
    assert processor.force_flush(20_000) is False
    assert store.rows == []
    held.set()
    await asyncio.to_thread(until, lambda: len(store.rows) == 5)
    await asyncio.to_thread(processor.shutdown_within, 20.0)


def test_flushing_waits_for_the_rows() -> None:
    store = ScriptedStore()
    processor = processor_on(store, schedule_delay_ms=60_000)
    for span in spans(5):
        processor.on_end(span)
    assert processor.force_flush(20_000)
    assert len(store.rows) == 5
    processor.shutdown_within(20.0)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform has no fork")
def test_a_forked_child_writes_its_own_rows_and_not_its_parents(tmp_path: Any) -> None:
    script = """
import os, sys
from slashspan.exporters.stores.factory import open_store
from slashspan.exporters.delivery.exporter import CommandCallsExporter
from slashspan.semconv import Kind
from tests.support.spans import finished, ATTRIBUTES
exporter = CommandCallsExporter(open_store(sys.argv[1]), kinds=Kind.ALL)
exporter.export([finished()])
child = os.fork()
exporter.export([finished(), finished()])
exporter.shutdown()
if child:
    status = os.waitpid(child, 0)[1]
    sys.exit(os.waitstatus_to_exitcode(status))
os._exit(0)
"""
    dsn = f"sqlite:///{tmp_path / 'fork.db'}"
    subprocess.run([sys.executable, "-W", "ignore", "-c", script, dsn], check=True, timeout=60, cwd=ROOT)
    assert len(read_rows(dsn)) == 5


def test_rows_are_written_at_exit_even_over_a_new_connection(dsn: str) -> None:
    script = """
import atexit, sys
from slashspan.exporters.stores.factory import open_store
from slashspan.exporters.delivery.exporter import CommandCallsExporter
from slashspan.semconv import Kind
from tests.support.spans import finished
store = open_store(sys.argv[1].replace("127.0.0.1", "localhost"))
exporter = CommandCallsExporter(store, kinds=Kind.ALL)
spans = [finished(), finished()]
exporter.export(spans[:1])
def end():
    getattr(store, "_terminate", lambda: None)()  # PostgreSQL: a line that broke; it must connect by name once more
    exporter.export(spans[1:])
    exporter.shutdown()
atexit.register(end)
"""
    subprocess.run([sys.executable, "-c", script, dsn], check=True, timeout=60, cwd=ROOT)
    assert len(read_rows(dsn)) == 2
