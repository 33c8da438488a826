"""Commands for moderators. Discord checks the permissions; a server can grant the commands to other roles."""

from __future__ import annotations

from typing import TYPE_CHECKING

import discord
from discord import app_commands

import slashspan
from ladder_bot.guard import Needs, policy
from ladder_bot.reply import Reply

if TYPE_CHECKING:
    from ladder_bot.ladder import Ladder


@app_commands.guild_only()
@app_commands.default_permissions(ban_members=True)
class Moderation(app_commands.Group):
    """`/mod ban`, `/mod unban`, `/mod note add`."""

    note = app_commands.Group(name="note", description="Notes on players")

    def __init__(self, ladder: Ladder) -> None:
        # A moderator need not be a player.
        extras = policy(needs=Needs.NOTHING, private=True)
        super().__init__(name="mod", description="Moderation", extras=extras)
        self._ladder = ladder

    @app_commands.command(description="Ban a player")
    async def ban(self, interaction: discord.Interaction, player: discord.User) -> None:
        await self._ladder.set_banned(player.id, player.name, True)
        slashspan.checkpoint("ban_written")
        await Reply.to(interaction).send("Banned.")

    @app_commands.command(description="Let a banned player back in")
    @app_commands.checks.has_permissions(administrator=True)
    async def unban(self, interaction: discord.Interaction, player: discord.User) -> None:
        await self._ladder.set_banned(player.id, player.name, False)
        slashspan.checkpoint("ban_written")
        await Reply.to(interaction).send("Welcome back.")

    @note.command(description="Add a note on a player")
    async def add(
        self, interaction: discord.Interaction, player: discord.User, text: app_commands.Range[str, 1, 1000]
    ) -> None:
        await self._ladder.add_note(player.id, player.name, author=interaction.user.id, note=text)
        slashspan.checkpoint("note_written")
        await Reply.to(interaction).send("Noted.")
