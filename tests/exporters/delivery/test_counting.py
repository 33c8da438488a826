"""Every row is counted once, even around shutdowns, flushes and forks."""

from __future__ import annotations

import logging
import os
import threading
from typing import TYPE_CHECKING

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SpanExportResult

from slashspan.exporters.delivery import exporter as exporter_module
from slashspan.exporters.delivery import retry_loop
from slashspan.exporters.rows.counts import DropReason
from tests.support.exporting import Bot, exporter_on, processor_on
from tests.support.scripted_store import ScriptedStore
from tests.support.spans import spans
from tests.support.waiting import until

if TYPE_CHECKING:
    from pathlib import Path


def _pause(reached: threading.Event, release: threading.Event) -> None:
    reached.set()
    assert release.wait(30)


@pytest.mark.parametrize("spooled", [False, True])
def test_a_write_that_outlives_the_shutdown_is_counted_once(spooled: bool, tmp_path: Path) -> None:
    writing, release = threading.Event(), threading.Event()
    store = ScriptedStore(lambda: _pause(writing, release))
    if spooled:
        bot = Bot(tmp_path, store)
        exporter = bot.exporter
        bot.record(spans(5))
    else:
        exporter = exporter_on(store)
        threading.Thread(target=exporter.export, args=(spans(5),), daemon=True).start()
    assert writing.wait(30)
    exporter.shutdown(50)
    counts = exporter.counts()
    assert counts.stored + counts.waiting + counts.lost == 5
    release.set()
    until(lambda: len(store.rows) == 5 and exporter._worker._loop.ended)
    counts = exporter.counts()
    assert counts.stored + counts.waiting + counts.lost == 5
    if not spooled:
        assert (counts.stored, counts.lost) == (5, 0), "they were stored after all"
    else:
        bot.processor.shutdown_within(1.0)


def test_overlapping_flushes_leave_the_exporter_waiting_for_its_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporter_module, "EXPORT_SECONDS", 30.0)
    writing, release = threading.Event(), threading.Event()
    exporter = exporter_on(ScriptedStore(lambda: _pause(writing, release)))
    first, second = exporter.non_blocking(), exporter.non_blocking()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    second.__exit__(None, None, None)
    results: list[SpanExportResult] = []
    exporting = threading.Thread(target=lambda: results.append(exporter.export(spans(1))), daemon=True)
    exporting.start()
    assert writing.wait(30)
    release.set()
    exporting.join(30)
    assert results == [SpanExportResult.SUCCESS], "it waited until the row was stored"
    exporter.shutdown()


def test_a_flush_wakes_an_export_that_is_waiting() -> None:
    writing, release = threading.Event(), threading.Event()
    exporter = exporter_on(ScriptedStore(lambda: _pause(writing, release)))
    results: list[SpanExportResult] = []
    waiting = threading.Thread(target=lambda: results.append(exporter.export(spans(1))), daemon=True)
    waiting.start()
    assert writing.wait(30)
    with exporter.non_blocking():
        waiting.join(30)
        assert results == [SpanExportResult.FAILURE], "not yet"
    release.set()
    exporter.shutdown()
    assert exporter.counts().stored == 1


def test_an_eviction_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    held = threading.Event()
    store = ScriptedStore(lambda: _pause(threading.Event(), held))
    processor = processor_on(store, queue_rows=10, batch_rows=10)
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(processor)
    for span in spans(200):
        processor.on_end(span)
    held.set()
    with caplog.at_level(logging.WARNING, "slashspan"):
        processor.shutdown_within(20.0)
        provider.shutdown()
        processor.shutdown()
    evicted = processor.counts().dropped[DropReason.QUEUE_FULL]
    assert evicted > 0
    assert [record.args for record in caplog.records if "full queue" in record.message] == [(evicted,)]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
@pytest.mark.parametrize("spooled", [False, True])
def test_a_forked_child_counts_only_its_own_rows(spooled: bool, tmp_path: Path) -> None:
    store = ScriptedStore()
    processor = Bot(tmp_path, store).processor if spooled else processor_on(store)
    for span in spans(20):
        processor.on_end(span)
    assert processor.force_flush(20_000)
    with processor._rows.non_blocking():
        child = os.fork()
        if child == 0:
            status = 1
            try:
                for span in spans(3):
                    processor.on_end(span)
                processor.shutdown_within(20.0)
                counts = processor.counts()
                status = 0 if (counts.recorded, counts.stored, counts.lost) == (3, 3, 0) else 2
            finally:
                os._exit(status)
    assert os.waitpid(child, 0)[1] == 0
    processor.shutdown_within(20.0)
    counts = processor.counts()
    assert (counts.recorded, counts.stored, counts.lost) == (20, 20, 0)


def test_a_bug_in_the_loop_is_logged_and_delivery_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(retry_loop, "FIRST_RETRY_SECONDS", 0.01)
    store = ScriptedStore()
    bot = Bot(tmp_path, store)
    lease = bot.exporter._worker._backlog.lease
    left = [3]

    def broken() -> object:
        if left[0]:
            left[0] -= 1
            raise RuntimeError("a bug of ours")
        return lease()

    monkeypatch.setattr(bot.exporter._worker._backlog, "lease", broken)
    with caplog.at_level(logging.WARNING, "slashspan"):
        bot.record(spans(5))
        until(lambda: len(store.rows) == 5)
    assert len([record for record in caplog.records if "failed while delivering" in record.message]) == 1
    bot.processor.shutdown_within(10.0)
    assert bot.processor.counts().stored == 5
