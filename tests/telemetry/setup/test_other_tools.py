"""logfire, sentry-sdk and ddtrace in the same bot, from PyPI. `make other-tools` installs them, for the bot alone."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.support import ROOT
from tests.support.processes import PLAIN, RUN, bot_process
from tests.support.stored_rows import read_outcomes

PYTHON = ROOT / ".cache" / "other-tools" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
LOGFIRE = "import logfire; logfire.configure(send_to_logfire=False); logfire.info('told by the bot')"
SENTRY = 'import sentry_sdk; sentry_sdk.init(dsn="http://key@127.0.0.1:9/1", traces_sample_rate=1.0)'
DDTRACE = "import ddtrace.auto"
DISCORD = "import discord"

pytestmark = pytest.mark.skipif(not PYTHON.exists(), reason="the tools are not installed: make other-tools")


@pytest.mark.parametrize(
    ("first_lines", "environ", "shown"),
    [
        ([LOGFIRE], {}, ["told by the bot", "slash ping"]),
        ([DISCORD, LOGFIRE], {}, ["told by the bot"]),
        ([DISCORD, LOGFIRE], {"OTEL_TRACES_EXPORTER": "command_calls,console"}, ["told by the bot", "slash ping"]),
        ([SENTRY], {}, []),
        ([DISCORD, SENTRY], {}, []),
        ([DDTRACE], {}, []),
        ([DDTRACE], {"DD_TRACE_OTEL_ENABLED": "true"}, []),
    ],
    ids=[
        "logfire",
        "logfire after discord",
        "logfire after our provider",
        "sentry",
        "sentry after discord",
        "ddtrace",
        "ddtrace as the provider",
    ],
)
async def test_a_bot_that_uses_another_tool_is_recorded(
    first_lines: list[str], environ: dict[str, str], shown: list[str], tmp_path: Path
) -> None:
    bot_file = tmp_path / "bot.py"
    bot_file.write_text("\n".join([*first_lines, Path(PLAIN).read_text("utf-8")]), "utf-8")
    environ = {"DD_INSTRUMENTATION_TELEMETRY_ENABLED": "false", **environ}
    async with bot_process([*RUN, str(bot_file)], tmp_path, environ, python=str(PYTHON)) as bot:
        await (await bot.discord.slash("ping")).answered()
        await bot.interrupt()
        assert await bot.ended() == 0, bot.output
    assert read_outcomes(f"sqlite:///{tmp_path / 'command_calls.db'}") == [("slash", "ping", "ok")], bot.output
    assert "Traceback" not in bot.output
    assert [text for text in shown if text not in bot.output] == [], bot.output
