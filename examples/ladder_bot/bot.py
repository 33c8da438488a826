"""The bot: its commands, as any discord.py bot has them. Nothing here knows of telemetry but the checkpoints."""

from __future__ import annotations

import asyncio
from typing import Any, Final

import discord
from discord import app_commands
from discord.ext import commands

import telemetry
from ladder_bot.ladder import Ladder, Player
from ladder_bot.views import SetupModal, TermsView

ARCHIVE_SECONDS: Final = 0.12
"""The archive of old seasons is slow; the checkpoints show it."""
REPORT_EVERY: Final = 3600.0
"""Seconds between two reports of one user."""


class LadderBot(commands.Bot):
    """`/leaderboard`, `/termsofservice`, `/setup`, `/season`, `/report`, `/mod …`, `/crashtest`, `!ladder`."""

    def __init__(self) -> None:
        intents = discord.Intents.default()
        intents.message_content = True
        super().__init__(command_prefix="!", intents=intents, help_command=None)
        self.ladder = Ladder()

    async def setup_hook(self) -> None:
        await self.add_cog(Playing(self))
        self.tree.add_command(Moderation(self.ladder))
        self.tree.on_error = _apologise  # type: ignore[method-assign]
        await self.tree.sync()


class Playing(commands.Cog):
    """What players do."""

    def __init__(self, bot: LadderBot) -> None:
        self._ladder = bot.ladder

    @app_commands.command(description="The best players")
    async def leaderboard(self, interaction: discord.Interaction, page: int = 1) -> None:
        telemetry.checkpoint("guard_checks_complete")
        players = self._ladder.page(page - 1)
        telemetry.checkpoint("rows_fetched")
        await interaction.response.send_message(_table(players))
        telemetry.checkpoint("answered")

    @app_commands.command(description="Read and accept the terms")
    async def termsofservice(self, interaction: discord.Interaction) -> None:
        await interaction.response.send_message("Play fair.", view=TermsView(self._ladder), ephemeral=True)

    @app_commands.command(description="Tell the ladder about you")
    async def setup(self, interaction: discord.Interaction) -> None:
        await interaction.response.send_modal(SetupModal(self._ladder))

    @app_commands.command(description="How the last season ended")
    async def season(self, interaction: discord.Interaction) -> None:
        await interaction.response.defer()
        telemetry.checkpoint("deferred")
        await asyncio.sleep(ARCHIVE_SECONDS)
        telemetry.checkpoint("archive_read")
        await interaction.followup.send("It ended in a draw.")

    @app_commands.command(description="Report a match")
    @app_commands.checks.cooldown(1, REPORT_EVERY)
    async def report(self, interaction: discord.Interaction, won: bool) -> None:
        player = self._ladder.player(interaction.user.id, interaction.user.name)
        player.rating += 10 if won else -10
        await interaction.response.send_message(f"Your rating is {player.rating}.")

    @app_commands.command(description="Fails, as a bug would")
    async def crashtest(self, interaction: discord.Interaction) -> None:
        await interaction.response.send_message(str(1 / int(not interaction.id)))

    @commands.command()
    async def ladder(self, ctx: commands.Context[Any]) -> None:
        await ctx.send(_table(self._ladder.page(0)[:3]))


@app_commands.default_permissions(ban_members=True)
class Moderation(app_commands.Group):
    """`/mod ban`, `/mod unban`, `/mod note add`."""

    note = app_commands.Group(name="note", description="Notes on players")

    def __init__(self, ladder: Ladder) -> None:
        super().__init__(name="mod", description="Moderation")
        self._ladder = ladder

    @app_commands.command(description="Keep a player out")
    async def ban(self, interaction: discord.Interaction, player: discord.User) -> None:
        self._ladder.player(player.id, player.name).banned = True
        await interaction.response.send_message("Banned.", ephemeral=True)

    @app_commands.command(description="Let a player in again")
    @app_commands.checks.has_permissions(administrator=True)
    async def unban(self, interaction: discord.Interaction, player: discord.User) -> None:
        self._ladder.player(player.id, player.name).banned = False
        await interaction.response.send_message("Welcome back.", ephemeral=True)

    @note.command(description="Write something down")
    async def add(self, interaction: discord.Interaction, player: discord.User, text: str) -> None:
        await interaction.response.send_message(f"Noted {len(text)} characters on {player.name}.", ephemeral=True)


def _table(players: list[Player]) -> str:
    return "\n".join(f"{player.rating}  {player.name}" for player in players) or "Nobody."


async def _apologise(interaction: discord.Interaction, error: app_commands.AppCommandError) -> None:
    words = "Not now." if isinstance(error, app_commands.CheckFailure) else "Something broke; we have been told."
    if not interaction.response.is_done():
        await interaction.response.send_message(words, ephemeral=True)
