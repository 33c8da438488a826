"""A user action reaches the collector although the process that recorded it was killed before it could send."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

from slashspan import guard, semconv
from slashspan.exporters.delivery import retry_loop
from slashspan.exporters.delivery.retrying_exporter import RetryingExporter
from slashspan.exporters.delivery.traces_processor import TracesProcessor
from slashspan.exporters.spool.records import RecordType
from slashspan.exporters.spool.segment import RecordState
from slashspan.exporters.spool.span_spool import SpanSpool
from slashspan.exporters.spool.status import inspect, pending_records
from tests.support.journals import die, journal
from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from opentelemetry.sdk.trace import ReadableSpan

SLASH = {semconv.KIND: "slash"}


class Collector(SpanExporter):
    """Keeps names and outcomes; a mock, because it fails on cue."""

    def __init__(self) -> None:
        self.away = False
        self.got: list[tuple[str, Any]] = []
        self.tries = 0

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.tries += 1
        if self.away:
            return SpanExportResult.FAILURE
        self.got += [(span.name, (span.attributes or {}).get(semconv.OUTCOME)) for span in spans]
        return SpanExportResult.SUCCESS


class Bot:
    """A provider with the processor, a collector, and the spool in `folder`."""

    def __init__(self, folder: Path, *, queue: int = 1000, sampler: Any = None, delay_ms: int = 3_600_000) -> None:
        self.collector = Collector()
        self.spool = SpanSpool(journal(folder))
        self.exporter = RetryingExporter(self.collector, self.spool, name="otlp")
        self.processor = TracesProcessor(
            self.exporter, self.spool, schedule_delay_ms=delay_ms, batch_rows=queue, queue_rows=queue
        )
        provider = TracerProvider(shutdown_on_exit=False, **({} if sampler is None else {"sampler": sampler}))
        provider.add_span_processor(self.processor)
        self.tracer = provider.get_tracer("test")

    def act(self, *names: str) -> None:
        for name in names:
            with self.tracer.start_as_current_span(name, attributes=SLASH) as span:
                self.tracer.start_span(f"request of {name}").end()
                span.set_attribute(semconv.OUTCOME, "ok")

    def die(self) -> None:
        self.collector.away = True
        die(self.spool.journal)


@pytest.fixture(autouse=True)
def quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry_loop, "FIRST_RETRY_SECONDS", 0.01)
    monkeypatch.setattr(retry_loop, "LONGEST_RETRY_SECONDS", 0.05)


def pending(folder: Path) -> list[int]:
    return [record.type for writer in folder.glob("w-*") for record in pending_records(writer)]


def heir_gets(folder: Path, count: int) -> Counter[tuple[str, Any]]:
    heir = Bot(folder)
    until(lambda: len(heir.collector.got) >= count)
    assert heir.exporter.force_flush(20_000)
    heir.processor.shutdown_within(5.0)
    assert pending(folder) == []
    return Counter(heir.collector.got)


def test_what_a_killed_process_had_not_sent_is_sent_by_the_next_one(tmp_path: Path) -> None:
    names = [f"slash {number}" for number in range(300)]
    bot = Bot(tmp_path)
    bot.act(*names)
    bot.tracer.start_span("slash hang", attributes=SLASH)
    bot.die()
    expected = Counter({(name, "ok"): 1 for name in names} | {("slash hang", "interrupted"): 1})
    assert heir_gets(tmp_path, 301) == expected


def test_what_was_sent_is_not_sent_again(tmp_path: Path) -> None:
    bot = Bot(tmp_path)
    bot.act("slash a", "slash b")
    assert bot.processor.force_flush(20_000)
    assert len(bot.collector.got) == 4
    bot.act("slash c")
    bot.die()
    assert heir_gets(tmp_path, 1) == {("slash c", "ok"): 1}


def test_a_batch_that_failed_keeps_its_other_spans_and_has_no_action_twice(tmp_path: Path) -> None:
    bot = Bot(tmp_path)
    bot.collector.away = True
    bot.act("slash a", "slash b")
    bot.processor.force_flush(1)
    until(lambda: pending(tmp_path) == [RecordType.BATCH])
    bot.die()
    expected = {("slash a", "ok"): 1, ("slash b", "ok"): 1, ("request of slash a", None): 1}
    assert heir_gets(tmp_path, 4) == {**expected, ("request of slash b", None): 1}


def test_actions_that_a_full_queue_evicts_are_sent(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    gate = threading.Event()
    bot = Bot(tmp_path, queue=8, delay_ms=20)
    claim = bot.spool.claim
    bot.spool.claim = lambda spans: (gate.wait(20), claim(spans))[1]  # type: ignore[method-assign]
    names = [f"slash {number}" for number in range(50)]
    bot.act(*names)
    gate.set()
    until(lambda: {name for name, outcome in bot.collector.got if outcome} == set(names))
    assert Counter(name for name, outcome in bot.collector.got if outcome).most_common(1)[0][1] == 1
    bot.processor.shutdown_within(5.0)


def test_traces_that_are_not_sampled_leave_nothing_in_the_spool(tmp_path: Path) -> None:
    bot = Bot(tmp_path, sampler=ALWAYS_OFF)
    bot.act("slash a")
    bot.processor.shutdown_within(5.0)
    assert inspect(tmp_path) == []
    assert bot.collector.got == []


def test_actions_that_the_spool_can_keep_only_singly_are_not_lost(tmp_path: Path) -> None:
    bot = Bot(tmp_path)
    bot.collector.away = True
    append = bot.spool.journal.append

    def no_batches(type_: int, *more: Any) -> Any:
        return None if type_ == RecordType.BATCH else append(type_, *more)

    bot.spool.journal.append = no_batches  # type: ignore[method-assign, assignment]
    bot.act("slash a", "slash b")
    bot.processor.force_flush(1)
    until(lambda: bot.exporter.counts().lost == 2)
    bot.collector.away = False
    assert bot.exporter.force_flush(20_000)
    assert Counter(bot.collector.got) == {("slash a", "ok"): 1, ("slash b", "ok"): 1}
    bot.processor.shutdown_within(5.0)


def test_a_record_of_a_newer_slashspan_is_left_alone(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    newer = journal(tmp_path)
    newer.append(RecordType.SPAN, 99, 1, b"of a newer slashspan", RecordState.PENDING)
    die(newer)
    bot = Bot(tmp_path)
    until(lambda: "are left alone" in caplog.text)
    bot.act("slash a")
    bot.processor.shutdown_within(5.0)
    assert pending(tmp_path) == [RecordType.SPAN]


@pytest.mark.parametrize("bug_in", ["started", "ended"])
def test_a_bug_of_ours_never_reaches_the_span(
    bug_in: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def bug(*_: Any) -> None:
        raise RuntimeError("a bug of ours")

    monkeypatch.setattr(SpanSpool, bug_in, bug)
    monkeypatch.setattr(guard, "_last_logged", {})
    monkeypatch.setattr(guard, "_raise", False)
    bot = Bot(tmp_path)
    with caplog.at_level(logging.ERROR, "slashspan"):
        bot.act("slash a")
    assert "a bug of ours" in caplog.text
    bot.processor.shutdown_within(5.0)
