"""Whatever reaches a collector twice, late or out of order, the view shows each action once, as its span says."""

from __future__ import annotations

import dataclasses
import random
import time
from itertools import count
from typing import TYPE_CHECKING, Any, Final

import pytest
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind

from slashspan import semconv
from slashspan.exporters.rows.from_span import from_span
from slashspan.exporters.rows.timestamps import as_datetime
from tests.support import clickhouse
from tests.support.annotations import ATTRIBUTES as ADDED
from tests.support.clickhouse_calls import calls, differences, into_clickhouse, migrated
from tests.support.collector import Collector, needs_collector, running_collector
from tests.support.spans import ATTRIBUTES
from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from opentelemetry.sdk.trace import ReadableSpan

    from tests.support.clickhouse_server import ClickhouseServer

pytestmark = [
    needs_collector,
    pytest.mark.skipif(not clickhouse.installed(), reason=clickhouse.MISSING),
]
DAY_NS: Final = 86_400_000_000_000
_numbers = count()


@pytest.fixture(scope="module")
def database(clickhouse_server: ClickhouseServer) -> str:
    name = f"sent_twice_{next(_numbers)}"
    migrated(clickhouse_server, name)
    return name


@pytest.fixture(scope="module")
def collector(
    clickhouse_server: ClickhouseServer, database: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Collector]:
    variables = into_clickhouse(clickhouse_server, database)
    with running_collector(tmp_path_factory.mktemp("collector"), variables) as running:
        yield running


def actions(days: Sequence[float]) -> list[ReadableSpan]:
    """A finished action of each age in days."""
    memory = InMemorySpanExporter()
    provider = TracerProvider(resource=Resource.create({"service.name": "ladder-bot"}), shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(memory))
    now = time.time_ns()
    for number, age in enumerate(days):
        attributes = {**ATTRIBUTES, **ADDED[number % len(ADDED)], semconv.INTERACTION_ID: str(number)}
        start = now - int(age * DAY_NS) + number
        span = provider.get_tracer("test").start_span(
            "slash admin ban", kind=SpanKind.SERVER, attributes=attributes, start_time=start
        )
        span.add_event("rows_fetched", {semconv.CHECKPOINT_AT_MS: 1.5, semconv.CHECKPOINT_STEP_MS: 0.125, "rows": 3})
        span.end(end_time=start + 12_500_000 + number)
    return list(memory.get_finished_spans())


def send(collector: Collector, *batches: Sequence[ReadableSpan]) -> None:
    exporter = OTLPSpanExporter(f"http://127.0.0.1:{collector.grpc_port}", insecure=True)
    for batch in batches:
        assert exporter.export(batch) is SpanExportResult.SUCCESS
    exporter.shutdown()


def wrong(server: ClickhouseServer, database: str, spans: Sequence[ReadableSpan]) -> list[str]:
    """What the view shows of these actions otherwise than their spans say, once it shows each of them."""
    rows = [row for span in spans if (row := from_span(span)) is not None]
    assert len(rows) == len(spans)
    traces = {row.trace_id for row in rows}
    found: list[dict[str, Any]] = []

    def all_there() -> bool:
        found[:] = [call for call in calls(server, database) if call["trace_id"] in traces]
        return {call["trace_id"] for call in found} == traces

    until(all_there, 90, pause=0.2)
    return differences([{**dataclasses.asdict(row), "called_at": as_datetime(row.called_at)} for row in rows], found)


def test_batches_that_are_sent_again_are_seen_once(
    collector: Collector, clickhouse_server: ClickhouseServer, database: str
) -> None:
    spans = actions([0.0] * 300)
    send(collector, spans[:200], spans[:200])
    assert wrong(clickhouse_server, database, spans[:200]) == []
    mixed = random.Random(1).sample(spans, k=len(spans))
    send(collector, spans[100:], spans[::-1], mixed)
    assert wrong(clickhouse_server, database, spans) == []


def test_actions_of_many_days_are_delivered_in_one_batch(
    collector: Collector, clickhouse_server: ClickhouseServer, database: str
) -> None:
    """More days than ClickHouse accepts partitions in an insert: a spool that waited for months."""
    spans = actions([float(day) for day in range(150)])
    send(collector, spans)
    assert wrong(clickhouse_server, database, spans) == []


def test_an_action_that_is_sent_again_months_later_is_still_seen_once(
    collector: Collector, clickhouse_server: ClickhouseServer, database: str
) -> None:
    spans = actions([90.0, 89.5, 0.0])
    send(collector, spans[:2])
    assert wrong(clickhouse_server, database, spans[:2]) == []
    clickhouse_server.query(f"OPTIMIZE TABLE {database}.command_calls_rows FINAL")
    send(collector, spans)
    assert wrong(clickhouse_server, database, spans) == []
