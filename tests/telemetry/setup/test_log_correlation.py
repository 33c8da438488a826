"""`OTEL_PYTHON_LOG_CORRELATION`: lines within a command carry its ids, in whatever format the bot has chosen."""

from __future__ import annotations

import io
import logging
import re
from typing import TYPE_CHECKING

import pytest
from discord.utils import _ColourFormatter
from opentelemetry.sdk.trace import TracerProvider

from slashspan.errors import ConfigurationError
from slashspan.settings import Settings
from slashspan.telemetry.setup.log_correlation import LogCorrelation
from tests.support.processes import LOGS, RUN, bot_process

if TYPE_CHECKING:
    from pathlib import Path

CORRELATION = {"OTEL_PYTHON_LOG_CORRELATION": "true"}
TEXT = logging.Formatter("[{asctime}] {name}: {message}", "%H", style="{")


class Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return f'{{"said": "{record.getMessage()}"}}'


@pytest.mark.parametrize(
    ("formatter", "message", "expected"),
    [
        (TEXT, "hi", r"\[\d\d\] ladder: hi trace_id=T span_id=S"),
        (logging.Formatter("%(levelname)s %(message)s"), "hi", "WARNING hi trace_id=T span_id=S"),
        (_ColourFormatter(), "hi", r".*ladder.* hi trace_id=T span_id=S"),
        (None, "hi", "hi trace_id=T span_id=S"),
        (logging.Formatter("%(message)s @%(otelTraceID)s"), "hi", "hi @T"),
        (logging.Formatter("%(otelSpanID)s %(message)s"), "hi", "S hi trace_id=T span_id=S"),
        (logging.Formatter("%(otelTraceID)s %(message)s"), "hi", "T hi"),
        (logging.Formatter("%(message)s!"), "hi", "hi!"),
        (None, '{"event": "hi"}', r'\{"event": "hi"\}'),
        (Json(), "hi", r'\{"said": "hi"\}'),
    ],
    ids=[
        "discord.py",
        "percent",
        "colours",
        "none",
        "own id",
        "own span",
        "own id first",
        "more text",
        "JSON",
        "class",
    ],
)
def test_lines_of_text_get_the_ids(formatter: logging.Formatter | None, message: str, expected: str) -> None:
    provider = TracerProvider(shutdown_on_exit=False)
    correlation = LogCorrelation(Settings.from_environ(CORRELATION).logs, provider)
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter)
    log = logging.getLogger("ladder")
    log.addHandler(handler)
    try:
        with provider.get_tracer("test").start_as_current_span("command") as span:
            log.warning(message)
        log.warning("outside")
    finally:
        log.removeHandler(handler)
        correlation.stop()
    inside, outside = stream.getvalue().splitlines()
    context = span.get_span_context()
    ids = {"T": f"{context.trace_id:032x}", "S": f"{context.span_id:016x}"}
    assert re.fullmatch(re.sub(r"\b[TS]\b", lambda match: ids[match[0]], expected), inside), inside
    assert "trace_id" not in outside
    assert not hasattr(logging.makeLogRecord({}), "otelTraceID")
    assert not hasattr(log.makeRecord("ladder", 20, "f", 1, "m", (), None), "otelTraceID"), "all is undone"


@pytest.mark.parametrize(
    ("setup", "environ", "line"),
    [
        ("discord", {}, r"WARNING .*ladder.* warning spoken trace_id=T span_id=S"),
        (
            "unconfigured",
            {"OTEL_PYTHON_LOG_FORMAT": "%(otelTraceID)s/%(otelServiceName)s %(message)s"},
            "T/logs .* spoken",
        ),
    ],
)
async def test_a_command_logs_with_the_ids_of_its_trace(
    setup: str, environ: dict[str, str], line: str, tmp_path: Path
) -> None:
    async with bot_process([*RUN, LOGS, setup], tmp_path, {**CORRELATION, **environ}) as bot:
        await (await bot.discord.slash("speak")).answered()
        await bot.interrupt()
        assert await bot.ended() == 0, bot.output
    match = re.search("in trace (.*) span (.*)", bot.output)
    assert match is not None, bot.output
    ids = {"T": match[1], "S": match[2]}
    pattern = re.sub(r"\b[TS]\b", lambda found: ids[found[0]], line)
    assert re.search(pattern, bot.output), bot.output
    assert bot.output.count("warning spoken") == 1, "each line is printed once"
    assert bot.output.count("info spoken") == 1


def test_a_format_that_logging_cannot_use_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=re.escape("OTEL_PYTHON_LOG_FORMAT='%(message)y'")):
        Settings.from_environ({"OTEL_PYTHON_LOG_FORMAT": "%(message)y"})
