"""`configure` extends the bot's setup, and fails at once for an invalid setting."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import discord
import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

import slashspan
from slashspan.action_span import ActionSpan, ActionSpans
from slashspan.errors import ConfigurationError
from slashspan.telemetry.setup.pipeline import CommandCallsSpanExporter
from tests.support import global_providers
from tests.support.actions.bot import make_bot
from tests.support.actions.cases import GUILD
from tests.support.bots import running
from tests.support.configured import closing_telemetry, say_ok
from tests.support.processes import PLAIN, RUN, bot_process
from tests.support.stored_rows import read_outcomes, read_rows
from tests.support.waiting import until_async


@pytest.fixture(autouse=True)
def _own_globals(monkeypatch: pytest.MonkeyPatch) -> None:
    global_providers.unset(monkeypatch)


async def test_one_call_of_configure_records_commands(dsn: str) -> None:
    with closing_telemetry(SLASHSPAN_DSN=dsn) as handle:
        await say_ok(3)
    assert handle.counts is not None
    assert (handle.counts.recorded, handle.counts.stored, handle.counts.lost) == (3, 3, 0)
    assert read_outcomes(dsn) == [("slash", "ok", "ok")] * 3
    assert {row["service_name"] for row in read_rows(dsn)} == {"ladder-bot"}


async def test_the_bots_own_provider_is_extended_and_not_replaced(tmp_path: Path) -> None:
    memory = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(memory))
    trace.set_tracer_provider(provider)
    dsn = f"sqlite:///{tmp_path / 'own.db'}"
    with closing_telemetry(SLASHSPAN_DSN=dsn):
        assert trace.get_tracer_provider() is provider
        await say_ok()
    assert read_outcomes(dsn) == [("slash", "ok", "ok")]
    assert [span.name for span in memory.get_finished_spans()] == ["slash ok"]
    provider.get_tracer("bot").start_span("still works").end()
    assert memory.get_finished_spans()[-1].name == "still works"


@pytest.mark.parametrize("exporters", ["command_calls", "command_calls,console"])
@pytest.mark.parametrize("own", [False, True], ids=["our provider", "the bot's provider"])
async def test_in_the_usual_setups_an_action_costs_less_than_a_span_of_the_sdk(
    exporters: str, own: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[bool] = []
    real = ActionSpans.start

    def start(self: ActionSpans, *arguments: Any) -> Any:
        span = real(self, *arguments)
        started.append(isinstance(span, ActionSpan))
        return span

    monkeypatch.setattr(ActionSpans, "start", start)
    if own:
        trace.set_tracer_provider(TracerProvider(shutdown_on_exit=False))
    with closing_telemetry(SLASHSPAN_DSN=f"sqlite:///{tmp_path / 'own.db'}", OTEL_TRACES_EXPORTER=exporters):
        await say_ok()
    assert started == [True]


async def test_the_sampler_of_the_bots_own_provider_leaves_out_traces_and_no_rows(tmp_path: Path) -> None:
    memory = InMemorySpanExporter()
    provider = TracerProvider(sampler=ALWAYS_OFF, shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(memory))
    trace.set_tracer_provider(provider)
    dsn = f"sqlite:///{tmp_path / 'own.db'}"
    with closing_telemetry(SLASHSPAN_DSN=dsn, OTEL_TRACES_EXPORTER="command_calls,console"):
        await say_ok(2)
        assert not provider.get_tracer("bot").start_span("of the bot").is_recording()
    assert read_outcomes(dsn) == [("slash", "ok", "ok")] * 2
    assert memory.get_finished_spans() == ()
    assert provider.sampler is ALWAYS_OFF


async def test_a_provider_that_the_bot_sets_later_is_not_refused(tmp_path: Path) -> None:
    with closing_telemetry(SLASHSPAN_DSN=f"sqlite:///{tmp_path / 'later.db'}"):
        later = TracerProvider(shutdown_on_exit=False)
        trace.set_tracer_provider(later)
        assert trace.get_tracer_provider() is later


async def test_a_second_call_of_configure_changes_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with closing_telemetry(SLASHSPAN_DSN=f"sqlite:///{tmp_path / 'once.db'}") as handle:
        assert slashspan.configure() is handle
        assert caplog.records == []
        assert slashspan.configure(service_name="other", environ={"SLASHSPAN_DSN": "nonsense"}) is handle
        assert [(record.levelname, record.message) for record in caplog.records] == [
            ("WARNING", "slashspan is already configured; ignored in this call: service_name, environ")
        ]
        await say_ok()
    assert read_outcomes(f"sqlite:///{tmp_path / 'once.db'}") == [("slash", "ok", "ok")]


@pytest.mark.parametrize(("ratio", "shown"), [("1", 5), ("0", 0)])
async def test_rows_are_complete_whatever_the_share_of_sampled_traces(ratio: str, shown: int, tmp_path: Path) -> None:
    environ = {"OTEL_TRACES_EXPORTER": "command_calls,console", "SLASHSPAN_TRACE_RATIO": ratio}
    async with bot_process([*RUN, PLAIN], tmp_path, environ) as bot:
        for _ in range(5):
            await (await bot.discord.slash("ping")).answered()
        await bot.interrupt()
        await bot.ended()
    recorded = read_rows(f"sqlite:///{tmp_path / 'command_calls.db'}")
    assert [row["command"] for row in recorded] == ["ping"] * 5
    assert bot.output.count('"name": "slash ping"') == shown
    assert all((f"0x{row['trace_id']}" in bot.output) == bool(shown) for row in recorded)


async def test_with_exporter_none_nothing_is_wrapped() -> None:
    before = vars(discord.app_commands.CommandTree)["_call"]
    handle = slashspan.configure(environ={"OTEL_TRACES_EXPORTER": "none"})
    assert vars(discord.app_commands.CommandTree)["_call"] is before
    assert handle.counts is None
    handle.shutdown()


def test_an_unknown_setting_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    environ = {"OTEL_TRACES_EXPORTER": "none", "SLASHSPAN_USER_ID": "drop", "SLASHSPAN_DSN": "sqlite:///x.db"}
    slashspan.configure(environ=environ).shutdown()
    assert [record.message for record in caplog.records if "unknown settings" in record.message] == [
        "unknown settings: SLASHSPAN_USER_ID; docs/reference.md lists all settings"
    ]


@pytest.mark.parametrize(
    ("variable", "exporters"),
    [
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "otlp"),
        ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "command_calls,otlp"),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "otlp"),
        ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "command_calls"),
        ("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "command_calls"),
        ("OTEL_PYTHON_ID_GENERATOR", "command_calls"),
    ],
)
def test_a_wrong_value_of_opentelemetrys_variables_is_a_configuration_error(
    variable: str, exporters: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads = threading.active_count()
    environ = {
        "OTEL_TRACES_EXPORTER": exporters,
        "SLASHSPAN_DSN": f"sqlite:///{tmp_path / 'rows.db'}",
        variable: "many",
    }
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError, match=variable):
        slashspan.configure(environ=environ)
    assert threading.active_count() <= threads, "nothing was started"
    assert not slashspan.DiscordInstrumentor().is_instrumented_by_opentelemetry


def test_the_exporter_of_the_entry_point_needs_no_arguments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from importlib.metadata import entry_points

    from tests.support.spans import finished

    monkeypatch.setenv("SLASHSPAN_DSN", f"sqlite:///{tmp_path / 'entry.db'}")
    (point,) = entry_points(group="opentelemetry_traces_exporter", name="command_calls")
    exporter: Any = point.load()()
    assert isinstance(exporter, CommandCallsSpanExporter)
    exporter.export([finished(), finished({"db.system": "postgresql"})])
    exporter.shutdown()
    assert read_outcomes(f"sqlite:///{tmp_path / 'entry.db'}") == [("slash", "admin ban", "error")]


async def test_no_user_name_breaks_a_batch(dsn: str) -> None:
    from discord_standin import users

    with closing_telemetry(SLASHSPAN_DSN=dsn) as handle:
        async with running(make_bot(), guilds=[GUILD]) as standin:
            for user in users(20):
                await (await standin.slash("ok", guild=GUILD, user=user)).answered()
            sent = {action.user.id: action.user.name for action in standin.ledger.actions}
    assert handle.counts is not None
    assert handle.counts.lost == 0
    assert {row["discord_uid"]: row["player_name"] for row in read_rows(dsn)} == sent


async def test_by_default_autocompletes_become_spans_but_not_rows(tmp_path: Path) -> None:
    memory = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(memory))
    trace.set_tracer_provider(provider)
    dsn = f"sqlite:///{tmp_path / 'kinds.db'}"
    with closing_telemetry(SLASHSPAN_DSN=dsn):
        async with running(make_bot(), guilds=[GUILD]) as standin:
            await (await standin.autocomplete("colours", "name", "r", guild=GUILD)).answered()
            await (await standin.slash("ok", guild=GUILD)).answered()
            await until_async(lambda: len(memory.get_finished_spans()) == 2)
    assert sorted(span.name for span in memory.get_finished_spans()) == ["autocomplete colours", "slash ok"]
    assert read_outcomes(dsn) == [("slash", "ok", "ok")]
