"""Metrics of bots and of the pipeline itself are on the collector's two pages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from discord_standin import User

from tests.support.collector import collector, needs_collector
from tests.support.otlp_bots import otlp_environ
from tests.support.processes import PLAIN, RUN, bot_process
from tests.support.prometheus import samples
from tests.support.waiting import until, until_async

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = needs_collector
NELLY = User(80351110224678912, "nelly")
COUNT = "discord_interaction_duration_seconds_count"


def of(port: int, name: str, **labels: str) -> list[float]:
    """Values of a metric's series with these labels."""
    found = samples(port)
    return [value for sample, has, value in found if sample == name and labels.items() <= has.items()]


async def test_two_processes_of_a_bot_are_two_series_and_the_pipeline_counts_what_passed(tmp_path: Path) -> None:
    with collector(tmp_path) as (receiver, backend):
        settings = otlp_environ(f"http://127.0.0.1:{receiver.grpc_port}") | {
            "OTEL_METRICS_EXPORTER": "otlp",
            "OTEL_METRIC_EXPORT_INTERVAL": "200",
            "OTEL_PYTHON_SDK_INTERNAL_METRICS_ENABLED": "true",
        }
        folders = tmp_path / "one", tmp_path / "two"
        for folder in folders:
            folder.mkdir()
        async with (
            bot_process([*RUN, PLAIN], folders[0], settings) as one,
            bot_process([*RUN, PLAIN], folders[1], settings) as two,
        ):
            for bot, times in ((one, 3), (two, 5)):
                for _ in range(times):
                    await (await bot.discord.slash("ping", user=NELLY)).answered()
            page = receiver.bot_metrics_port
            await until_async(lambda: sorted(of(page, COUNT, discord_command_name="ping")) == [3, 5], 100)
            await until_async(lambda: len(of(page, "slashspan_spool_limit_bytes")) == 2, 100)
            found = samples(page)
            instances = {labels["instance"] for name, labels, _ in found if name == COUNT}
            assert len(instances) == 2
            texts = {text for _, labels, _ in found for text in labels.values()}
            assert not {NELLY.name, str(NELLY.id)} & texts
            for bot in (one, two):
                await bot.interrupt()
                assert await bot.ended() == 0
        own = receiver.own_metrics_port
        accepted = sum(of(own, "otelcol_receiver_accepted_spans_total"))
        assert accepted >= 16
        until(lambda: sum(of(own, "otelcol_exporter_sent_spans_total", exporter="otlp_grpc")) == accepted, 100)
        assert len(backend.spans) == accepted
        until(lambda: sum(of(own, "otelcol_exporter_queue_size")) == 0, 100)
