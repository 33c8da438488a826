"""After `shutdown`, `configure` starts as in a new process: with its own arguments, and for every signal."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING
from urllib.request import urlopen

import pytest
from opentelemetry import metrics, trace
from opentelemetry._logs import get_logger_provider
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import slashspan
from tests.support import global_providers
from tests.support.actions.bot import make_bot
from tests.support.actions.cases import GUILD
from tests.support.bots import running
from tests.support.otlp_backend import running_backend
from tests.support.ports import free_port
from tests.support.stored_rows import read_rows

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.otlp_backend import Backend

FILE = """\
file_format: "1.0"
tracer_provider:
  processors:
    - simple: {{exporter: {{console: {{}}}}}}
logger_provider:
  processors:
    - batch: {{schedule_delay: 60000, exporter: {{otlp_grpc: {{endpoint: "http://127.0.0.1:{port}"}}}}}}
"""


@pytest.fixture(autouse=True)
def _own_globals(monkeypatch: pytest.MonkeyPatch) -> None:
    global_providers.unset(monkeypatch)


def environ(tmp_path: Path, name: str, **more: str) -> dict[str, str]:
    return {"SLASHSPAN_RAISE_INTERNAL_ERRORS": "true", "SLASHSPAN_DSN": f"sqlite:///{tmp_path / name}.db", **more}


def services(tmp_path: Path, name: str) -> list[str]:
    return [row["service_name"] for row in read_rows(f"sqlite:///{tmp_path / name}.db")]


async def say_ok() -> None:
    async with running(make_bot(), guilds=[GUILD]) as standin:
        await (await standin.slash("ok", guild=GUILD)).answered()


@pytest.fixture
def backend(monkeypatch: pytest.MonkeyPatch) -> Iterator[Backend]:
    with running_backend() as running_one:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{running_one.port}")
        yield running_one


async def test_each_time_with_its_own_service_and_store(tmp_path: Path, backend: Backend) -> None:
    for number, name in enumerate(("one", "two", "three"), 1):
        to_both = environ(tmp_path, name, OTEL_TRACES_EXPORTER="command_calls,otlp")
        handle = slashspan.configure(service_name=name, environ=to_both)
        assert isinstance(trace.get_tracer_provider(), TracerProvider)
        await say_ok()
        trace.get_tracer("bot").start_span("of the bot").end()
        handle.shutdown()
        assert not isinstance(trace.get_tracer_provider(), TracerProvider)
        names = [span.name for span in backend.spans]
        assert (names.count("slash ok"), names.count("of the bot")) == (number, number)
    assert {name: services(tmp_path, name) for name in ("one", "two", "three")} == {
        "one": ["one"],
        "two": ["two"],
        "three": ["three"],
    }


async def test_a_bots_own_provider_is_extended_each_time(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    memory = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(memory))
    trace.set_tracer_provider(provider)
    for name in ("one", "two"):
        handle = slashspan.configure(environ=environ(tmp_path, name))
        await say_ok()
        handle.shutdown()
        assert trace.get_tracer_provider() is provider
    assert [len(services(tmp_path, name)) for name in ("one", "two")] == [1, 1]
    assert [span.name for span in memory.get_finished_spans()] == ["slash ok"] * 2
    assert caplog.records == []


def test_a_provider_that_the_bot_has_set_meanwhile_stays(tmp_path: Path) -> None:
    handle = slashspan.configure(environ=environ(tmp_path, "one", OTEL_TRACES_EXPORTER="console"))
    later = TracerProvider(shutdown_on_exit=False)
    trace.set_tracer_provider(later)
    handle.shutdown()
    assert trace.get_tracer_provider() is later


def test_metrics_are_served_each_time(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    port = free_port()
    served = environ(
        tmp_path,
        "metrics",
        OTEL_TRACES_EXPORTER="none",
        OTEL_METRICS_EXPORTER="prometheus",
        OTEL_EXPORTER_PROMETHEUS_HOST="127.0.0.1",
        OTEL_EXPORTER_PROMETHEUS_PORT=str(port),
    )
    for number in (1, 2):
        handle = slashspan.configure(environ=served)
        assert isinstance(metrics.get_meter_provider(), MeterProvider)
        metrics.get_meter("bot").create_counter(f"songs_{number}").add(number)
        assert f"songs_{number}_total" in scraped(port)
        assert f"songs_{3 - number}_total" not in scraped(port)
        handle.shutdown()
        assert not isinstance(metrics.get_meter_provider(), MeterProvider)
        metrics.get_meter("bot").create_counter("between").add(1)
    assert caplog.records == []


def scraped(port: int) -> str:
    with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=60) as answer:
        return str(answer.read(), "utf-8")


def test_log_records_are_exported_each_time(tmp_path: Path, backend: Backend, caplog: pytest.LogCaptureFixture) -> None:
    exported = environ(tmp_path, "logs", OTEL_TRACES_EXPORTER="none", OTEL_LOGS_EXPORTER="otlp")
    for number in (1, 2):
        handle = slashspan.configure(environ=exported)
        assert isinstance(get_logger_provider(), LoggerProvider)
        logging.getLogger("bot").warning("song %d", number)
        handle.shutdown()
        assert not isinstance(get_logger_provider(), LoggerProvider)
        assert backend.logs.bodies.count(f"song {number}") == 1
    assert [record.message for record in caplog.records] == ["song 1", "song 2"]


def test_a_counter_that_the_bot_made_before_is_exported_too(tmp_path: Path) -> None:
    port = free_port()
    counter = metrics.get_meter("bot").create_counter("songs")
    for number in (1, 2):
        handle = slashspan.configure(
            environ=environ(
                tmp_path,
                "early",
                OTEL_TRACES_EXPORTER="none",
                OTEL_METRICS_EXPORTER="prometheus",
                OTEL_EXPORTER_PROMETHEUS_HOST="127.0.0.1",
                OTEL_EXPORTER_PROMETHEUS_PORT=str(port),
            )
        )
        counter.add(number)
        (sample,) = (line for line in scraped(port).splitlines() if line.startswith("songs_total{"))
        assert sample.endswith(f" {number}.0")
        handle.shutdown()


def test_a_logger_provider_of_a_configuration_file_is_flushed_and_makes_way(tmp_path: Path, backend: Backend) -> None:
    (tmp_path / "otel.yaml").write_text(FILE.format(port=backend.port), "utf-8")
    for number in (1, 2):
        handle = slashspan.configure(environ={"OTEL_CONFIG_FILE": str(tmp_path / "otel.yaml")})
        get_logger_provider().get_logger("bot").emit(body=f"song {number}")
        handle.shutdown()
        assert backend.logs.bodies == [f"song {each}" for each in range(1, number + 1)]
        assert not isinstance(get_logger_provider(), LoggerProvider)
