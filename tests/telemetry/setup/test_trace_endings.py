"""What a collector gets of a bot's commands, however the bot ends, where spans are all that it sends."""

from __future__ import annotations

import sys
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from slashspan import semconv
from tests.support.endings import FINISHED, command
from tests.support.otlp_backend import running_backend
from tests.support.processes import bot_process
from tests.support.waiting import until

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.otlp_backend import Backend


def got(backend: Backend) -> Counter[tuple[str, str]]:
    """Command and outcome of each action, without the commands that end the bot."""
    found: Counter[tuple[str, str]] = Counter()
    for span in backend.spans:
        attributes: dict[str, Any] = {item.key: item.value.string_value for item in span.attributes}
        if attributes.get(semconv.COMMAND_NAME) in ("ping", "hang"):
            found[attributes[semconv.COMMAND_NAME], attributes[semconv.OUTCOME]] += 1
    return found


@pytest.mark.parametrize(
    ("ending", "in_flight"),
    [("worker", "cancelled"), ("forked bot", "cancelled"), ("kill", None), ("restart", None)],
    ids=lambda text: str(text).replace(" ", "-"),
)
async def test_every_command_is_sent_once(ending: str, in_flight: str | None, tmp_path: Path) -> None:
    if sys.platform == "win32" and ending != "close":
        pytest.skip("Windows has no such ending")
    with running_backend() as backend:
        environ = {
            "OTEL_TRACES_EXPORTER": "otlp",
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{backend.port}",
            "OTEL_BSP_SCHEDULE_DELAY": "60000",
        }
        async with bot_process(command("run", ending, tmp_path), tmp_path, environ) as bot:
            for _ in range(FINISHED):
                await (await bot.discord.slash("ping")).answered()
            await (await bot.discord.slash("hang")).acknowledged()
            await bot.discord.idle()
            if ending == "restart":
                await bot.discord.slash("restart")
                await bot.discord.gone()
                await bot.discord.ready()
            else:
                if ending == "worker":
                    await (await bot.discord.slash("worker")).answered()
                    await bot.discord.idle()
                await bot.end({"worker": "close", "forked bot": "close"}.get(ending, ending))
            if in_flight is None and ending != "restart":
                assert got(backend) == {}
                async with bot_process(command("run", "close", tmp_path), tmp_path, environ) as heir:
                    await heir.end("close")
        expected = {("ping", "ok"): FINISHED, ("hang", in_flight or "interrupted"): 1}
        until(lambda: got(backend) == expected, 60)
