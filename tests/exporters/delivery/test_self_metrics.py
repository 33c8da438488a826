"""The exporter's own metrics are right, and exist only if the SDK's flag is set."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from slashspan.exporters.delivery import retry_loop
from slashspan.exporters.delivery.retrying_exporter import RetryingExporter
from slashspan.exporters.delivery.self_metrics import COMPONENT, SelfMetrics, wanted
from slashspan.exporters.spool.journal import Journal
from slashspan.exporters.spool.span_spool import SpanSpool
from tests.support.exporting import Bot
from tests.support.scripted_store import ScriptedStore, down
from tests.support.spans import spans
from tests.support.waiting import until

if TYPE_CHECKING:
    from pathlib import Path


def read(reader: InMemoryMetricReader) -> dict[tuple[str, str | None], float]:
    """Values by name and error.type."""
    data: Any = reader.get_metrics_data()
    return {
        (metric.name, point.attributes.get("error.type")): point.value
        for resource in data.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
        for point in metric.data.data_points
    }


def test_metrics_are_enabled_by_the_flag_of_the_sdk() -> None:
    assert wanted({"OTEL_PYTHON_SDK_INTERNAL_METRICS_ENABLED": "true"})
    assert not wanted({})


def test_an_outage_is_visible_in_the_metrics_during_and_after_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retry_loop, "FIRST_RETRY_SECONDS", 0.01)
    monkeypatch.setattr(retry_loop, "LONGEST_RETRY_SECONDS", 0.05)
    reader = InMemoryMetricReader()
    bot = Bot(tmp_path, ScriptedStore(down))
    provider = MeterProvider([reader], shutdown_on_exit=False)
    SelfMetrics(provider).observe("command_calls", bot.processor.counts, bot.spool.journal)
    bot.record(spans(400))
    until(lambda: bot.spool.journal.pending > 200 and bot.processor.counts().retried > 0)
    during = read(reader)
    assert during["otel.sdk.exporter.span.exported", None] == 0
    assert during["otel.sdk.exporter.span.inflight", None] == 400
    assert during["slashspan.spool.records", None] > 200
    assert during["slashspan.spool.size", None] > 100_000
    assert during["slashspan.spool.limit", None] == bot.spool.journal.max_bytes == 2**22
    assert during["slashspan.spool.oldest.age", None] > 0
    assert during["slashspan.exporter.retries", None] > 0
    bot.store.fail = lambda: None
    bot.record(spans(1, "poison"))
    assert bot.processor.force_flush(20_000)
    after = read(reader)
    assert after["otel.sdk.exporter.span.exported", None] == 400
    assert after["otel.sdk.exporter.span.exported", "rejected"] == 1
    assert after["otel.sdk.exporter.span.inflight", None] == 0
    assert after["slashspan.spool.records", None] == 0
    bot.processor.shutdown_within(5.0)
    provider.shutdown()


def test_each_exporter_has_series_of_its_own_until_it_is_gone(tmp_path: Path) -> None:
    """Rows and spans: of two instruments with one name OpenTelemetry would call the first one's callback only."""
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader], shutdown_on_exit=False)
    own = SelfMetrics(provider)
    rows = Bot(tmp_path / "rows", ScriptedStore())
    received = InMemorySpanExporter()
    sender = RetryingExporter(received, SpanSpool(Journal(tmp_path / "spans", max_bytes=2**20)), name="otlp")
    own.observe("command_calls", rows.processor.counts, rows.spool.journal)
    own.observe("otlp_retrying", sender.counts, None)
    rows.record(spans(3))
    assert rows.processor.force_flush(20_000)
    sender.export(spans(2))
    assert sender.force_flush(20_000)
    assert stored(reader) == {"command_calls": 3, "otlp_retrying": 2}
    assert with_spool(reader) == {"command_calls"}
    sender.shutdown()
    del sender
    gc.collect()
    assert stored(reader) == {"command_calls": 3}
    rows.processor.shutdown_within(5.0)
    provider.shutdown()


def stored(reader: InMemoryMetricReader) -> dict[str, float]:
    """By exporter."""
    return {point.attributes[COMPONENT]: point.value for point in points(reader, "otel.sdk.exporter.span.exported")}


def with_spool(reader: InMemoryMetricReader) -> set[str]:
    return {point.attributes[COMPONENT] for point in points(reader, "slashspan.spool.records")}


def points(reader: InMemoryMetricReader, name: str) -> list[Any]:
    data: Any = reader.get_metrics_data()
    return [
        point
        for resource in data.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
        if metric.name == name
        for point in metric.data.data_points
    ]
