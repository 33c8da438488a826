"""What slashspan does to store and send is in none of the bot's traces, whatever instruments its libraries."""

from __future__ import annotations

import contextlib
import http.server
import sqlite3
import threading
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest
import requests
from opentelemetry import trace
from opentelemetry.instrumentation.asyncpg import AsyncPGInstrumentor
from opentelemetry.instrumentation.requests import RequestsInstrumentor
from opentelemetry.instrumentation.sqlite3 import SQLite3Instrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.util._once import Once

import slashspan
from slashspan.exporters.spool.status import inspect
from tests.support.actions.bot import make_bot
from tests.support.actions.cases import GUILD
from tests.support.bots import running
from tests.support.ports import free_port
from tests.support.postgres import in_own_loop
from tests.support.stored_rows import read_outcomes

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

INSTRUMENTORS: tuple[Any, ...] = (AsyncPGInstrumentor, SQLite3Instrumentor, RequestsInstrumentor)


@pytest.fixture
def traced(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemorySpanExporter]:
    """What a bot records that instruments asyncpg, sqlite3 and requests."""
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", None)
    monkeypatch.setattr(trace, "_TRACER_PROVIDER_SET_ONCE", Once())
    memory = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(memory))
    trace.set_tracer_provider(provider)
    instrumentors = [create() for create in INSTRUMENTORS]
    for instrumentor in instrumentors:
        instrumentor.instrument(tracer_provider=provider)
    yield memory
    for instrumentor in instrumentors:
        instrumentor.uninstrument()


@pytest.fixture
def collector() -> Iterator[tuple[str, list[str]]]:
    """An endpoint that accepts whatever is posted, and the paths of what was."""
    paths: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            paths.append(self.path)
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", paths
        server.shutdown()


async def say_ok(times: int) -> None:
    async with running(make_bot(), guilds=[GUILD]) as standin:
        for _ in range(times):
            await (await standin.slash("ok", guild=GUILD)).answered()


def use_as_the_bot_does(dsn: str) -> None:
    """A statement of the bot itself."""
    if dsn.startswith("sqlite"):
        with contextlib.closing(sqlite3.connect(":memory:")) as connection:
            connection.cursor().execute("SELECT 1")
        return

    async def select() -> None:
        connection = await asyncpg.connect(dsn)
        await connection.fetch("SELECT 1")
        await connection.close()

    in_own_loop(select())


@pytest.mark.parametrize("times", [1, 40], ids=["inserted", "copied"])
async def test_statements_are_not_traced(times: int, dsn: str, traced: InMemorySpanExporter) -> None:
    handle = slashspan.configure(environ={"SLASHSPAN_DSN": dsn, "OTEL_BSP_SCHEDULE_DELAY": "60000"})
    await say_ok(times)
    handle.shutdown()
    use_as_the_bot_does(dsn)
    assert [span.name for span in traced.get_finished_spans()] == ["slash ok"] * times + ["SELECT"]
    assert len(read_outcomes(dsn)) == times


def test_statements_before_the_bot_starts_are_not_traced(dsn: str, traced: InMemorySpanExporter) -> None:
    slashspan.configure(environ={"SLASHSPAN_DSN": dsn}).shutdown()  # without a running loop it creates the table
    assert traced.get_finished_spans() == ()


async def test_requests_to_a_collector_are_not_traced(
    collector: tuple[str, list[str]], traced: InMemorySpanExporter, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    url, paths = collector
    environ = {
        "OTEL_TRACES_EXPORTER": "otlp",
        "OTEL_EXPORTER_OTLP_ENDPOINT": url,
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
        "SLASHSPAN_SPOOL": str(tmp_path / "spool"),
    }
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    handle = slashspan.configure(environ=environ)
    await say_ok(1)
    handle.shutdown()
    requests.post(url, data=b"of the bot", timeout=20)
    assert paths == ["/v1/traces", "/"]
    assert [span.name for span in traced.get_finished_spans()].count("POST") == 1


async def test_the_url_of_a_collector_is_in_no_log(
    traced: InMemorySpanExporter,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    environ = {
        "OTEL_TRACES_EXPORTER": "otlp",
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": f"http://127.0.0.1:{free_port()}/geheim/v1/traces?key=geheim",
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
        "SLASHSPAN_SPOOL": str(tmp_path / "spool"),
    }
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    handle = slashspan.configure(environ=environ)
    await say_ok(1)
    handle.shutdown(timeout=2)
    assert "with url: /…" in caplog.text
    assert "geheim" not in caplog.text
    (status,) = inspect(tmp_path / "spool")
    assert status.rows == 1
    assert "geheim" not in status.destination.store
