"""What real OTLP exporters are answered: a collector that is busy loses no batch, and what it rejects is counted."""

from __future__ import annotations

import contextlib
import logging
from typing import TYPE_CHECKING

import grpc
import pytest
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpExporter
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from slashspan.exporters.delivery import retry_loop
from slashspan.exporters.delivery.otlp_answers import Answer, OtlpAnswers
from slashspan.exporters.delivery.retrying_exporter import REFUSALS, RetryingExporter
from slashspan.exporters.rows.counts import DropReason
from slashspan.exporters.spool.journal import Journal
from slashspan.exporters.spool.span_spool import SpanSpool
from tests.support.otlp_backend import Verdict, running_backend
from tests.support.otlp_http_backend import running_http_backend
from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from opentelemetry.sdk.trace.export import SpanExporter

    from tests.support.otlp_backend import Received

SHORT, LONG = 0.5, 60.0
"""Limits in seconds of an export: in a short one the SDK does not try again. On a busy machine it may end before there
was an answer, so tests export until there is one."""


@contextlib.contextmanager
def over(protocol: str, seconds: float = SHORT) -> Iterator[tuple[SpanExporter, Received]]:
    """An exporter of the SDK, and the backend that it sends to."""
    if protocol == "grpc":
        with running_backend() as backend:
            yield GrpcExporter(f"http://127.0.0.1:{backend.port}", insecure=True, timeout=seconds), backend
    else:
        with running_http_backend() as http_backend:
            endpoint = f"http://127.0.0.1:{http_backend.port}/v1/traces"
            yield HttpExporter(endpoint, timeout=seconds), http_backend


def made(*names: str) -> list[ReadableSpan]:
    memory = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(memory))
    for name in names:
        provider.get_tracer("test").start_span(name).end()
    return list(memory.get_finished_spans())


BUSY = [
    ("grpc", Verdict(grpc.StatusCode.UNAVAILABLE)),
    ("grpc", Verdict(grpc.StatusCode.UNAVAILABLE, retry_after=0.1)),
    ("grpc", Verdict(grpc.StatusCode.RESOURCE_EXHAUSTED, retry_after=0.1)),
    ("grpc", Verdict(grpc.StatusCode.DEADLINE_EXCEEDED)),
    ("grpc", Verdict(grpc.StatusCode.ABORTED)),
    ("http/protobuf", Verdict(429, retry_after=1)),
    ("http/protobuf", Verdict(429)),
    ("http/protobuf", Verdict(502)),
    ("http/protobuf", Verdict(503, retry_after=1)),
    ("http/protobuf", Verdict(504)),
]
WRONG = [
    ("grpc", Verdict(grpc.StatusCode.INVALID_ARGUMENT)),
    ("grpc", Verdict(grpc.StatusCode.RESOURCE_EXHAUSTED)),  # without RetryInfo: the batch is too large, for example
    ("grpc", Verdict(grpc.StatusCode.UNAUTHENTICATED)),
    ("http/protobuf", Verdict(400)),
    ("http/protobuf", Verdict(413, retry_after=1)),
    ("http/protobuf", Verdict(500)),
]


@pytest.mark.parametrize(
    ("protocol", "verdict", "busy"), [(*case, True) for case in BUSY] + [(*case, False) for case in WRONG]
)
def test_busy_is_told_from_wrong(protocol: str, verdict: Verdict, busy: bool) -> None:
    with over(protocol) as (exporter, backend):
        answers = OtlpAnswers(exporter)
        backend.judge = lambda _: verdict
        expected = Answer(busy=busy, retry_after=(verdict.retry_after or 0.0) if busy else 0.0)
        until(lambda: (answers.export(made("a")), answers.last) == (SpanExportResult.FAILURE, expected), 60)
        backend.judge = lambda _: Verdict()
        until(lambda: answers.export(made("a")) is SpanExportResult.SUCCESS, 60)
        assert answers.last == Answer()
        exporter.shutdown()


@pytest.mark.parametrize("protocol", ["grpc", "http/protobuf"])
def test_a_collector_that_is_away_is_busy(protocol: str) -> None:
    with over(protocol) as (exporter, _):
        pass
    answers = OtlpAnswers(exporter)
    assert answers.export(made("a")) is SpanExportResult.FAILURE
    assert answers.last.busy
    exporter.shutdown()


@pytest.mark.parametrize("protocol", ["grpc", "http/protobuf"])
def test_a_partial_success_is_read(protocol: str) -> None:
    with over(protocol, LONG) as (exporter, backend):
        answers = OtlpAnswers(exporter)
        backend.judge = lambda _: Verdict(rejected=2)
        assert answers.export(made("a", "b", "c")) is SpanExportResult.SUCCESS
        assert answers.last == Answer(rejected=2, message="too old")
        exporter.shutdown()


def test_of_a_batch_that_is_not_sent_nothing_is_known() -> None:
    with running_http_backend() as backend:
        endpoint = f"http://127.0.0.1:{backend.port}/v1/traces"
        exporter: SpanExporter = HttpExporter(endpoint, timeout=SHORT, max_request_size=1000)
        answers = OtlpAnswers(exporter)
        backend.judge = lambda _: Verdict(429)
        answers.export(made("a"))
        assert answers.last.busy
        assert answers.export(made("a" * 1000)) is SpanExportResult.FAILURE
        assert answers.last == Answer()
        exporter.shutdown()


def test_an_exporter_of_another_kind_has_no_answers() -> None:
    exporter = InMemorySpanExporter()
    answers = OtlpAnswers(exporter)
    answers.export(made("a"))
    assert answers.last == Answer()


@contextlib.contextmanager
def retrying(protocol: str, folder: Path, seconds: float) -> Iterator[tuple[RetryingExporter, Received]]:
    with over(protocol, seconds) as (inner, backend):
        exporter = RetryingExporter(inner, SpanSpool(Journal(folder, max_bytes=2**24)), name="otlp")
        try:
            yield exporter, backend
        finally:
            exporter.shutdown(1000)


def names(spans: Sequence[object]) -> list[str]:
    return sorted(span.name for span in spans)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("protocol", "verdict"),
    [
        ("grpc", Verdict(grpc.StatusCode.UNAVAILABLE, retry_after=0.01)),
        ("grpc", Verdict(grpc.StatusCode.RESOURCE_EXHAUSTED, retry_after=0.01)),
        ("http/protobuf", Verdict(429, retry_after=0.01)),
        ("http/protobuf", Verdict(503, retry_after=0.01)),
    ],
)
def test_a_batch_that_meets_a_busy_collector_again_and_again_is_not_given_up(
    protocol: str, verdict: Verdict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retry_loop, "FIRST_RETRY_SECONDS", 0.01)
    turns = 0

    def accepts_others(spans: Sequence[object]) -> Verdict:
        nonlocal turns
        if "unlucky" not in names(spans):
            return Verdict()
        turns += 1
        return verdict

    with retrying(protocol, tmp_path, SHORT) as (exporter, backend):
        backend.judge = accepts_others
        exporter.export(made("unlucky"))
        sent = 0
        while turns < 40 * REFUSALS:
            exporter.export(made("lucky"))
            sent += 1
            backend.wait_for(sent)
        backend.judge = lambda _: Verdict()
        assert exporter.force_flush(60_000)
        assert set(names(backend.spans)) == {"lucky", "unlucky"}
        assert exporter.counts().stored == sent + 1
        assert exporter.counts().dropped == {}


@pytest.mark.parametrize("protocol", ["grpc", "http/protobuf"])
def test_spans_that_a_collector_rejects_are_counted_logged_and_not_sent_again(
    protocol: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with retrying(protocol, tmp_path, LONG) as (exporter, backend):
        backend.judge = lambda _: Verdict(rejected=2)
        with caplog.at_level(logging.WARNING, "slashspan"):
            exporter.export(made("a", "b", "c"))
            assert exporter.force_flush(60_000)
        counts = exporter.counts()
        assert names(backend.spans) == ["c"]
        assert (counts.recorded, counts.stored, counts.waiting) == (3, 1, 0)
        assert counts.dropped == {DropReason.REJECTED: 2}
        assert [record.message for record in caplog.records if "too old" in record.message]


def test_a_collector_that_asks_to_wait_is_not_asked_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the loop's clock: how long it would pause."""
    pauses: list[float] = []

    def noted(loop: retry_loop.RetryLoop, seconds: float) -> None:
        pauses.append(seconds)
        pause(loop, min(seconds, 0.01))

    pause: Callable[[retry_loop.RetryLoop, float], None] = retry_loop.RetryLoop._pause
    monkeypatch.setattr(retry_loop.RetryLoop, "_pause", noted)
    with retrying("http/protobuf", tmp_path, LONG) as (exporter, backend):
        backend.judge = lambda _: Verdict(503, retry_after=100)
        exporter.export(made("a"))
        until(lambda: len(pauses) >= 3, 60)
        assert all(100 <= seconds < 100 + retry_loop.LONGEST_RETRY_SECONDS for seconds in pauses)
        backend.judge = lambda _: Verdict(503, retry_after=86_400)
        until(lambda: pauses[-1] > 200, 60)
        assert pauses[-1] <= retry_loop.LONGEST_ASKED_SECONDS + retry_loop.LONGEST_RETRY_SECONDS
