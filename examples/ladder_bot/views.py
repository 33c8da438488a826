"""What the bot shows beyond text: the terms' buttons and the set-up's form."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import discord

if TYPE_CHECKING:
    from ladder_bot.ladder import Ladder


class TermsView(discord.ui.View):
    """Accept or decline the terms of service."""

    def __init__(self, ladder: Ladder) -> None:
        super().__init__(timeout=900)
        self._ladder = ladder

    @discord.ui.button(label="Accept", style=discord.ButtonStyle.success)
    async def accept(self, interaction: discord.Interaction, _: discord.ui.Button[Any]) -> None:
        self._ladder.player(interaction.user.id, interaction.user.name).accepted_terms = True
        await interaction.response.edit_message(content="Thank you. Now `/setup`.", view=None)

    @discord.ui.button(label="Decline", style=discord.ButtonStyle.danger)
    async def decline(self, interaction: discord.Interaction, _: discord.ui.Button[Any]) -> None:
        self._ladder.player(interaction.user.id, interaction.user.name).accepted_terms = False
        await interaction.response.edit_message(content="Without them you cannot play.", view=None)


class SetupModal(discord.ui.Modal, title="Set-up"):
    """Asks what the ladder needs to know of a player."""

    country: discord.ui.TextInput[SetupModal] = discord.ui.TextInput(label="Country", max_length=40)

    def __init__(self, ladder: Ladder) -> None:
        super().__init__(timeout=900)
        self._ladder = ladder

    async def on_submit(self, interaction: discord.Interaction) -> None:
        player = self._ladder.player(interaction.user.id, interaction.user.name)
        player.country = self.country.value
        await interaction.response.send_message("You are set up.", ephemeral=True)
