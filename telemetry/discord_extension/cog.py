"""The commands, which only the bot's owner can use."""

from __future__ import annotations

import asyncio
import contextlib
import io
import logging
import os
from typing import TYPE_CHECKING, Any, Final, Literal

import discord
from discord import app_commands
from discord.ext import commands

from slashspan import insights
from slashspan.errors import ConfigurationError
from slashspan.insights.charts.render import png_in_process
from slashspan.settings import Settings
from slashspan.telemetry.discord_extension import answers
from slashspan.telemetry.discord_extension.registered import registered_commands
from slashspan.telemetry.discord_extension.text import safe
from slashspan.telemetry.instrument.privacy import stored_ids

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from slashspan.insights import Reader
    from slashspan.telemetry.discord_extension.answers import Answer

Period = Literal["24h", "7d", "30d", "90d"]
NAMES_SECONDS: Final = 60.0
"""How long the names for autocompletion are kept: Discord asks with each letter."""
SUGGEST_SECONDS: Final = 2.0
"""Suggestions are shown for 3 s after the letter was typed, or not at all."""
MOST_CHOICES: Final = 25
LONGEST_CHOICE: Final = 100
LONGEST_MESSAGE: Final = 2000
"""Discord's limits, in characters; https://discord.com/developers/docs/interactions/application-commands"""
_PERIOD: Final = "How far to look back"
_log = logging.getLogger(__name__)


@app_commands.default_permissions(administrator=True)
class SlashspanCog(commands.GroupCog, group_name="slashspan", group_description="How this bot is used, and what fails"):
    """Reads the table that the settings name, one question at a time."""

    def __init__(self, bot: commands.Bot) -> None:
        self._bot = bot
        self._turn = asyncio.Lock()
        self._names: tuple[str, ...] = ()
        self._names_until = 0.0
        """On the event loop's clock."""
        self._naming = asyncio.Lock()

    async def interaction_check(self, interaction: discord.Interaction[Any], /) -> bool:
        """The permissions only hide the commands, and can be changed in each guild."""
        try:
            if await self._bot.is_owner(interaction.user):
                return True
            refusal = "Only the owner of this bot can ask that."
        except discord.HTTPException:
            refusal = "Discord does not say who owns this bot. Try again later."
        await interaction.response.send_message(refusal, ephemeral=True)
        return False

    async def cog_app_command_error(
        self, interaction: discord.Interaction[Any], error: app_commands.AppCommandError
    ) -> None:
        if isinstance(error, app_commands.CheckFailure):
            return  # has been answered
        _log.error("/slashspan failed", exc_info=error)
        if interaction.response.is_done():
            with contextlib.suppress(discord.HTTPException):
                await interaction.followup.send("That failed. The reason is in the bot's log.", ephemeral=True)

    @app_commands.command()
    @app_commands.describe(period=_PERIOD)
    async def summary(self, interaction: discord.Interaction[Any], period: Period = "7d") -> None:
        """All commands in numbers, and what is wrong"""
        registered = self._registered(interaction)
        await self._answer(
            interaction, lambda reader, settings: answers.summary(reader, period, settings.zone, registered)
        )

    @app_commands.command()
    @app_commands.describe(name="Which command", period=_PERIOD)
    async def command(self, interaction: discord.Interaction[Any], name: str, period: Period = "7d") -> None:
        """One command: calls, durations, errors, slow steps"""
        registered = self._registered(interaction)
        await self._answer(
            interaction, lambda reader, settings: answers.command(reader, name, period, settings.zone, registered)
        )

    @app_commands.command()
    @app_commands.describe(user="Whose calls", period=_PERIOD)
    async def user(self, interaction: discord.Interaction[Any], user: discord.User, period: Period = "30d") -> None:
        """One user: calls, commands, errors"""

        def ask(reader: Reader, settings: Settings) -> Awaitable[Answer]:
            ids = stored_ids(user.id, settings.user_id_key)
            return answers.user(reader, user.name, ids, period, settings.zone, dropped=settings.user_ids == "drop")

        await self._answer(interaction, ask)

    @command.autocomplete("name")
    async def _suggest(self, interaction: discord.Interaction[Any], typed: str) -> list[app_commands.Choice[str]]:
        """Commands in the table and in the tree. Checks of commands are not asked for their autocompletion."""
        try:
            if not await self._bot.is_owner(interaction.user):
                return []
            names = await asyncio.wait_for(self._known(), SUGGEST_SECONDS)
        except (insights.ReadError, ConfigurationError, discord.HTTPException, asyncio.TimeoutError) as error:
            _log.debug("no suggestions: %s", error)
            return []
        wanted = typed.casefold().removeprefix("/")
        names = tuple({*names, *self._registered(interaction)})
        found = [name for name in names if wanted in name.casefold() and len(name) <= LONGEST_CHOICE]
        found.sort(key=lambda name: (not name.casefold().startswith(wanted), name))
        return [app_commands.Choice(name=name, value=name) for name in found[:MOST_CHOICES]]

    def _registered(self, interaction: discord.Interaction[Any]) -> dict[str, str]:
        guild = None if interaction.guild_id is None else discord.Object(interaction.guild_id)
        return registered_commands(self._bot, guild, but=self)

    async def _known(self) -> tuple[str, ...]:
        async with self._naming:
            now = asyncio.get_running_loop().time
            if now() >= self._names_until:
                settings = Settings.from_environ(os.environ)
                async with insights.connect(settings.dsn, table=settings.table) as reader:
                    self._names = await answers.known_commands(reader)
                self._names_until = now() + NAMES_SECONDS
            return self._names

    async def _answer(
        self, interaction: discord.Interaction[Any], ask: Callable[[Reader, Settings], Awaitable[Answer]]
    ) -> None:
        await interaction.response.defer(ephemeral=True)
        try:
            settings = Settings.from_environ(os.environ)
            async with self._turn:
                async with insights.connect(settings.dsn, table=settings.table) as reader:
                    answer = await ask(reader, settings)
                picture = await png_in_process(answer.drawing) if answer.drawing else None
        except (insights.ReadError, ConfigurationError) as error:
            await interaction.followup.send(safe(str(error), LONGEST_MESSAGE), ephemeral=True)
            return
        more: dict[str, Any] = {}
        if picture is not None:
            answer.embed.set_image(url="attachment://chart.png")
            more["file"] = discord.File(io.BytesIO(picture), "chart.png")
        await interaction.followup.send(
            embed=answer.embed, ephemeral=True, allowed_mentions=discord.AllowedMentions.none(), **more
        )
