"""A fleet's gateway and a real trace store: whole traces of all that failed or was slow, and a share of the others."""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING, Any, Final

import pytest
from discord_standin import Fault

from slashspan import semconv
from tests.support import ROOT
from tests.support import collector as otel
from tests.support import jaeger as store
from tests.support.collector import GATEWAY, running_collector
from tests.support.jaeger import jaeger
from tests.support.otlp_backend import running_backend
from tests.support.processes import RUN, bot_process
from tests.support.prometheus import served
from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from discord_standin import Action

    from tests.support.collector import Collector
    from tests.support.jaeger import Jaeger
    from tests.support.processes import BotProcess

pytestmark = [
    pytest.mark.skipif(not otel.BINARY.exists(), reason=otel.WITHOUT),
    pytest.mark.skipif(not store.BINARY.exists(), reason="Jaeger is not built: make jaeger (needs Go)"),
]
BUSY: Final = str(ROOT / "tests" / "bots" / "busy.py")
FAILED: Final = {"error", "expired", "interrupted"}
SLOW_MS: Final = 1000
PERCENT: Final = 10
AT_ONCE: Final = 10
DECIDED: Final = "otelcol_processor_tail_sampling_global_count_traces_sampled"


async def play(bot: BotProcess) -> int:
    """Calls that end well, fail, are slow, or come too late; how many."""
    actions: list[Action] = []
    for names in (["ping"] * 500, ["fail"] * 20, ["slow"] * 10):
        for name in names:
            actions.append(await bot.discord.slash(name))
            if len(actions) % AT_ONCE == 0:
                await actions[-AT_ONCE].answered(60)
    expired = [await bot.discord.slash("ping", faults=[Fault.expired()]) for _ in range(10)]
    for action in actions:
        await action.answered(60)
    await bot.discord.idle()
    return len(actions) + len(expired)


async def test_the_trace_store_has_all_that_failed_or_was_slow_whole_and_a_share_of_the_others(tmp_path: Path) -> None:
    with running_backend() as backend, jaeger(tmp_path) as traces:
        gateway = {
            "OTLP_TOKEN": "12345",
            "ANALYTICS_EXPORTER": "otlp_grpc",  # instead of ClickHouse: it counts the commands
            "ANALYTICS_ENDPOINT": f"127.0.0.1:{backend.port}",
            "ANALYTICS_INSECURE": "true",
            "TRACE_STORE_ENDPOINT": traces.endpoint,
            "TRACE_STORE_INSECURE": "true",
            "SAMPLING_PERCENT": str(PERCENT),
            "SLOW_MS": str(SLOW_MS),
            "SAMPLING_WAIT": "3s",
        }
        with running_collector(tmp_path, gateway, GATEWAY) as running:
            bot_settings = {
                "OTEL_TRACES_EXPORTER": "otlp",
                "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{running.grpc_port}",
                "OTEL_EXPORTER_OTLP_HEADERS": "authorization=Bearer%2012345",
                "OTEL_BSP_SCHEDULE_DELAY": "50",
                "OTEL_SERVICE_NAME": "ladder",
                "PYTHONPATH": str(ROOT / "examples"),
            }
            async with bot_process([*RUN, BUSY], tmp_path, bot_settings) as bot:
                calls = await play(bot)
                commands = await asyncio.to_thread(backend.wait_for, calls, 100)
                await bot.interrupt()
                assert await bot.ended() == 0, bot.output
            await asyncio.to_thread(until, lambda: decided(running, traces, calls), 100)
            kept = traces.traces("ladder")
    assert len(commands) == calls, "every command is a row, whatever is sampled"
    needed = {
        command.trace_id.hex() for command in commands if outcome(command) in FAILED or milliseconds(command) >= SLOW_MS
    }
    assert len(needed) >= 40
    assert needed <= set(kept)
    others = {command.trace_id.hex() for command in commands} - needed
    expected = len(others) * PERCENT / 100
    assert len(others & set(kept)) == pytest.approx(expected, abs=6 * math.sqrt(expected * (1 - PERCENT / 100)))
    for trace in needed:
        (command,) = (span for span in kept[trace] if semconv.KIND in span["tags"])
        requests = [span for span in kept[trace] if "url.template" in span["tags"]]
        assert requests, "its requests to Discord are in its trace"
        assert {parent(span) for span in requests} == {command["spanID"]}


def decided(running: Collector, traces: Jaeger, calls: int) -> bool:
    """Whether the gateway has decided about every trace, and the trace store has those that it keeps."""
    sampled = sum(served(running.own_metrics_port, DECIDED, 'sampled="true"'))
    return sum(served(running.own_metrics_port, DECIDED)) >= calls and len(traces.traces("ladder")) == sampled


def outcome(span: Any) -> str:
    return next(str(item.value.string_value) for item in span.attributes if item.key == semconv.OUTCOME)


def milliseconds(span: Any) -> float:
    return float(span.end_time_unix_nano - span.start_time_unix_nano) / 1e6


def parent(span: Mapping[str, Any]) -> str | None:
    return next((reference["spanID"] for reference in span["references"]), None)
