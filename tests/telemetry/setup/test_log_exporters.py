"""`OTEL_LOGS_EXPORTER`: what the bot logs leaves it with its trace, at every ending, and no failure feeds itself."""

from __future__ import annotations

import logging
import re
import sys
from typing import TYPE_CHECKING

import grpc
import pytest
from opentelemetry.instrumentation.logging.handler import LoggingHandler
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import LogRecordExporter, LogRecordExportResult

from slashspan.errors import ConfigurationError
from slashspan.settings import Settings
from slashspan.telemetry.setup import log_exporters
from tests.support.otlp_backend import Backend, running_backend
from tests.support.processes import INSTRUMENT, LOGS, RUN, bot_process

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from opentelemetry.sdk._logs import ReadableLogRecord

posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
WAYS = {
    "run": [*RUN, LOGS],
    "instrument": [INSTRUMENT, sys.executable, LOGS],
    "configure": [LOGS],
}


@pytest.fixture
def backend() -> Iterator[Backend]:
    with running_backend() as running:
        yield running


def environ(backend: Backend, delay: str = "60000") -> dict[str, str]:
    return {
        "OTEL_LOGS_EXPORTER": "otlp",
        "OTEL_PYTHON_DISTRO": "slashspan",
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{backend.port}",
        "OTEL_BLRP_SCHEDULE_DELAY": delay,
    }


@posix
@pytest.mark.parametrize(
    ("way", "how"),
    [
        ("run", "terminate"),
        ("run", "unhandled"),
        ("instrument", "interrupt"),
        ("instrument", "exit"),
        ("configure", "close"),
    ],
)
async def test_what_a_command_logs_arrives_with_its_trace_however_the_bot_ends(
    way: str, how: str, backend: Backend, tmp_path: Path
) -> None:
    arguments = ["unconfigured", *(["raise"] if how == "unhandled" else []), way]
    async with bot_process([*WAYS[way], *arguments], tmp_path, environ(backend)) as bot:
        await (await bot.discord.slash("speak")).answered()
        await bot.discord.idle()
        await bot.end(how)
    assert "warning spoken\n" in bot.output, "a bot without handlers still prints its warnings"
    (spoken,) = [both for both in backend.logs.records if both[1].body.string_value == "warning spoken"]
    resource, record = spoken
    match = re.search("in trace (.*) span (.*)", bot.output)
    assert match is not None, bot.output
    assert (record.trace_id.hex(), record.span_id.hex()) == match.groups()
    assert record.severity_text == "WARN"
    assert {attribute.key: attribute.value.int_value for attribute in record.attributes} == {"score": 3}
    names = {attribute.key: attribute.value.string_value for attribute in resource.attributes}
    assert names["service.name"] == "logs"
    assert "info spoken" not in backend.logs.bodies, "the bot's own levels decide"
    if how not in ("exit", "terminate"):
        assert "the script ends" in backend.logs.bodies
    assert "were lost" not in bot.output


@posix
async def test_a_bot_that_replaces_itself_sends_its_logs_and_metrics_before(backend: Backend, tmp_path: Path) -> None:
    both = {**environ(backend), "OTEL_METRICS_EXPORTER": "otlp"}
    async with bot_process([*RUN, LOGS, "unconfigured"], tmp_path, both) as bot:
        await (await bot.discord.slash("restart")).answered()
        await bot.discord.gone()
        await bot.discord.ready()
        assert "restarting" in backend.logs.bodies
        (duration,) = backend.metrics.by_name["discord.interaction.duration"]
        assert [point.count for point in duration.histogram.data_points] == [1]
        bot.kill()
        await bot.ended()


async def test_a_failing_export_is_counted_and_feeds_no_other(backend: Backend, tmp_path: Path) -> None:
    backend.logs.refuse = grpc.StatusCode.INVALID_ARGUMENT  # which is not retried
    async with bot_process([*RUN, LOGS, "basicConfig"], tmp_path, environ(backend, delay="20")) as bot:
        await (await bot.discord.slash("speak")).answered()
        await bot.interrupt()
        assert await bot.ended() == 0, bot.output
    lost = re.search(r"(\d+) of (\d+) log records were lost", bot.output)
    assert lost is not None
    assert {"info spoken", "warning spoken"} <= set(backend.logs.refused)
    assert int(lost[1]) == int(lost[2]) == len(backend.logs.refused), bot.output
    assert "mine: opentelemetry" in bot.output, "the bot's handlers got what the exporter logged"
    assert not [body for body in backend.logs.refused if "export" in body], "and the exporter did not"
    assert "Traceback" not in bot.output


class Complaining(LogRecordExporter):
    def export(self, batch: Sequence[ReadableLogRecord]) -> LogRecordExportResult:
        logging.getLogger("exporter").error("cannot export %d records", len(batch))
        return LogRecordExportResult.FAILURE

    def shutdown(self) -> None: ...

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return True


def test_nor_does_it_where_the_bot_has_installed_opentelemetrys_handler(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    settings = Settings.from_environ({"OTEL_BLRP_SCHEDULE_DELAY": "60000"}).logs
    processor = log_exporters.CountingLogProcessor("test", Complaining(), settings)
    provider = LoggerProvider(shutdown_on_exit=False)
    provider.add_log_record_processor(processor)
    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", [*root.handlers, LoggingHandler(logger_provider=provider)])
    logging.getLogger("ladder").warning("one")
    processor.force_flush()
    processor.shutdown_within(10)
    assert caplog.messages == [
        "one",
        "cannot export 1 records",
        "1 of 1 log records were lost (OTEL_LOGS_EXPORTER=test)",
    ]


async def test_logs_on_the_console_need_no_receiver(tmp_path: Path) -> None:
    async with bot_process([*RUN, LOGS, "unconfigured"], tmp_path, {"OTEL_LOGS_EXPORTER": "console"}) as bot:
        await (await bot.discord.slash("speak")).answered()
        await bot.interrupt()
        assert await bot.ended() == 0, bot.output
    assert '"body": "warning spoken"' in bot.output


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"OTEL_LOGS_EXPORTER": "syslog"}, "OTEL_LOGS_EXPORTER='syslog': must be a comma-separated list of: otlp, con"),
        ({"OTEL_LOGS_EXPORTER": "none,otlp"}, "OTEL_LOGS_EXPORTER='none,otlp': 'none' turns everything off"),
        (
            {"OTEL_LOGS_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_LOGS_PROTOCOL": "carrier"},
            "OTEL_EXPORTER_OTLP_LOGS_PROTOCOL='carrier': must be one of: grpc, http/protobuf",
        ),
        ({"OTEL_BLRP_MAX_QUEUE_SIZE": "9"}, "OTEL_BLRP_MAX_EXPORT_BATCH_SIZE=512 must not exceed"),
    ],
)
def test_what_cannot_be_used_is_refused(values: dict[str, str], expected: str) -> None:
    with pytest.raises(ConfigurationError, match=re.escape(expected)):
        log_exporters.check(Settings.from_environ(values).logs, values)


@pytest.mark.parametrize("variable", ["OTEL_LOGS_EXPORTER=console", "OTEL_PYTHON_LOG_CORRELATION=true"])
def test_a_missing_extra_names_its_command(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, log_exporters.INSTRUMENTATION, None)  # as if it were not installed
    values = dict([variable.split("=")])
    with pytest.raises(
        ConfigurationError, match=re.escape(f"{variable} needs an extra: pip install 'slashspan[logs]'")
    ):
        log_exporters.check(Settings.from_environ(values).logs, values)
