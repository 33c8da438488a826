"""Every query of docs/metrics.md, asked of a real Prometheus, returns what a real bot has done."""

from __future__ import annotations

import asyncio
import contextlib
import re
import time
from typing import TYPE_CHECKING

import pytest
from discord_standin import Fault

from slashspan.telemetry.instrument.metrics import BUCKETS
from tests.support import ROOT
from tests.support.ports import free_port
from tests.support.processes import RUN, BotProcess, bot_process
from tests.support.prometheus import BINARY, Prometheus, prometheus, served
from tests.support.waiting import until

if TYPE_CHECKING:
    from pathlib import Path

BUSY = str(ROOT / "tests" / "bots" / "busy.py")
QUERIES = dict(
    re.findall(
        r"^### ([^\n]+)\n(?:[^`#]*\n)?```promql\n(.*?)^```",
        (ROOT / "docs" / "metrics.md").read_text("utf-8"),
        re.MULTILINE | re.DOTALL,
    )
)
ROUND = {"ping": 5, "fail": 3, "late": 1, "slow": 1, "block": 1}
"""How often each command is called in a round; `late` is a ping that Discord refuses as too late."""
COUNT = "discord_interaction_duration_seconds_count"
TOTAL = f"sum({COUNT})"
BURST = 400
"""Commands whose rows do not fit into the smallest spool, of 64 KiB."""


async def play(bot: BotProcess, port: int) -> float:
    """Call the commands of a round, and wait until they are counted; how many seconds that took."""
    began = time.monotonic()
    before = sum(served(port, COUNT))
    for name, times in ROUND.items():
        faults = [Fault.expired()] if name == "late" else []
        for _ in range(times):
            await bot.discord.slash("ping" if name == "late" else name, faults=faults)
    await asyncio.to_thread(until, lambda: sum(served(port, COUNT)) == before + sum(ROUND.values()), 60)
    return time.monotonic() - began


def in_five_minutes(done: int) -> object:
    """What `increase` makes of it: it extrapolates by at most one interval of fetches at each end."""
    return pytest.approx(done * 2.1, rel=1.1 / 2.1)


@pytest.mark.skipif(BINARY is None, reason="Prometheus is not installed: apt-get install prometheus")
async def test_each_documented_query_returns_what_was_done(tmp_path: Path) -> None:
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
    answers: dict[str, dict[str, float]] = {}
    count = sum(ROUND.values())
    async with bot_process([*RUN, BUSY], tmp_path, environ) as bot, contextlib.AsyncExitStack() as stack:
        longest = await play(bot, port)  # so that the first fetch finds every series, at the same time
        fetched = stack.enter_context(await asyncio.to_thread(prometheus, tmp_path, port))
        await asyncio.to_thread(wait_for, fetched, TOTAL, count)
        longest = max(longest, await play(bot, port))
        await asyncio.to_thread(wait_for, fetched, TOTAL, 2 * count)
        for title, query in QUERIES.items():
            answers[title] = await asyncio.to_thread(fetched.query, query)
        actions = [await bot.discord.slash("ping") for _ in range(BURST)]
        for action in actions:
            await action.answered()
        waiting, lost = await asyncio.to_thread(losses, fetched, 2 * count + BURST)
        await bot.interrupt()
        await bot.ended()

    per_second = answers.pop("Commands per second, by command")
    calls = {"ping": 6, "fail": 3, "slow": 1, "block": 1}
    assert {name: rate * 300 for name, rate in per_second.items()} == {
        name: in_five_minutes(times) for name, times in calls.items()
    }
    assert answers.pop("Share of commands that fail") == {"": pytest.approx(4 / count)}
    p95 = answers.pop("p95 of the duration, by command")
    assert set(p95) == set(calls)
    upper = next((bound for bound in BUCKETS if bound >= longest), float("inf"))  # no command can have taken longer
    assert 1 < p95["slow"] <= upper
    assert 0.5 < p95["block"] <= upper
    expired = {name: value for name, value in answers.pop("Answers that came after 3 s").items() if value}
    assert expired == {"ping": in_five_minutes(1)}
    slow = answers.pop("Answers that took longer than 1 s")
    assert slow["slow"] == in_five_minutes(1)
    assert answers.pop("Times that the event loop was blocked for longer than 250 ms")[""] > 0.9
    assert answers.pop("Rows that wait for the database") == {"": 2 * count}
    assert answers.pop("Rows that wait in the spool") == {"": 2 * count}
    assert answers.pop("Rows lost since the bot started, by reason") == {}
    assert not answers, "a documented query that no test asks"
    assert set(lost) == {"spool_full"}
    assert 0 < lost["spool_full"] < BURST
    assert waiting + lost["spool_full"] == 2 * count + BURST


def wait_for(fetched: Prometheus, promql: str, value: float) -> None:
    until(lambda: fetched.query(promql) == {"": value}, 60)


def losses(fetched: Prometheus, count: int) -> tuple[float, dict[str, float]]:
    """Rows that wait, and those lost by reason, once they add up: they are fetched one after the other."""
    seen: list[tuple[float, dict[str, float]]] = []

    def add_up() -> bool:
        waiting = fetched.query(QUERIES["Rows that wait for the database"])[""]
        seen.append((waiting, fetched.query(QUERIES["Rows lost since the bot started, by reason"])))
        return waiting + sum(seen[-1][1].values()) == count and fetched.query(TOTAL) == {"": count}

    until(add_up, 60)
    return seen[-1]
