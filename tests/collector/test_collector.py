"""collector-config.yaml in the real collector: what a bot sends arrives, despite crashes and outages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import grpc
import pytest
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter

from tests.support.collector import Collector, collector, needs_collector
from tests.support.otlp_backend import Backend, Verdict
from tests.support.otlp_bots import interactions, otlp_environ, play
from tests.support.processes import LOGS
from tests.support.stored_rows import read_rows
from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from opentelemetry.util.types import AttributeValue

pytestmark = needs_collector
ATTRIBUTES: dict[str, AttributeValue] = {
    "text": '\U0001f44d \u202eright to left\u202c "quoted"',
    "snowflake": 2**62 + 1,
    "share": 0.1,
    "yes": True,
    "empty": "",
    "list": ("a", "b"),
}


@pytest.fixture
def running(tmp_path: Path) -> Iterator[tuple[Collector, Backend]]:
    with collector(tmp_path, {"METRICS_EXPORTER": "prometheus,otlp_grpc"}) as both:
        yield both


def _decoded(value: Any) -> object:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return tuple(_decoded(item) for item in value.array_value.values)
    return getattr(value, kind)


@pytest.mark.parametrize("protocol", ["grpc", "http/protobuf"])
def test_attributes_arrive_as_they_were_set(protocol: str, running: tuple[Collector, Backend]) -> None:
    receiver, backend = running
    exporter: SpanExporter
    if protocol == "grpc":
        exporter = GrpcExporter(f"http://127.0.0.1:{receiver.grpc_port}", insecure=True)
    else:
        exporter = HttpExporter(f"http://127.0.0.1:{receiver.http_port}/v1/traces")
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    with provider.get_tracer("test").start_as_current_span("admin ban", attributes=ATTRIBUTES) as span:
        span.add_event("rows_fetched", {"at_ms": 1.5})
    provider.shutdown()
    (arrived,) = backend.wait_for(1)
    assert {item.key: _decoded(item.value) for item in arrived.attributes} == ATTRIBUTES
    assert arrived.name == "admin ban"
    assert [event.name for event in arrived.events] == ["rows_fetched"]


@pytest.mark.parametrize("protocol", ["grpc", "http/protobuf"])
async def test_a_bots_spans_metrics_and_logs_arrive(
    protocol: str, running: tuple[Collector, Backend], tmp_path: Path
) -> None:
    receiver, backend = running
    port = receiver.grpc_port if protocol == "grpc" else receiver.http_port
    settings = otlp_environ(f"http://127.0.0.1:{port}", protocol)
    settings |= {"OTEL_METRICS_EXPORTER": "otlp", "OTEL_LOGS_EXPORTER": "otlp"}
    sent = await play(tmp_path, settings, bot_file=(LOGS, "unconfigured"), command="speak")
    backend.wait_for(6)  # the span of each action and of its REST request
    assert sorted(interactions(backend.spans)) == sorted(sent)
    until(lambda: backend.logs.bodies.count("warning spoken") == 3, 60)
    logged = {record.trace_id for _, record in backend.logs.records if record.body.string_value == "warning spoken"}
    assert len(logged) == 3
    assert logged <= {span.trace_id for span in backend.spans}
    until(lambda: bool(backend.metrics.by_name["discord.interaction.duration"]), 60)
    assert backend.metrics.by_name["discord.interaction.duration"][-1].histogram.data_points[0].count == 3
    assert not (tmp_path / "command_calls.db").exists()


async def test_rows_and_spans_can_go_to_different_places(running: tuple[Collector, Backend], tmp_path: Path) -> None:
    receiver, backend = running
    endpoint = f"http://127.0.0.1:{receiver.grpc_port}"
    sent = await play(tmp_path, otlp_environ(endpoint, "grpc", "command_calls,otlp"))
    backend.wait_for(6)
    recorded = read_rows(f"sqlite:///{tmp_path / 'command_calls.db'}")
    assert sorted(str(row["interaction_id"]) for row in recorded) == sorted(sent)
    assert {row["trace_id"] for row in recorded} <= {span.trace_id.hex() for span in backend.spans}


async def test_a_collector_that_is_killed_loses_nothing(running: tuple[Collector, Backend], tmp_path: Path) -> None:
    receiver, backend = running
    backend.stop()
    sent = await play(tmp_path, otlp_environ(f"http://127.0.0.1:{receiver.grpc_port}", "grpc"), times=20)
    receiver.kill()
    backend.start()
    receiver.start()
    backend.wait_for(40)
    assert set(interactions(backend.spans)) == set(sent)


# The equivalents of 503 and 429 in OTLP over HTTP.
@pytest.mark.parametrize("status", [grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED])
async def test_a_backend_that_is_unavailable_gets_the_spans_later(
    status: grpc.StatusCode, running: tuple[Collector, Backend], tmp_path: Path
) -> None:
    receiver, backend = running
    backend.judge = lambda _: Verdict(status, retry_after=0.1)
    sent = await play(tmp_path, otlp_environ(f"http://127.0.0.1:{receiver.grpc_port}", "grpc"))
    until(lambda: backend.refusals, 60)
    assert backend.spans == []
    backend.judge = lambda _: Verdict()
    backend.wait_for(6)
    assert sorted(interactions(backend.spans)) == sorted(sent)


async def test_the_next_run_delivers_what_was_recorded_while_the_collector_was_down(
    running: tuple[Collector, Backend], tmp_path: Path
) -> None:
    receiver, backend = running
    settings = otlp_environ(f"http://127.0.0.1:{receiver.grpc_port}", "grpc") | {"OTEL_EXPORTER_OTLP_TIMEOUT": "1"}
    receiver.kill()
    sent = await play(tmp_path, settings)
    receiver.start()
    sent += await play(tmp_path, settings)
    backend.wait_for(12)
    assert sorted(interactions(backend.spans)) == sorted(sent)
