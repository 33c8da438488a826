"""logfire, sentry-sdk and ddtrace in the same bot. They are installed by `pip install --group other-tools`."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

import pytest

from tests.support.processes import PLAIN, RUN, bot_process
from tests.support.stored_rows import read_outcomes

FIRST_LINES = {
    "logfire": "import logfire; logfire.configure(send_to_logfire=False, console=False)",
    "sentry_sdk": 'import sentry_sdk; sentry_sdk.init(dsn="http://key@127.0.0.1:9/1", traces_sample_rate=1.0)',
    "ddtrace": "import ddtrace.auto",
}


@pytest.mark.parametrize("tool", FIRST_LINES)
async def test_a_bot_that_uses_another_tool_is_recorded(tool: str, tmp_path: Path) -> None:
    if importlib.util.find_spec(tool) is None:
        pytest.skip(f"{tool} is not installed")
    bot_file = tmp_path / "bot.py"
    bot_file.write_text(f"{FIRST_LINES[tool]}\n{Path(PLAIN).read_text('utf-8')}", "utf-8")
    environ = {"PYTHONPATH": os.environ.get("PYTHONPATH", ""), "DD_INSTRUMENTATION_TELEMETRY_ENABLED": "false"}
    async with bot_process([*RUN, str(bot_file)], tmp_path, environ) as bot:
        await (await bot.discord.slash("ping")).answered()
        await bot.interrupt()
        assert await bot.ended() == 0, bot.output
    assert read_outcomes(f"sqlite:///{tmp_path / 'command_calls.db'}") == [("slash", "ping", "ok")], bot.output
    assert "Traceback" not in bot.output
