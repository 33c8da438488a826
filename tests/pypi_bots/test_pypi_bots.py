"""What real bots answer, register and end with is the same recorded as plain; and each action has its row."""

from __future__ import annotations

import asyncio
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from discord_standin import User, snowflake

from tests.pypi_bots.scripts import ALL, HERE, Bot, Step
from tests.support.processes import RUN, BotProcess, bot_process
from tests.support.stored_rows import read_rows

if TYPE_CHECKING:
    from pathlib import Path

    from discord_standin import Action

VARIES = re.compile(
    r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"  # a session's id
    r"|\b[0-9a-f]{32}\b"  # custom_ids that nobody chose
    r"|\b\d{15,}\b"  # snowflakes
    r"|0x[0-9a-f]+"
    r"|\d{4}-\d\d-\d\d[T ]\d\d:\d\d[^\" ]*"
    r"|\b\d+(\.\d+)?\s?(ms|s|seconds?)\b"
)


@dataclass(frozen=True, slots=True)
class Played:
    """What a bot did."""

    actions: list[Action]
    transcript: list[Any]
    """For each action what users saw, without what differs each time."""
    registered: list[Any]
    unexpected: list[str]
    status: int
    output: str


def seen(action: Action) -> Any:
    calls = [(call.route, call.method, call.status, call.type) for call in action.calls]
    return [calls, json.loads(VARIES.sub("…", json.dumps(action.messages, sort_keys=True)))]


async def play(bot: Bot, command: list[str], folder: Path) -> Played:
    folder.mkdir()
    environ = {
        "PYTHONPATH": str(HERE / "path"),
        "PYTHONHASHSEED": "0",
        "HOME": str(folder),
        "SLASHSPAN_DSN": f"sqlite:///{folder / 'calls.db'}",
    }
    async with bot_process([*command, *bot.arguments], folder, environ, python=str(bot.python)) as running:
        discord = running.discord
        stranger = User(snowflake(), "stranger")
        await running.discord.idle()
        prefix = bot.prefix
        if bot.log is not None:
            found = re.search(bot.prefix, (folder / bot.log).read_text("utf-8"))
            assert found is not None
            prefix = found[1]
        actions: list[Action] = []
        for step in bot.steps:
            user = stranger if step.by == "stranger" else discord.owner
            text = step.does.format(prefix=prefix)
            actions.append(action := await take(running, step, text, user, actions))
            if not step.silent:
                await action.answered(30)
            if not step.ends:
                await discord.idle()
        if not bot.steps[-1].ends:
            await running.interrupt()
        status = await running.ended()
        transcript = [seen(action) for action in actions]
        registered = json.loads(VARIES.sub("…", json.dumps(discord.ledger.commands)))
        unexpected = [VARIES.sub("…", request) for request in discord.ledger.unexpected]
        return Played(actions, transcript, registered, unexpected, status, running.output)


async def take(running: BotProcess, step: Step, text: str, user: User, before: list[Action]) -> Action:
    discord = running.discord
    if step.kind == "slash":
        return await discord.slash(text, user=user)
    if step.kind == "component":
        shown = before[step.on]
        return await discord.press(shown.messages[-1], text or None, user=user, channel=shown.channel)
    return await discord.message(text, user=user, silent=step.silent)


@pytest.mark.timeout(240)
@pytest.mark.parametrize("bot", ALL, ids=lambda bot: bot.name)
def test_a_bot_from_pypi_does_the_same_recorded_and_every_action_has_its_row(bot: Bot, tmp_path: Path) -> None:
    if not bot.python.exists():
        pytest.skip(f"{bot.name} is not set up: make bots")
    plain = asyncio.run(play(bot, [], tmp_path / "plain"))
    recorded = asyncio.run(play(bot, RUN, tmp_path / "recorded"))
    for step, expected, found in zip(bot.steps, plain.transcript, recorded.transcript, strict=True):
        assert found == expected, step
    assert (recorded.status, recorded.registered) == (plain.status, plain.registered), recorded.output
    assert recorded.unexpected == plain.unexpected
    assert recorded.output.count("Traceback") == plain.output.count("Traceback"), recorded.output

    rows: dict[int, list[tuple[Any, ...]]] = {}
    users = {}
    for row in read_rows(f"sqlite:///{tmp_path / 'recorded' / 'calls.db'}"):
        found_row = (row["kind"], row["command"], row["outcome"], row["error_type"])
        rows.setdefault(row["interaction_id"], []).append(found_row)
        users[row["interaction_id"]] = row["discord_uid"]
    wanted = {
        action.id: [(step.kind, step.command, step.outcome, step.error_type)]
        for step, action in zip(bot.steps, recorded.actions, strict=True)
    }
    assert rows == wanted
    assert users == {action.id: action.user.id for action in recorded.actions}
