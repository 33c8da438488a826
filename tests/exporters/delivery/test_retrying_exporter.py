"""Batches of spans that a collector rejected or could not receive are sent again unchanged."""

from __future__ import annotations

import logging
import os
import threading
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import Link, SpanKind, Status, StatusCode

from slashspan.exporters.delivery import retry_loop
from slashspan.exporters.delivery.retrying_exporter import RetryingExporter
from slashspan.exporters.rows.counts import DropReason
from slashspan.exporters.spool.journal import Journal
from slashspan.exporters.spool.records import MAX_PAYLOAD
from slashspan.exporters.spool.span_codec import packed, unpacked
from slashspan.exporters.spool.span_spool import SpanSpool
from tests.support.journals import die
from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path


@pytest.fixture(autouse=True)
def quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry_loop, "FIRST_RETRY_SECONDS", 0.01)
    monkeypatch.setattr(retry_loop, "LONGEST_RETRY_SECONDS", 0.05)


class Collector(SpanExporter):
    """Accepts batches, or rejects all of them, or those with a span named `poison`; a mock, because it fails on cue."""

    def __init__(self) -> None:
        self.away = False
        self.batches: list[list[str]] = []
        self.tries = 0
        self.closed = threading.Event()

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.tries += 1
        names = [span.name for span in spans]
        if self.away or "poison" in names:
            return SpanExportResult.FAILURE
        self.batches.append(names)
        return SpanExportResult.SUCCESS

    def shutdown(self) -> None:
        self.closed.set()


def made(*names: str) -> list[ReadableSpan]:
    memory = InMemorySpanExporter()
    provider = TracerProvider(resource=Resource.create({"service.name": "ladder-bot"}), shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(memory))
    for name in names:
        provider.get_tracer("test").start_span(name).end()
    return list(memory.get_finished_spans())


def rich() -> list[ReadableSpan]:
    memory = InMemorySpanExporter()
    provider = TracerProvider(resource=Resource.create({"service.name": "ladder-bot"}), shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(memory))
    tracer = provider.get_tracer("ladder", "1.2", "https://example.org/schema", {"scope": "yes"})
    attributes: dict[str, Any] = {"text": "👍", "big": 2**62, "share": 0.1, "list": ("a", "b"), "raw": b"\x00\xff"}
    with tracer.start_as_current_span("outer", kind=SpanKind.SERVER, attributes=attributes) as outer:
        link = Link(outer.get_span_context(), {"why": "it"})
        with tracer.start_as_current_span("inner", kind=SpanKind.CLIENT, links=[link]) as inner:
            inner.add_event("rows_fetched", {"at_ms": 1.5})
            inner.set_status(Status(StatusCode.ERROR, "no"))
    return list(memory.get_finished_spans())


@pytest.fixture
def sending(tmp_path: Path) -> Iterator[tuple[RetryingExporter, Collector]]:
    collector = Collector()
    exporter = RetryingExporter(collector, SpanSpool(Journal(tmp_path, max_bytes=2**24)), name="otlp")
    yield exporter, collector
    exporter.shutdown(1000)


def test_spans_from_the_spool_are_encoded_like_the_originals() -> None:
    spans = rich()
    assert encode_spans(unpacked(packed(spans))) == encode_spans(spans)


def test_batches_that_failed_are_sent_again_unchanged(
    sending: tuple[RetryingExporter, Collector], caplog: pytest.LogCaptureFixture
) -> None:
    exporter, collector = sending
    collector.away = True
    batches = [made(f"a{n}", f"b{n}") for n in range(30)]
    with caplog.at_level(logging.WARNING, "slashspan"):
        for batch in batches:
            assert exporter.export(batch) is SpanExportResult.SUCCESS
        until(lambda: exporter.counts().waiting == 30)
        collector.away = False
        assert exporter.force_flush(20_000)
    assert sorted(collector.batches) == sorted([f"a{n}", f"b{n}"] for n in range(30))
    counts = exporter.counts()
    assert (counts.recorded, counts.stored, counts.waiting, counts.lost) == (60, 60, 0, 0)
    assert sum("does not accept spans" in record.message for record in caplog.records) == 1


def test_spans_of_a_shutdown_without_the_collector_are_sent_after_the_next_start(tmp_path: Path) -> None:
    collector = Collector()
    collector.away = True
    exporter = RetryingExporter(collector, SpanSpool(Journal(tmp_path, max_bytes=2**24)), name="otlp")
    for n in range(5):
        exporter.export(made(f"s{n}"))
    exporter.shutdown(100)
    assert collector.closed.is_set()
    after = Collector()
    again = RetryingExporter(after, SpanSpool(Journal(tmp_path, max_bytes=2**24)), name="otlp")
    until(lambda: len(after.batches) == 5)
    again.shutdown(1000)
    assert sorted(after.batches) == [[f"s{n}"] for n in range(5)]


def test_spans_of_a_process_killed_without_the_collector_are_sent_after_the_next_start(tmp_path: Path) -> None:
    collector = Collector()
    collector.away = True
    journal = Journal(tmp_path, max_bytes=2**24)
    exporter = RetryingExporter(collector, SpanSpool(journal), name="otlp")
    for n in range(5):
        exporter.export(made(f"s{n}"))
    until(lambda: journal.unacked == 5)
    die(journal)
    after = Collector()
    again = RetryingExporter(after, SpanSpool(Journal(tmp_path, max_bytes=2**24)), name="otlp")
    until(lambda: len(after.batches) == 5)
    again.shutdown(1000)
    exporter.shutdown(100)


def test_a_batch_that_alone_is_rejected_does_not_hold_up_the_others(
    sending: tuple[RetryingExporter, Collector],
) -> None:
    exporter, collector = sending
    exporter.export(made("poison", "innocent"))
    sent = 0
    while not exporter.counts().lost:
        exporter.export(made(f"good{sent}"))
        sent += 1
        until(lambda: len(collector.batches) == sent)  # noqa: B023
    assert exporter.counts().dropped == {DropReason.REJECTED: 2}
    assert exporter.force_flush(20_000)
    assert collector.tries > sent + 1, "it was tried again before it was given up"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_a_forked_child_sends_its_own_spans(sending: tuple[RetryingExporter, Collector], tmp_path: Path) -> None:
    exporter, collector = sending
    exporter.export(made("parent"))
    assert exporter.force_flush(20_000)
    child = os.fork()
    if child == 0:
        try:
            exporter.export(made("child"))
            done = exporter.force_flush(20_000) and collector.batches == [["parent"], ["child"]]
        finally:
            os._exit(0 if done else 1)
    assert os.waitpid(child, 0)[1] == 0


def test_batches_that_the_spool_cannot_keep_are_counted(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    collector = Collector()
    collector.away = True
    exporter = RetryingExporter(
        collector, SpanSpool(Journal(tmp_path / "file" / "spool", max_bytes=2**24)), name="otlp"
    )
    for n in range(20):
        exporter.export(made(f"s{n}"))
    exporter.shutdown(200)
    counts = exporter.counts()
    assert counts.dropped == {DropReason.BACKLOG_FULL: 20}
    assert counts.waiting == 0


def test_batches_that_a_full_spool_drops_are_counted(tmp_path: Path) -> None:
    collector = Collector()
    collector.away = True
    exporter = RetryingExporter(collector, SpanSpool(Journal(tmp_path, max_bytes=2**16)), name="otlp")
    while exporter.counts().dropped.get(DropReason.SPOOL_FULL, 0) < 2:
        exporter.export(made(*["s"] * 50))
    exporter.shutdown(200)


def test_a_batch_too_large_for_a_record_is_refused_by_size() -> None:
    span = made("huge")[0]
    huge = ReadableSpan("huge", span.context, attributes={"x": "x" * MAX_PAYLOAD}, resource=span.resource)
    with pytest.raises(ValueError, match="too large"):
        packed([huge])
