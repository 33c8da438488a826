"""With another version of discord.py or the SDK the bot runs as usual, hooks that still fit record, and one warning
names the others."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from tests.support import ROOT
from tests.support.actions.cases import GUILD
from tests.support.processes import bot_process

if TYPE_CHECKING:
    from pathlib import Path

BOT = str(ROOT / "tests" / "bots" / "renamed.py")
EVERYTHING = {
    ("slash", "ping", "ok"),
    ("slash", "broken", "error"),
    ("prefix", "pong", "ok"),
    ("component", "Panel.fine", "ok"),
    ("component", "", "ok"),
}

RECEIPT = "the time of receipt, gateway metrics"
CONTEXT = "where the context of an action ends"
SLASH = "slash commands, menus, autocomplete"
PREFIX = "prefix commands"
COMPONENTS = "components, modals"
BY_HAND = "components answered by on_interaction"
REST = "acknowledgements, REST requests"
LIMITS = "rate limits"
RENAMED = {
    "DiscordWebSocket": RECEIPT,
    "received_message": RECEIPT,
    "_dispatch_timeout": CONTEXT,
    "_call": SLASH,
    "_invoke_error_handlers": SLASH,
    "_invoke_autocomplete": SLASH,
    "_invoke": SLASH,
    "BotBase": PREFIX,
    "dispatch_error": PREFIX,
    "ViewStore": COMPONENTS,
    "dispatch_view": COMPONENTS,
    "dispatch_modal": COMPONENTS,
    "dispatch_dynamic_items": COMPONENTS,
    "schedule_dynamic_item_call": COMPONENTS,
    "_dispatch_item": COMPONENTS,
    "_dispatch_submit": COMPONENTS,
    "_scheduled_task": COMPONENTS,
    "_schedule_event": BY_HAND,
    "HTTPClient": REST,
    "AsyncWebhookAdapter": REST,
    "Ratelimit": LIMITS,
    "AsyncDeferredLock": LIMITS,
}


LOST = {
    SLASH: {row for row in EVERYTHING if row[0] == "slash"},
    PREFIX: {row for row in EVERYTHING if row[0] == "prefix"},
    COMPONENTS: {row for row in EVERYTHING if row[0] == "component"},
}


def renaming(name: str) -> tuple[str, str]:
    """Pattern and replacement that rename it, also in `_Class__attribute`; private names stay private."""
    return rf"\b(_?){name}(?=\b|__[a-z])", rf"\1{'_' * name.startswith('_')}renamed_{name.strip('_')}"


async def run(tmp_path: Path, package: str, replacements: dict[str, str]) -> tuple[set[tuple[str, ...]], str]:
    """Kind, command and outcome of the rows of a bot on the changed package, and what the bot printed."""
    arguments = [argument for both in replacements.items() for argument in both]
    environ = {"SLASHSPAN_DSN": "sqlite:///rows.db", "SLASHSPAN_RAISE_INTERNAL_ERRORS": "false"}
    async with bot_process([BOT, package, *arguments], tmp_path, environ) as bot:
        discord = bot.discord
        await (await discord.slash("ping")).answered()
        await (await discord.slash("broken")).answered()
        await (await discord.message("!pong")).answered()
        for custom_id in ("fine", "by hand"):
            button = {"type": 2, "custom_id": custom_id, "label": custom_id, "style": 1}
            message = discord.shown({"components": [{"type": 1, "components": [button]}]}, GUILD.channel)
            await (await discord.press(message, guild=GUILD)).answered()
        await bot.interrupt()
        assert await bot.ended() == 0, bot.output
    with closing(sqlite3.connect(tmp_path / "rows.db")) as connection:
        rows = connection.execute("SELECT kind, command, outcome FROM command_calls").fetchall()
    assert len(rows) == len(set(rows)), rows
    return set(rows), bot.output


def two_by_two() -> list[tuple[str, ...]]:
    """The names in pairs, each of two hooks: a bot takes a second to start."""
    names = sorted(RENAMED, key=RENAMED.__getitem__)
    half = (len(names) + 1) // 2
    return [tuple(names[number::half]) for number in range(half)]


@pytest.mark.parametrize("names", two_by_two(), ids=" ".join)
async def test_a_renamed_private_name_costs_its_hook_alone(names: tuple[str, ...], tmp_path: Path) -> None:
    rows, output = await run(tmp_path, "discord", dict(map(renaming, names)))
    expected = {RENAMED[name]: name for name in names}
    assert rows == EVERYTHING.difference(*(LOST.get(lost, set()) for lost in expected))
    (warning,) = re.findall("unsupported discord.py .*: not recorded: (.*)", output)
    reasons = dict(re.findall(r"(?:^|; )([^(]+) \((.*?)(?=; |$)", warning))
    assert len(expected) == len(names)
    assert reasons.keys() == expected.keys()
    assert [lost for lost, name in expected.items() if name not in reasons[lost]] == []
    assert "slashspan failed" not in output


KEYWORDS = {
    r"\._call\(interaction\)": "._call(interaction=interaction)",
    r"\._invoke_error_handlers\(interaction, e": "._invoke_error_handlers(interaction=interaction, error=e",
    r"\._scheduled_task\(item, interaction\)": "._scheduled_task(interaction=interaction, item=item)",
    r"\.dispatch_view\(component_type, custom_id, interaction\)": (
        ".dispatch_view(component_type, interaction=interaction, custom_id=custom_id)"
    ),
    r"self\.request\((route|r)(?=\)|, \w+=)": r"self.request(route=\1",
}


async def test_arguments_that_discord_py_passes_by_keyword_are_found(tmp_path: Path) -> None:
    rows, output = await run(tmp_path, "discord", KEYWORDS)
    assert rows == EVERYTHING
    assert "slashspan" not in output


async def test_a_private_method_with_another_parameter_costs_its_hook_alone(tmp_path: Path) -> None:
    rows, output = await run(tmp_path, "discord", {r"\b_call\((self, )?interaction\b": r"_call(\1Any, interaction"})
    assert rows == EVERYTHING - LOST[SLASH]
    assert "_call takes (Any, interaction), not (interaction)" in output


@pytest.mark.parametrize("name", ["_attributes", "_dict", "_events", "_batch_processor"])
async def test_a_renamed_private_name_of_the_sdk_costs_no_row(name: str, tmp_path: Path) -> None:
    rows, output = await run(tmp_path, "opentelemetry", dict([renaming(name)]))
    assert rows == EVERYTHING
    assert "slashspan" not in output
