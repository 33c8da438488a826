"""A bot that does everything that a bot can do, correctly and incorrectly. Knows nothing about telemetry."""

from __future__ import annotations

import asyncio
import contextlib
import io
from typing import Any

import discord
from discord import app_commands
from discord.ext import commands

from tests.support.actions.components import AskModal, Broken, Interaction, WaitedModal, add_components

Context = commands.Context[Any]


SECRET = "secret argument"


class Even(app_commands.Transformer):
    async def transform(self, interaction: Interaction, value: Any) -> int:
        if int(value) % 2:
            raise ValueError(value)
        return int(value)


class BuggyConverter(commands.Converter[int]):
    async def convert(self, ctx: Context, argument: str) -> int:
        raise Broken(argument)


class Tree(app_commands.CommandTree[Any]):
    async def interaction_check(self, interaction: Interaction, /) -> bool:
        data: Any = interaction.data or {}
        name = data.get("name")
        if name == "tree_check_raises":
            raise Broken
        return bool(name != "tree_check_no")


async def says_no(_: Any) -> bool:
    return False


async def breaks(_: Any) -> bool:
    raise Broken


def make_bot(cls: Any = commands.Bot, **options: Any) -> commands.Bot:
    intents = discord.Intents.default()
    intents.message_content = True
    bot: commands.Bot = cls(command_prefix="!", intents=intents, help_command=None, tree_cls=Tree, **options)
    bot.on_error = _quiet  # type: ignore[method-assign]
    bot.tree.on_error = _quiet  # type: ignore[method-assign]
    _add_slash(bot)
    _add_menus(bot)
    _add_prefix(bot)
    add_components(bot)
    return bot


async def _quiet(*_: Any, **__: Any) -> None:
    """Errors are intended here; the library's default handlers would print each one."""


def _add_slash(bot: commands.Bot) -> None:
    tree = bot.tree

    @tree.command()
    async def ok(interaction: Interaction) -> None:
        await interaction.response.send_message("ok")

    @tree.command()
    async def with_file(interaction: Interaction) -> None:
        await interaction.response.send_message(file=discord.File(io.BytesIO(b"x"), "x.txt"))

    @tree.command()
    async def deferred(interaction: Interaction) -> None:
        await interaction.response.defer()
        await interaction.followup.send("later")

    @tree.command()
    async def deferred_then_broken(interaction: Interaction) -> None:
        await interaction.response.defer()
        raise Broken

    @tree.command()
    async def silent(interaction: Interaction) -> None:
        await asyncio.sleep(0)

    @tree.command()
    async def broken(interaction: Interaction) -> None:
        await asyncio.sleep(0)
        raise KeyError(SECRET)

    @tree.command()
    async def broken_but_handled(interaction: Interaction) -> None:
        raise Broken

    @broken_but_handled.error
    async def handled(interaction: Interaction, error: app_commands.AppCommandError) -> None:
        await interaction.response.send_message("sorry")

    @tree.command()
    async def cancels_itself(interaction: Interaction) -> None:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        await asyncio.sleep(0)

    @tree.command()
    @app_commands.check(says_no)
    async def check_no(interaction: Interaction) -> None: ...

    @tree.command()
    @app_commands.check(breaks)
    async def check_breaks(interaction: Interaction) -> None: ...

    @tree.command()
    @app_commands.checks.has_permissions(administrator=True)
    async def admins_only(interaction: Interaction) -> None: ...

    @tree.command()
    @app_commands.checks.cooldown(1, 3600, key=lambda i: None)
    async def cooling(interaction: Interaction) -> None:
        await interaction.response.send_message("ok")

    @tree.command()
    async def takes_even(interaction: Interaction, number: app_commands.Transform[int, Even]) -> None:
        await interaction.response.send_message("ok")

    @tree.command()
    async def takes_text(interaction: Interaction, text: str) -> None:
        await interaction.response.send_message("ok")

    @tree.command()
    async def tree_check_no(interaction: Interaction) -> None: ...

    @tree.command()
    async def tree_check_raises(interaction: Interaction) -> None: ...

    @tree.command()
    async def catches_expiry(interaction: Interaction) -> None:
        with contextlib.suppress(discord.NotFound):
            await interaction.response.send_message("too late")

    @tree.command()
    async def opens_modal(interaction: Interaction) -> None:
        await interaction.response.send_modal(AskModal())

    @tree.command()
    async def waits_for_modal(interaction: Interaction) -> None:
        modal = WaitedModal()
        await interaction.response.send_modal(modal)
        await modal.wait()
        await modal.interaction.response.send_message("ok")

    @tree.command()
    async def colours(interaction: Interaction, name: str) -> None:
        await interaction.response.send_message("ok")

    @colours.autocomplete("name")
    async def suggest(interaction: Interaction, current: str) -> list[app_commands.Choice[str]]:
        if current == "broken":
            raise Broken
        return [app_commands.Choice(name="red", value="red")]

    team = app_commands.Group(name="team", description="x")
    roster = app_commands.Group(name="roster", description="x", parent=team)

    @team.command()
    async def info(interaction: Interaction) -> None:
        await interaction.response.send_message("ok")

    @roster.command()
    async def add(interaction: Interaction) -> None:
        await interaction.response.send_message("ok")

    @roster.command()
    async def drop(interaction: Interaction) -> None:
        raise Broken

    tree.add_command(team)


def _add_menus(bot: commands.Bot) -> None:
    @bot.tree.context_menu(name="Greet")
    async def greet(interaction: Interaction, user: discord.User) -> None:
        await interaction.response.send_message("ok")

    @bot.tree.context_menu(name="Break user")
    async def break_user(interaction: Interaction, user: discord.User) -> None:
        raise Broken

    @bot.tree.context_menu(name="Quote")
    async def quote(interaction: Interaction, message: discord.Message) -> None:
        await interaction.response.send_message("ok")

    @bot.tree.context_menu(name="Refuse")
    @app_commands.check(says_no)
    async def refuse(interaction: Interaction, message: discord.Message) -> None: ...


def _add_prefix(bot: commands.Bot) -> None:
    @bot.command()
    async def p_ok(ctx: Context) -> None:
        await ctx.send("ok")

    @bot.command()
    async def p_broken(ctx: Context) -> None:
        raise Broken

    @bot.command()
    async def p_handled(ctx: Context) -> None:
        raise Broken

    @p_handled.error
    async def handled(ctx: Context, error: commands.CommandError) -> None:
        await ctx.send("sorry")

    @bot.command()
    async def p_number(ctx: Context, number: int) -> None:
        await ctx.send("ok")

    @bot.command()
    async def p_buggy(ctx: Context, number: BuggyConverter) -> None: ...

    @bot.command()
    @commands.check(says_no)
    async def p_check_no(ctx: Context) -> None: ...

    @bot.command()
    @commands.guild_only()
    async def p_guild_only(ctx: Context) -> None:
        await ctx.send("ok")

    @bot.command()
    @commands.cooldown(1, 3600)
    async def p_cooling(ctx: Context) -> None:
        await ctx.send("ok")

    @bot.command(enabled=False)
    async def p_disabled(ctx: Context) -> None: ...

    @bot.command()
    async def p_cancels(ctx: Context) -> None:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        await asyncio.sleep(0)

    @bot.group(invoke_without_command=True)
    async def p_group(ctx: Context) -> None:
        await ctx.send("group")

    @p_group.command()
    async def sub(ctx: Context) -> None:
        await ctx.send("sub")

    @p_group.command()
    async def sub_broken(ctx: Context) -> None:
        raise Broken

    @bot.hybrid_command()
    async def both(ctx: Context) -> None:
        await ctx.send("ok")

    @bot.hybrid_command()
    async def both_broken(ctx: Context) -> None:
        raise Broken

    @bot.hybrid_command()
    @commands.check(says_no)
    async def both_refused(ctx: Context) -> None: ...

    @bot.hybrid_command()
    async def both_excused(ctx: Context) -> None:
        raise Broken

    async def on_command_error(ctx: Context, error: commands.CommandError) -> None:
        if ctx.command is both_excused:
            await asyncio.sleep(0.01)
            await ctx.send("sorry")

    bot.on_command_error = on_command_error  # type: ignore[method-assign]
