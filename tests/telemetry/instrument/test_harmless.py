"""The bot is not affected: its handlers run as usual, and a bug of ours never reaches it."""

from __future__ import annotations

import logging
from typing import Any

import discord
import pytest
from discord import app_commands
from discord.ext import commands, tasks

from slashspan.telemetry.instrument import recorder
from slashspan.telemetry.instrument.hooks import app_commands as app_hooks
from slashspan.telemetry.instrument.hooks import (
    component_actions,
    dynamic_items,
    loops,
    prefix,
    rest,
    unanswered,
    views,
)
from tests.support.actions.bot import make_bot
from tests.support.actions.cases import ALL, GUILD
from tests.support.actions.play import Recorded
from tests.support.bots import running
from tests.support.waiting import until_async

HOOKS = [
    (owner, name)
    for owner, names in {
        app_hooks.AppCommandHooks: ("_begin", "_end", "_end_with_task", "_end_late", "_record_error"),
        prefix.PrefixHooks: ("_begin", "_end", "_record_error"),
        recorder.Recorder: ("_deadline",),
        component_actions.ComponentActions: (
            "begin_item",
            "begin_modal",
            "begin_dynamic",
            "begin_undispatched",
            "done",
            "_shadow",
            "_unshadow",
        ),
        dynamic_items.DynamicItemHooks: ("_shadow_item", "_unshadow_item"),
        views.ViewHooks: ("_shadow_running", "_end_shadow"),
        unanswered.Unanswered: ("begin", "_claim", "_end_with_task", "_done"),
        rest.RestHooks: ("_start", "_finish"),
    }.items()
    for name in names
]


@pytest.mark.parametrize("hook", HOOKS, ids=lambda hook: f"{hook[0].__name__}.{hook[1]}")
async def test_a_bug_in_a_hook_never_reaches_the_bot(
    hook: tuple[type, str], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from slashspan import guard

    owner, name = hook

    def bug(*_: Any, **__: Any) -> None:
        raise RuntimeError("a bug of ours")

    bug.__qualname__ = f"{owner.__name__}.{name}"
    guarded = hasattr(vars(owner)[name], "__wrapped__")  # others are guarded where they are called
    monkeypatch.setattr(owner, name, guard.guarded(bug) if guarded else bug)
    monkeypatch.setattr(guard, "_last_logged", {})
    with Recorded(environ={"SLASHSPAN_RAISE_INTERNAL_ERRORS": "false"}), caplog.at_level(logging.ERROR, "slashspan"):
        async with running(make_bot(), guilds=[GUILD]) as standin:
            for case in ALL:
                if case.outcome != "unhandled":
                    sent = await case.do(standin, case.user)
                    if case.ack_kind is not None:
                        await sent.acknowledged()
            await (await standin.message("!p_ok", guild=GUILD)).answered()
            await (await standin.slash("ok", guild=GUILD)).answered()
    logged = [record for record in caplog.records if record.name == "slashspan"]
    assert len(logged) <= 1, "once a minute, not once per command"


@pytest.mark.parametrize("name", ["_begin", "_failed", "_end"])
async def test_a_bug_in_the_hook_of_a_loop_never_reaches_the_loop(
    name: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from slashspan import guard

    def bug(*_: Any) -> None:
        raise RuntimeError("a bug of ours")

    monkeypatch.setattr(loops.LoopHooks, name, guard.guarded(bug))
    monkeypatch.setattr(guard, "_last_logged", {})
    ran = []

    @tasks.loop(seconds=0, count=2)
    async def chore() -> None:
        ran.append(chore.current_loop)
        if chore.current_loop == 1:
            raise ValueError("the bot's own")

    with Recorded(environ={"SLASHSPAN_RAISE_INTERNAL_ERRORS": "false"}), caplog.at_level(logging.ERROR, "slashspan"):
        with pytest.raises(ValueError, match="the bot's own"):
            await chore.start()
    assert ran == [0, 1]
    assert len([record for record in caplog.records if record.name == "slashspan"]) == 1


async def test_a_bug_in_the_gateway_hook_never_reaches_the_gateway(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from slashspan import guard
    from slashspan.telemetry.instrument.gateway import Shards

    def bug(*_: Any) -> None:
        raise RuntimeError("a bug of ours")

    monkeypatch.setattr(Shards, "track", bug)
    monkeypatch.setattr(guard, "_last_logged", {})
    with Recorded(environ={"SLASHSPAN_RAISE_INTERNAL_ERRORS": "false"}), caplog.at_level(logging.ERROR, "slashspan"):
        async with running(make_bot(), guilds=[GUILD]) as standin:
            await (await standin.slash("ok", guild=GUILD)).answered()
    assert len([record for record in caplog.records if record.name == "slashspan"]) == 1


async def test_bugs_are_raised_in_our_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    from slashspan import guard

    monkeypatch.setattr(guard, "_raise", True)

    @guard.guarded
    def bug() -> None:
        raise RuntimeError("a bug of ours")

    with pytest.raises(RuntimeError, match="a bug of ours"):
        bug()


async def test_the_bots_own_handlers_run_as_usual() -> None:
    heard: dict[bool, list[str]] = {}
    for recorded in (False, True):
        calls = heard[recorded] = []
        bot = _listening(calls)
        if recorded:
            with Recorded():
                await _talk(bot, calls)
        else:
            await _talk(bot, calls)
    assert sorted(heard[False]) == sorted(heard[True])
    assert {"cog_command_error", "on_interaction", "tree.on_error", "on_ready", "completion"} <= set(heard[True])


def _listening(calls: list[str]) -> commands.Bot:
    bot = make_bot()

    class Cog(commands.Cog):
        async def cog_command_error(self, ctx: Any, error: Exception) -> None:
            calls.append("cog_command_error")

        async def cog_app_command_error(self, interaction: Any, error: Exception) -> None:
            calls.append("cog_app_command_error")

        @commands.command()
        async def in_cog(self, ctx: Any) -> None:
            raise RuntimeError

        @app_commands.command()
        async def slash_in_cog(self, interaction: discord.Interaction) -> None:
            raise RuntimeError

    async def tree_error(interaction: Any, error: Exception) -> None:
        calls.append("tree.on_error")

    def listen(name: str, event: str) -> None:
        async def heard(*_: Any) -> None:
            calls.append(name)

        bot.add_listener(heard, event)

    bot.tree.on_error = tree_error  # type: ignore[method-assign]
    for name, event in (
        ("on_ready", "on_ready"),
        ("on_interaction", "on_interaction"),
        ("completion", "on_app_command_completion"),
        ("command completion", "on_command_completion"),
        ("command error", "on_command_error"),
    ):
        listen(name, event)
    inner = bot.setup_hook

    async def setup_hook() -> None:
        await inner()
        await bot.add_cog(Cog())

    bot.setup_hook = setup_hook  # type: ignore[method-assign]
    return bot


async def _talk(bot: commands.Bot, calls: list[str]) -> None:
    async with running(bot, guilds=[GUILD]) as standin:
        await (await standin.slash("ok", guild=GUILD)).answered()
        await standin.slash("slash_in_cog", guild=GUILD)
        await standin.message("!in_cog", guild=GUILD)
        await (await standin.message("!p_ok")).answered()  # in a DM: the ledger assigns answers by channel
        await standin.slash("unknown", guild=GUILD)
        expected = ("cog_command_error", "cog_app_command_error", "command error", "command completion", "on_ready")
        await until_async(lambda: all(name in calls for name in expected) and calls.count("tree.on_error") == 2)
