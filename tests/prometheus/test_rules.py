"""docs/prometheus/slashspan-rules.yml: Prometheus accepts it, and its alerts fire for a real bot when they should."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import subprocess
from typing import TYPE_CHECKING, Final

import pytest
import yaml
from discord_standin import Fault

from tests.support import ROOT
from tests.support.ports import free_port
from tests.support.processes import RUN, BotProcess, bot_process
from tests.support.prometheus import BINARY, prometheus, served
from tests.support.waiting import until

if TYPE_CHECKING:
    from pathlib import Path

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
FIRING: Final = {
    ("SlashspanCommandFails", "fail"),
    ("SlashspanAnswersTooLate", "ping"),
    ("SlashspanLost", "command_calls"),
}
installed = pytest.mark.skipif(BINARY is None, reason="Prometheus is not installed")


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


async def play(bot: BotProcess) -> None:
    """Commands that fail, answers that Discord refuses as too late, and more rows than the spool can keep."""
    actions = [await bot.discord.slash("fail") for _ in range(10)]
    actions += [await bot.discord.slash("ping") for _ in range(BURST)]
    for action in actions:
        await action.answered(60)
    for _ in range(5):
        await bot.discord.slash("ping", faults=[Fault.expired()])


@installed
async def test_alerts_fire_for_a_bot_that_prometheus_fetches_from(tmp_path: Path) -> None:
    port = free_port()
    environ = {
        "OTEL_METRICS_EXPORTER": "prometheus",
        "OTEL_EXPORTER_PROMETHEUS_HOST": "127.0.0.1",
        "OTEL_EXPORTER_PROMETHEUS_PORT": str(port),
        "OTEL_PYTHON_SDK_INTERNAL_METRICS_ENABLED": "true",
        "OTEL_BSP_SCHEDULE_DELAY": "50",
        "SLASHSPAN_DSN": f"postgresql://127.0.0.1:{free_port()}/unreachable",
        "SLASHSPAN_SPOOL_MAX_BYTES": "65536",
        "PYTHONPATH": str(ROOT / "examples"),
    }
    async with bot_process([*RUN, BUSY], tmp_path, environ) as bot, contextlib.AsyncExitStack() as stack:
        await bot.discord.slash("fail")  # so that Prometheus knows the series before they grow
        await bot.discord.slash("ping", faults=[Fault.expired()])
        await asyncio.to_thread(until, lambda: sum(served(port, COUNT)) == 2, 60)
        fetching = stack.enter_context(await asyncio.to_thread(prometheus, tmp_path, port, rules=RULES))
        await asyncio.to_thread(until, lambda: fetching.query(f"sum({COUNT})") == {"": 2}, 60)
        assert fetching.alerts("firing") == set()
        await play(bot)
        await asyncio.to_thread(until, lambda: fetching.alerts("firing") >= FIRING, 60)
        await asyncio.to_thread(
            until, lambda: ("SlashspanSpoolFills", "command_calls") in fetching.alerts("pending"), 60
        )
        await bot.interrupt()
        await bot.ended()
