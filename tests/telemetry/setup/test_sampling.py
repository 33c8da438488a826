"""`OTEL_TRACES_SAMPLER` chooses traces; rows are complete whatever it chooses."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from slashspan.errors import ConfigurationError
from slashspan.telemetry.setup.sampling import log_what_is_sampled, sampler
from tests.support.otlp_backend import running_backend
from tests.support.processes import PLAIN, RUN, bot_process
from tests.support.stored_rows import read_rows

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("chosen", "shown"),
    [
        ({"OTEL_TRACES_SAMPLER": "always_off"}, 0),
        ({"OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0"}, 0),
        ({"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "1"}, 3),
    ],
    ids=["always_off", "ratio 0", "ratio 1"],
)
async def test_a_sampler_applies_to_traces_and_never_to_rows(
    chosen: dict[str, str], shown: int, tmp_path: Path
) -> None:
    environ = {"OTEL_TRACES_EXPORTER": "command_calls,console", **chosen}
    async with bot_process([*RUN, PLAIN], tmp_path, environ) as bot:
        for _ in range(3):
            await (await bot.discord.slash("ping")).answered()
        await bot.interrupt()
        await bot.ended()
    assert len(read_rows(f"sqlite:///{tmp_path / 'command_calls.db'}")) == 3
    assert bot.output.count('"name": "slash ping"') == shown
    assert bot.output.count("rows in command_calls are never sampled") == 1


@pytest.mark.parametrize("ratio", ["0", "1"])
async def test_a_bot_that_sends_only_spans_says_that_rows_made_of_them_are_incomplete(
    ratio: str, tmp_path: Path
) -> None:
    with running_backend() as backend:
        environ = {
            "OTEL_TRACES_EXPORTER": "otlp",
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{backend.port}",
            "SLASHSPAN_TRACE_RATIO": ratio,
        }
        async with bot_process([*RUN, PLAIN], tmp_path, environ) as bot:
            await (await bot.discord.slash("ping")).answered()
            await bot.interrupt()
            await bot.ended()
        assert [span.name for span in backend.spans if span.name == "slash ping"] == ["slash ping"] * int(ratio)
    assert bot.output.count("rows that a collector makes of spans are incomplete") == 1 - int(ratio)


@pytest.mark.parametrize(
    ("environ", "ratio", "incomplete"),
    [
        ({}, 1.0, None),
        ({}, 0.5, "SLASHSPAN_TRACE_RATIO=0.5"),
        ({"OTEL_TRACES_SAMPLER": "always_on"}, 1.0, None),
        ({"OTEL_TRACES_SAMPLER": "parentbased_always_on"}, 1.0, None),
        ({"OTEL_TRACES_SAMPLER": "traceidratio"}, 1.0, None),
        ({"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "1.0"}, 1.0, None),
        ({"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.1"}, 1.0, "OTEL_TRACES_SAMPLER="),
        ({"OTEL_TRACES_SAMPLER": "always_off"}, 1.0, "OTEL_TRACES_SAMPLER=always_off"),
    ],
)
def test_only_a_sampler_that_leaves_out_traces_is_logged(
    environ: dict[str, str], ratio: float, incomplete: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    log_what_is_sampled(environ, ratio, rows=False)
    assert [record.getMessage().startswith(incomplete or "nothing") for record in caplog.records] == (
        [] if incomplete is None else [True]
    )


@pytest.mark.parametrize(
    ("environ", "ratio", "expected"),
    [
        ({"OTEL_TRACES_SAMPLER": "sometimes"}, 1, ["OTEL_TRACES_SAMPLER='sometimes'", "always_on", "traceidratio"]),
        (
            {"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "half"},
            1,
            ["OTEL_TRACES_SAMPLER_ARG='half'", "from 0 to 1"],
        ),
        (
            {"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "2"},
            1,
            ["OTEL_TRACES_SAMPLER_ARG='2'", "from 0 to 1"],
        ),
        ({"OTEL_TRACES_SAMPLER": "always_on"}, 0.5, ["OTEL_TRACES_SAMPLER", "SLASHSPAN_TRACE_RATIO=0.5", "set one"]),
    ],
)
def test_a_sampler_that_cannot_be_used_is_refused(environ: dict[str, str], ratio: float, expected: list[str]) -> None:
    with pytest.raises(ConfigurationError) as caught:
        sampler(environ, ratio)
    assert all(words in str(caught.value) for words in expected)
