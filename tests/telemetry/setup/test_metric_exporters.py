"""`OTEL_METRICS_EXPORTER`: metrics leave the bot where it says so, and cost nothing where it does not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from opentelemetry.sdk.resources import Resource

from slashspan.errors import ConfigurationError
from slashspan.telemetry.setup import metric_exporters
from tests.support.processes import PLAIN, RUN, bot_process

if TYPE_CHECKING:
    from pathlib import Path


async def test_metrics_are_exported_by_the_time_the_bot_has_ended(tmp_path: Path) -> None:
    async with bot_process([*RUN, PLAIN], tmp_path, {"OTEL_METRICS_EXPORTER": "console"}) as bot:
        await (await bot.discord.slash("ping")).answered()
        await bot.interrupt()
        assert await bot.ended() == 0, bot.output
    assert '"resource_metrics"' in bot.output
    assert '"discord.command.name": "ping"' in bot.output
    assert '"service.name": "plain"' in bot.output
    assert "Traceback" not in bot.output


@pytest.mark.parametrize("environ", [{}, {"OTEL_METRICS_EXPORTER": "none"}], ids=["default", "none"])
def test_without_an_exporter_there_is_no_meter_provider(environ: dict[str, str]) -> None:
    assert metric_exporters.start(environ, Resource.get_empty()) is None


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"OTEL_METRICS_EXPORTER": "statsd"}, ["OTEL_METRICS_EXPORTER='statsd'", "otlp", "prometheus", "console"]),
        ({"OTEL_METRICS_EXPORTER": "none,console"}, ["OTEL_METRICS_EXPORTER='none,console'", "cannot be combined"]),
        (
            {"OTEL_METRICS_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_PROTOCOL": "carrier"},
            ["OTEL_EXPORTER_OTLP_PROTOCOL='carrier'", "grpc", "http/protobuf"],
        ),
    ],
)
def test_an_exporter_that_cannot_be_used_is_refused(environ: dict[str, str], expected: list[str]) -> None:
    with pytest.raises(ConfigurationError) as caught:
        metric_exporters.names(environ)
    assert all(words in str(caught.value) for words in expected)
