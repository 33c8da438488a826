"""Joining the ladder: the buttons of `/termsofservice`, the menu and the form of `/setup`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import discord

from ladder_bot.ladder import MODES
from ladder_bot.reply import Reply, answer_error

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ladder_bot.ladder import Ladder, Rating

ANSWER_SECONDS: Final = 15 * 60
"""How long Discord lets a bot answer an interaction."""


def summary(country: str, ratings: Sequence[Rating]) -> str:
    """What the ladder already knows about a player."""
    lines = [f"{each.mode}: {each.rating}" for each in ratings]
    if country:
        lines.insert(0, f"You play for {discord.utils.escape_markdown(country)}.")
    return "\n".join(lines) or "Welcome to the ladder."


class TermsView(discord.ui.View):
    """Accept or decline the terms of service."""

    def __init__(self, ladder: Ladder) -> None:
        super().__init__(timeout=ANSWER_SECONDS)
        self._ladder = ladder

    @discord.ui.button(label="Accept", style=discord.ButtonStyle.success)
    async def accept(self, interaction: discord.Interaction, _: discord.ui.Button[Any]) -> None:
        await self._answer(interaction, "Thank you. Now `/setup`.", accepted=True)

    @discord.ui.button(label="Decline", style=discord.ButtonStyle.danger)
    async def decline(self, interaction: discord.Interaction, _: discord.ui.Button[Any]) -> None:
        await self._answer(interaction, "You cannot play without accepting them.", accepted=False)

    async def _answer(self, interaction: discord.Interaction, words: str, *, accepted: bool) -> None:
        reply = Reply.to(interaction, edits=True)
        await self._ladder.answer_terms(interaction.user.id, interaction.user.name, accepted=accepted)
        await reply.edit(words, view=None)

    async def on_error(self, interaction: discord.Interaction, error: Exception, _: discord.ui.Item[Any]) -> None:
        await answer_error(interaction, error)


class SetupView(discord.ui.View):
    """Asks for the player's main mode, then shows the form."""

    def __init__(self, ladder: Ladder, country: str) -> None:
        super().__init__(timeout=ANSWER_SECONDS)
        self._ladder = ladder
        self._country = country

    @discord.ui.select(
        placeholder="What do you play?",
        options=[discord.SelectOption(label=mode.capitalize(), value=mode) for mode in MODES],
    )
    async def mode(self, interaction: discord.Interaction, select: discord.ui.Select[Any]) -> None:
        # Nothing may be awaited before this: a modal can only be the first response.
        await interaction.response.send_modal(SetupModal(self._ladder, select.values[0], self._country))

    async def on_error(self, interaction: discord.Interaction, error: Exception, _: discord.ui.Item[Any]) -> None:
        await answer_error(interaction, error)


class SetupModal(discord.ui.Modal, title="Set-up"):
    """Asks for what the ladder needs to know about a player."""

    country: discord.ui.TextInput[SetupModal] = discord.ui.TextInput(label="Country", min_length=2, max_length=40)

    def __init__(self, ladder: Ladder, mode: str, country: str) -> None:
        super().__init__(timeout=ANSWER_SECONDS)
        self._ladder = ladder
        self._mode = mode
        self.country.default = country or None

    async def on_submit(self, interaction: discord.Interaction) -> None:
        reply = Reply.to(interaction, private=True)
        await self._ladder.set_up(interaction.user.id, country=self.country.value, mode=self._mode)
        await reply.send("You are set up.")

    async def on_error(self, interaction: discord.Interaction, error: Exception) -> None:  # type: ignore[override]
        await answer_error(interaction, error)
