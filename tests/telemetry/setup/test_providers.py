"""Whoever sets up OpenTelemetry, and whenever: nobody is refused, and everybody keeps their spans."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import slashspan
from slashspan import service_name
from slashspan.telemetry.setup import pipeline
from slashspan.telemetry.setup.pipeline import CommandCallsSpanExporter
from tests.support.actions.bot import make_bot
from tests.support.actions.cases import GUILD
from tests.support.bots import running
from tests.support.stored_rows import read_outcomes, read_rows

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def _own_globals(monkeypatch: pytest.MonkeyPatch) -> None:
    from opentelemetry.util._once import Once

    monkeypatch.setattr(trace, "_TRACER_PROVIDER", None)
    monkeypatch.setattr(trace, "_TRACER_PROVIDER_SET_ONCE", Once())


def environ(tmp_path: Path, **more: str) -> dict[str, str]:
    return {"SLASHSPAN_RAISE_INTERNAL_ERRORS": "true", "SLASHSPAN_DSN": f"sqlite:///{tmp_path / 'calls.db'}", **more}


async def say_ok() -> None:
    async with running(make_bot(), guilds=[GUILD]) as standin:
        await (await standin.slash("ok", guild=GUILD)).answered()


def test_a_provider_set_after_ours_is_not_refused_and_keeps_its_spans(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    handle = slashspan.configure(environ=environ(tmp_path, OTEL_TRACES_EXPORTER="command_calls,console"))
    ours = trace.get_tracer_provider()
    assert isinstance(ours, TracerProvider)
    memory = InMemorySpanExporter()
    later = TracerProvider(shutdown_on_exit=False)
    later.add_span_processor(SimpleSpanProcessor(memory))
    trace.set_tracer_provider(later)
    trace.get_tracer("bot").start_span("of the bot").end()
    handle.shutdown()
    assert trace.get_tracer_provider() is later
    assert [span.name for span in memory.get_finished_spans()] == ["of the bot"]
    assert "Overriding" not in caplog.text


class Proxy(trace.TracerProvider):
    """As logfire's: in front of an SDK provider, and not of its type."""

    def __init__(self, provider: TracerProvider) -> None:
        self._provider = provider
        self.resource = provider.resource

    def get_tracer(self, *args: Any, **kwargs: Any) -> trace.Tracer:
        return self._provider.get_tracer(*args, **kwargs)

    def add_span_processor(self, processor: Any) -> None:
        self._provider.add_span_processor(processor)


async def test_a_proxy_provider_gets_our_spans_and_our_processors(tmp_path: Path) -> None:
    memory = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(memory))
    trace.set_tracer_provider(Proxy(provider))
    handle = slashspan.configure(environ=environ(tmp_path))
    await say_ok()
    handle.shutdown()
    assert [span.name for span in memory.get_finished_spans()] == ["slash ok"]
    assert read_outcomes(f"sqlite:///{tmp_path / 'calls.db'}") == [("slash", "ok", "ok")]


async def test_a_bare_exporter_names_the_service_and_warns_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("SLASHSPAN_DSN", f"sqlite:///{tmp_path / 'calls.db'}")
    monkeypatch.setattr(sys.modules["__main__"], "__spec__", None, raising=False)
    monkeypatch.setattr(sys.modules["__main__"], "__file__", "/srv/ladder.py", raising=False)
    service_name.process_name.cache_clear()
    pipeline._warn_about_foreign_processor.cache_clear()
    provider = TracerProvider(shutdown_on_exit=False, resource=Resource.create())
    provider.add_span_processor(BatchSpanProcessor(CommandCallsSpanExporter()))
    CommandCallsSpanExporter().shutdown()
    instrumentor = slashspan.DiscordInstrumentor()
    instrumentor.instrument(tracer_provider=provider)
    await say_ok()
    instrumentor.uninstrument()
    provider.shutdown()
    (row,) = read_rows(f"sqlite:///{tmp_path / 'calls.db'}")
    assert row["service_name"] == "ladder"
    assert caplog.text.count("memory of that processor") == 1


@pytest.mark.parametrize(
    ("command", "name"),
    [
        (["python", "bot.py", "-x"], "bot"),
        (["python", "-O", "-W", "error", "/srv/ladder.py"], "ladder"),
        (["python", "-Xdev", "-um", "bots.ladder"], "bots.ladder"),
        (["python", "-mbots"], "bots"),
        (["python", "--check-hash-based-pycs", "always", "bot.py"], "bot"),
        (["python", "-c", "pass"], "python"),
        (["python"], "python"),
    ],
)
def test_the_service_is_named_after_the_script_or_module(command: list[str], name: str) -> None:
    assert service_name.of_command(command) == name
