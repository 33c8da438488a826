"""To the bot's code discord.py looks the same as without slashspan."""

from __future__ import annotations

import asyncio
import inspect
import pickle
import sys
from typing import Any

import discord
import pytest

from slashspan.telemetry.instrument.instrumentor import DiscordInstrumentor
from tests.support.actions.bot import make_bot
from tests.support.actions.cases import GUILD
from tests.support.actions.play import Recorded
from tests.support.bots import running


def patched_methods() -> list[tuple[type, str, Any, Any]]:
    """Class, attribute, original and wrapper of everything that is wrapped."""
    patches: Any = DiscordInstrumentor()._patches
    names = [(owner, name) for owner, wrapped in patches._wrapped.items() for name, _ in wrapped]
    return [(owner, name, vars(owner)[name].__wrapped__, vars(owner)[name]) for owner, name in names]


def answers(function: Any) -> dict[str, Any]:
    """What a bot can ask about a function."""
    return {
        "inspect.iscoroutinefunction": inspect.iscoroutinefunction(function),
        "asyncio.iscoroutinefunction": asyncio.iscoroutinefunction(function),
        "isfunction": inspect.isfunction(function),
        "signature": inspect.signature(function),
        "names": (function.__name__, function.__qualname__, function.__module__, function.__doc__),
        "annotations": function.__annotations__,
    }


NOT_ASKED = {"DiscordWebSocket.received_message", "BaseView._scheduled_task", "View._scheduled_task"}
"""discord.py's own, which run too often or too early for a coroutine function. Python 3.12 can mark them as one."""


def test_wrapped_methods_are_coroutine_functions_exactly_where_discord_py_has_them() -> None:
    with Recorded():
        methods = patched_methods()
        assert len(methods) > 10
        for owner, name, original, patched in methods:
            answered, expected = answers(patched), answers(original)
            if f"{owner.__name__}.{name}" in NOT_ASKED and sys.version_info < (3, 12):
                asked = "inspect.iscoroutinefunction", "asyncio.iscoroutinefunction"
                assert [answered.pop(question) for question in asked] == [False, False]
                assert [expected.pop(question) for question in asked] == [True, True]
            assert answered == expected, f"{owner.__qualname__}.{name}"
            assert pickle.loads(pickle.dumps(getattr(owner, name))) is getattr(owner, name)


@pytest.mark.parametrize("in_command", [True, False])
async def test_wait_for_listens_as_soon_as_it_is_called(in_command: bool) -> None:
    bot = make_bot()
    called, sent, heard = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def waits() -> None:
        waiting = bot.wait_for("message", timeout=10)
        assert inspect.iscoroutine(waiting)
        assert not inspect.iscoroutinefunction(bot.wait_for)
        called.set()
        await sent.wait()
        assert (await waiting).content == "before the await"
        heard.set()

    @bot.tree.command()
    async def listens(interaction: discord.Interaction) -> None:
        await interaction.response.defer()
        await waits()

    with Recorded():
        async with running(bot, guilds=[GUILD]) as standin:
            if in_command:
                await standin.slash("listens", guild=GUILD)
            else:
                task = asyncio.create_task(waits())
            await called.wait()
            await standin.message("before the await", prefix=False, guild=GUILD)
            await standin.idle()
            sent.set()
            await asyncio.wait_for(heard.wait(), 20)
            if not in_command:
                await task
