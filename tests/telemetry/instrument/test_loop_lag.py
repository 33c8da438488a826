"""A blocked event loop shows: in the rows of the commands that waited for it, and as a metric."""

from __future__ import annotations

import asyncio
import gc
import sqlite3
import time
import weakref
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from slashspan import DiscordInstrumentor, semconv
from slashspan.telemetry.instrument.gateway import DISCORD_EPOCH_MS, Frame
from slashspan.telemetry.instrument.loop_lag import FREE, LoopProbe
from tests.support import ROOT
from tests.support.actions.bot import make_bot
from tests.support.actions.cases import GUILD
from tests.support.actions.play import Recorded
from tests.support.bots import running
from tests.support.processes import bot_process
from tests.support.waiting import until_async

if TYPE_CHECKING:
    from pathlib import Path

BLOCKING = str(ROOT / "tests" / "bots" / "blocking.py")
BLOCK_SECONDS = 0.5
MS = 1_000_000
ROUNDING_MS = 0.001
"""The gateway delay is a difference of two large floats."""


async def test_a_command_that_arrives_while_the_loop_is_blocked_records_its_wait(tmp_path: Path) -> None:
    environ = {"SLASHSPAN_DSN": "sqlite:///rows.db", "PYTHONPATH": f"{ROOT}:{ROOT / 'examples'}"}
    async with bot_process([BLOCKING], tmp_path, environ) as bot:
        await (await bot.discord.slash("ping")).answered()
        await bot.discord.slash("block")
        await until_async(lambda: (tmp_path / "blocked").exists())
        waiting = await bot.discord.slash("ping")
        await asyncio.sleep(BLOCK_SECONDS)
        (tmp_path / "release").touch()
        await waiting.answered()
        await bot.interrupt()
        await bot.ended()
    with closing(sqlite3.connect(tmp_path / "rows.db")) as connection:
        rows = connection.execute(
            "SELECT command, gateway_delay_ms, loop_delay_ms, interaction_id FROM command_calls ORDER BY interaction_id"
        ).fetchall()
    assert [row[0] for row in rows] == ["ping", "block", "ping"]
    _, gateway_delay, loop_delay, interaction_id = rows[-1]
    assert interaction_id == waiting.id
    assert BLOCK_SECONDS * 1000 - 1 <= loop_delay <= gateway_delay + ROUNDING_MS
    assert all(0 <= delay < loop_delay for _, _, delay, _ in rows[:-1])


async def test_the_loop_lag_is_a_metric() -> None:
    reader = InMemoryMetricReader()
    with Recorded() as recorded:
        DiscordInstrumentor().uninstrument()
        meters = MeterProvider([reader], shutdown_on_exit=False)
        DiscordInstrumentor().instrument(
            tracer_provider=recorded.provider, meter_provider=meters, settings=recorded._settings
        )
        async with running(make_bot(), guilds=[GUILD]) as standin:
            await (await standin.slash("ok", guild=GUILD)).answered()
            time.sleep(0.2)
            longest = 0.0

            def measured() -> bool:
                nonlocal longest
                data = reader.get_metrics_data()
                metrics = [m for r in data.resource_metrics for s in r.scope_metrics for m in s.metrics] if data else []
                points: list[Any] = [p for m in metrics if m.name == "discord.loop.lag" for p in m.data.data_points]
                longest = max([longest, *(point.max for point in points)])
                return bool(longest > 0.1)

            await until_async(measured)


async def test_the_probe_stops_with_the_bot() -> None:
    with Recorded():
        async with running(make_bot(), guilds=[GUILD]) as standin:
            await (await standin.slash("ok", guild=GUILD)).answered()
            probes: Any = DiscordInstrumentor()._probes
            (probe,) = probes._by_loop.values()
            assert probe._running
        await until_async(lambda: not probe._running)
        async with running(make_bot(), guilds=[GUILD]) as standin:
            await (await standin.slash("ok", guild=GUILD)).answered()
            assert probe._running, "started again with the next bot"
    await until_async(lambda: not probe._running)


def test_a_probe_does_not_keep_its_loop_alive() -> None:
    loops: list[weakref.ref[asyncio.AbstractEventLoop]] = []

    async def main() -> None:
        probe = LoopProbe(lambda: True, lambda _: None)
        probe.start()
        loops.append(weakref.ref(asyncio.get_running_loop()))

    asyncio.run(main())
    gc.collect()
    assert loops[0]() is None


async def test_a_probe_knows_when_its_loop_was_busy() -> None:
    runs: list[float] = []
    probe = LoopProbe(lambda: True, runs.append)
    assert probe.busy(time.perf_counter_ns()) is None, "not started"
    before = time.perf_counter_ns()
    probe.start()
    time.sleep(0.2)
    blocked = time.perf_counter_ns()
    busy = probe.busy(blocked)
    assert busy is not None
    assert before <= busy[0] <= blocked - 200 * MS
    assert busy[1] == blocked, "it still is"
    await until_async(lambda: runs)
    busy = probe.busy(time.perf_counter_ns())
    assert busy is not None
    assert before <= busy[0] < blocked <= busy[1]
    await until_async(lambda: probe.busy(time.perf_counter_ns()) == FREE)


CREATED = DISCORD_EPOCH_MS + 10_000
RECEIVED = 1_000_000 * MS


@pytest.mark.parametrize(
    ("age_ms", "busy_ms", "delay"),
    [
        (500, None, None),
        (500, (0, 0), 0.0),
        (500, (-2000, -10), 500.0),  # created while the loop was busy
        (3000, (-2000, -10), 2000.0),  # created before
        (5, (-2000, -10), 0.0),  # created after
        (5, (-2000, 0), 5.0),  # and the loop still busy when it was read
        (-30, (-2000, -10), 2000.0),  # our clock is behind Discord's: only the loop is known
    ],
)
def test_the_delay_is_bounded_by_the_busy_interval_and_the_age(
    age_ms: int, busy_ms: tuple[int, int] | None, delay: float | None
) -> None:
    stretch = busy_ms and (FREE if busy_ms == FREE else (RECEIVED + busy_ms[0] * MS, RECEIVED + busy_ms[1] * MS))
    frame = Frame((CREATED + age_ms) * MS, RECEIVED, None, stretch)
    assert frame.loop_delay_ms(10_000 << 22) == delay


async def test_every_action_records_how_long_it_waited_for_the_loop() -> None:
    with Recorded() as recorded:
        async with running(make_bot(), guilds=[GUILD]) as standin:
            await (await standin.slash("ok", guild=GUILD)).answered()
            await (await standin.message("!p_ok", guild=GUILD)).answered()
            await until_async(lambda: len(recorded.roots) == 2)
    for span in recorded.roots:
        attributes: Any = span.attributes or {}
        assert 0 <= attributes[semconv.LOOP_DELAY_MS] <= max(0, attributes[semconv.GATEWAY_DELAY_MS]) + ROUNDING_MS
