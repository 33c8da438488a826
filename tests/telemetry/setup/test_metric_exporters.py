"""`OTEL_METRICS_EXPORTER`: metrics leave the bot where it says so; by default nothing is created and nothing costs."""

from __future__ import annotations

import logging
import re
import socket
import subprocess
import sys
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from opentelemetry.sdk.resources import Resource

from slashspan.errors import ConfigurationError
from slashspan.settings import Settings
from slashspan.telemetry.setup import metric_exporters
from slashspan.telemetry.setup.signal_exporters import METRICS
from tests.support.otlp_backend import running_backend
from tests.support.ports import free_port
from tests.support.processes import PLAIN, RUN, bot_process
from tests.support.waiting import until_async

if TYPE_CHECKING:
    from pathlib import Path

NOTHING_CREATED = """
import logging
before = logging.Logger.callHandlers, logging.Formatter.formatMessage, logging.getLogRecordFactory()
import slashspan
from opentelemetry._logs import _internal as logs
from opentelemetry.metrics import _internal as metrics
handle = slashspan.configure()
assert handle.settings.exporters
assert logs._LOGGER_PROVIDER is None and metrics._METER_PROVIDER is None
assert before == (logging.Logger.callHandlers, logging.Formatter.formatMessage, logging.getLogRecordFactory())
assert not logging.getLogger().handlers
import sys
assert not [name for name in sys.modules if name.startswith(("prometheus_client", "opentelemetry.instrumentation.log"))]
handle.shutdown()
"""


def test_by_default_neither_metrics_nor_logs_have_a_provider(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-W", "error::UserWarning", "-c", NOTHING_CREATED], cwd=tmp_path, check=True)


async def test_metrics_are_exported_by_the_time_the_bot_has_ended(tmp_path: Path) -> None:
    """To a receiver and to the console at once, without traces; the exports of the interval are a minute apart."""
    with running_backend() as backend:
        environ = {
            "OTEL_METRICS_EXPORTER": "otlp,console",
            "OTEL_TRACES_EXPORTER": "none",
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{backend.port}",
        }
        async with bot_process([*RUN, PLAIN], tmp_path, environ) as bot:
            await (await bot.discord.slash("ping")).answered()
            await bot.interrupt()
            assert await bot.ended() == 0, bot.output
    (duration,) = backend.metrics.by_name["discord.interaction.duration"]
    (point,) = duration.histogram.data_points
    labels = {attribute.key: attribute.value.string_value for attribute in point.attributes}
    assert point.count == 1
    assert (labels["discord.command.name"], labels["discord.interaction.outcome"]) == ("ping", "ok")
    assert '"discord.command.name": "ping"' in bot.output
    assert '"service.name": "plain"' in bot.output
    assert "Traceback" not in bot.output
    assert not (tmp_path / "command_calls.db").exists(), "OTEL_TRACES_EXPORTER=none writes no rows"


async def test_metrics_are_exported_at_the_interval_while_the_bot_runs(tmp_path: Path) -> None:
    with running_backend() as backend:
        environ = {
            "OTEL_METRICS_EXPORTER": "otlp",
            "OTEL_METRIC_EXPORT_INTERVAL": "50",
            "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": f"http://127.0.0.1:{backend.port}",
        }
        async with bot_process([*RUN, PLAIN], tmp_path, environ) as bot:
            await (await bot.discord.slash("ping")).answered()
            await until_async(lambda: len(backend.metrics.by_name["discord.interaction.duration"]) > 2)
            bot.kill()
            await bot.ended()


def test_a_taken_port_is_one_line_and_leaves_nothing_behind(caplog: pytest.LogCaptureFixture) -> None:
    from prometheus_client import REGISTRY

    before = set(REGISTRY._collector_to_names)
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
        environ = {
            "OTEL_METRICS_EXPORTER": "prometheus",
            "OTEL_EXPORTER_PROMETHEUS_HOST": "127.0.0.1",
            "OTEL_EXPORTER_PROMETHEUS_PORT": str(port),
        }
        with caplog.at_level(logging.WARNING):
            assert metric_exporters.start(Settings.from_environ(environ).metrics, Resource.get_empty()) is None
    (line,) = caplog.messages
    assert line.startswith(
        f"OTEL_METRICS_EXPORTER=prometheus: metrics of this process are not served at 127.0.0.1:{port} ("
    )
    assert "in use" in line
    assert set(REGISTRY._collector_to_names) == before


def test_the_port_is_free_after_the_shutdown(monkeypatch: pytest.MonkeyPatch) -> None:
    from opentelemetry.metrics import _internal as global_state

    monkeypatch.setattr(global_state, "_METER_PROVIDER", None)
    environ = {
        "OTEL_METRICS_EXPORTER": "prometheus",
        "OTEL_EXPORTER_PROMETHEUS_HOST": "127.0.0.1",
        "OTEL_EXPORTER_PROMETHEUS_PORT": str(free_port()),
    }
    for _ in range(2):
        monkeypatch.setattr(global_state, "_METER_PROVIDER", None)
        served = metric_exporters.start(Settings.from_environ(environ).metrics, Resource.get_empty())
        assert served is not None
        served.shutdown(1)


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        (
            {"OTEL_METRICS_EXPORTER": "statsd"},
            "OTEL_METRICS_EXPORTER='statsd': must be a comma-separated list of: otlp, prometheus, console, none",
        ),
        (
            {"OTEL_METRICS_EXPORTER": "none,console"},
            "OTEL_METRICS_EXPORTER='none,console': 'none' turns everything off",
        ),
        (
            {"OTEL_METRICS_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_PROTOCOL": "carrier"},
            "OTEL_EXPORTER_OTLP_PROTOCOL='carrier': must be one of: grpc, http/protobuf",
        ),
        (
            {"OTEL_EXPORTER_PROMETHEUS_PORT": "abc"},
            "OTEL_EXPORTER_PROMETHEUS_PORT='abc': must be a whole number from 1",
        ),
        ({"OTEL_METRIC_EXPORT_INTERVAL": "soon"}, "OTEL_METRIC_EXPORT_INTERVAL='soon': must be a whole number"),
    ],
)
def test_what_cannot_be_used_is_refused(environ: dict[str, str], expected: str) -> None:
    with pytest.raises(ConfigurationError, match=re.escape(expected)):
        METRICS.check(Settings.from_environ(environ).metrics.exporters, environ)


def test_a_missing_extra_names_its_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("slashspan.telemetry.setup.signal_exporters.entry_points", lambda group: [])  # none installed
    for name in ("prometheus", "otlp"):
        with pytest.raises(ConfigurationError, match=re.escape(f"pip install 'slashspan[{name}]'")):
            METRICS.check([name], {})
