"""docs/prometheus/slashspan-rules.yml: Prometheus accepts it, and its alerts fire for a real bot when they should."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import subprocess
from typing import TYPE_CHECKING, Final

import grpc
import pytest
import yaml
from discord_standin import Fault
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace.export import SpanExportResult

from tests.support import ROOT
from tests.support import collector as otel
from tests.support.otlp_backend import Verdict, running_backend
from tests.support.ports import free_port
from tests.support.processes import RUN, BotProcess, bot_process
from tests.support.prometheus import BINARY, prometheus, served
from tests.support.spans import spans
from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

    from tests.support.prometheus import Alert

BUSY: Final = str(ROOT / "tests" / "bots" / "busy.py")
RULES: Final = ROOT / "docs" / "prometheus" / "slashspan-rules.yml"
ALERTS: Final = [
    rule["alert"]
    for group in yaml.safe_load(RULES.read_text("utf-8"))["groups"]
    for rule in group["rules"]
    if "alert" in rule
]
COUNT: Final = "discord_interaction_duration_seconds_count"
BURST: Final = 400
"""Commands whose rows do not fit into the smallest spool, of 64 KiB."""
FIRING: Final[set[Alert]] = {
    ("SlashspanCommandFails", "fail"),
    ("SlashspanAnswersTooLate", "ping"),
    ("SlashspanLost", "command_calls"),
}
PENDING: Final[set[Alert]] = {("SlashspanSpoolFills", "command_calls")}
"""They would fire after five minutes."""
needs_collector = pytest.mark.skipif(not otel.BINARY.exists(), reason=otel.WITHOUT)
installed = pytest.mark.skipif(BINARY is None, reason="Prometheus is not installed: apt-get install prometheus")


def promtool(*arguments: str | Path) -> None:
    program = shutil.which("promtool")
    assert program is not None, "promtool is installed with Prometheus"
    done = subprocess.run([program, *arguments], capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stdout + done.stderr


@installed
def test_promtool_accepts_the_rules() -> None:
    promtool("check", "rules", RULES)


@installed
def test_each_alert_fires_when_it_should_and_not_in_the_case_next_to_it() -> None:
    promtool("test", "rules", ROOT / "tests" / "prometheus" / "rules.test.yml")


@pytest.mark.parametrize("alert", ALERTS)
def test_each_alert_is_tested_and_documented(alert: str) -> None:
    assert alert in (ROOT / "tests" / "prometheus" / "rules.test.yml").read_text("utf-8")
    assert f"`{alert}`" in (ROOT / "docs" / "metrics.md").read_text("utf-8")


def settings() -> dict[str, str]:
    """Of a bot whose database is unreachable, and whose spool is as small as it can be."""
    return {
        "OTEL_PYTHON_SDK_INTERNAL_METRICS_ENABLED": "true",
        "OTEL_BSP_SCHEDULE_DELAY": "50",
        "SLASHSPAN_DSN": f"postgresql://127.0.0.1:{free_port()}/unreachable",
        "SLASHSPAN_SPOOL_MAX_BYTES": "65536",
        "PYTHONPATH": str(ROOT / "examples"),
    }


async def provoke(bot: BotProcess, tmp_path: Path, expected: Mapping[str, Collection[Alert]], *ports: int) -> None:
    """Let commands fail, answers come too late and rows be lost, until Prometheus, which fetches from these ports, has
    the expected alerts."""
    await bot.discord.slash("fail")  # so that Prometheus knows the series before they grow
    await bot.discord.slash("ping", faults=[Fault.expired()])
    await asyncio.to_thread(until, lambda: sum(served(ports[0], COUNT)) == 2, 60)
    with contextlib.ExitStack() as stack:
        fetching = stack.enter_context(await asyncio.to_thread(prometheus, tmp_path, *ports, rules=RULES))
        await asyncio.to_thread(until, lambda: fetching.query(f"sum({COUNT})") == {"": 2}, 60)
        assert fetching.alerts("firing") == set()
        actions = [await bot.discord.slash("fail") for _ in range(10)]
        actions += [await bot.discord.slash("ping") for _ in range(BURST)]
        for action in actions:
            await action.answered(60)
        for _ in range(5):
            await bot.discord.slash("ping", faults=[Fault.expired()])
        for state, alerts in expected.items():
            await asyncio.to_thread(until, lambda: fetching.alerts(state) >= set(alerts), 60)  # noqa: B023


@installed
async def test_alerts_fire_for_a_bot_that_prometheus_fetches_from(tmp_path: Path) -> None:
    port = free_port()
    environ = settings() | {
        "OTEL_METRICS_EXPORTER": "prometheus",
        "OTEL_EXPORTER_PROMETHEUS_HOST": "127.0.0.1",
        "OTEL_EXPORTER_PROMETHEUS_PORT": str(port),
    }
    async with bot_process([*RUN, BUSY], tmp_path, environ) as bot:
        await provoke(bot, tmp_path, {"firing": FIRING, "pending": PENDING}, port)


@installed
@needs_collector
async def test_the_same_alerts_fire_through_a_collector_and_those_about_itself(tmp_path: Path) -> None:
    """Its backend is unreachable, and its queue is as small as it can be."""
    backend = {"ANALYTICS_ENDPOINT": f"127.0.0.1:{free_port()}", "ANALYTICS_INSECURE": "true", "QUEUE_SIZE": "5000"}
    with otel.running_collector(tmp_path, backend) as running:
        send(running, 3000)
        environ = settings() | {
            "OTEL_TRACES_EXPORTER": "command_calls,otlp",
            "OTEL_METRICS_EXPORTER": "otlp",
            "OTEL_METRIC_EXPORT_INTERVAL": "500",
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{running.grpc_port}",
        }
        expected = {"firing": FIRING, "pending": {*PENDING, ("SlashspanCollectorQueueFills", "otlp_grpc")}}
        async with bot_process([*RUN, BUSY], tmp_path, environ) as bot:
            await provoke(bot, tmp_path, expected, running.bot_metrics_port, running.own_metrics_port)


@installed
@needs_collector
def test_spans_that_a_backend_rejects_for_ever_are_an_alert(tmp_path: Path) -> None:
    with running_backend() as backend, otel.running_collector(tmp_path, otel.sending_to(backend)) as running:
        backend.judge = lambda _: Verdict(grpc.StatusCode.INVALID_ARGUMENT)
        with prometheus(tmp_path, running.own_metrics_port, rules=RULES) as fetching:
            until(lambda: fetching.query("sum(otelcol_exporter_queue_capacity) > 0"), 60)
            send(running, 1)
            until(lambda: fetching.alerts("firing") == {("SlashspanCollectorLosesSpans", "otlp_grpc")}, 60)


def send(running: otel.Collector, count: int) -> None:
    sender = OTLPSpanExporter(f"http://127.0.0.1:{running.grpc_port}", insecure=True)
    assert sender.export(spans(count)) is SpanExportResult.SUCCESS
    sender.shutdown()
