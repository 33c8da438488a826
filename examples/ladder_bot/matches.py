"""Reported matches, which count once the opponent confirms them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import discord

import slashspan
from ladder_bot.reply import Reply, answer_error
from ladder_bot.signing_up import ANSWER_SECONDS

if TYPE_CHECKING:
    from ladder_bot.ladder import Ladder
    from ladder_bot.players import Player


class ConfirmView(discord.ui.View):
    """The buttons with which the opponent confirms or disputes a report."""

    def __init__(
        self, ladder: Ladder, report: discord.Interaction, reporter: Player, opponent: Player, *, reporter_won: bool
    ) -> None:
        super().__init__(timeout=ANSWER_SECONDS)
        self._ladder = ladder
        self._report_id = report.id
        self._mode = reporter.mode
        self._opponent = opponent
        self._winner, self._loser = (reporter, opponent) if reporter_won else (opponent, reporter)

    def question(self) -> str:
        escaped = discord.utils.escape_markdown
        result = f"{escaped(self._winner.name)} won against {escaped(self._loser.name)} ({self._mode})"
        return f"<@{self._opponent.uid}>: {result}. Is that so?"

    async def interaction_check(self, interaction: discord.Interaction) -> bool:
        if interaction.user.id == self._opponent.uid:
            return True
        await interaction.response.send_message("Only the opponent can confirm or dispute this.", ephemeral=True)
        return False

    @discord.ui.button(label="Confirm", style=discord.ButtonStyle.success)
    async def confirm(self, interaction: discord.Interaction, _: discord.ui.Button[Any]) -> None:
        reply = Reply.to(interaction, edits=True)
        change = await self._ladder.record_match(
            self._report_id, mode=self._mode, winner=self._winner.uid, loser=self._loser.uid
        )
        slashspan.checkpoint("match_recorded")
        words = "This match is recorded already." if change is None else f"Recorded: {change} points."
        await reply.edit(words, view=None)
        self.stop()

    @discord.ui.button(label="Dispute", style=discord.ButtonStyle.danger)
    async def dispute(self, interaction: discord.Interaction, _: discord.ui.Button[Any]) -> None:
        await Reply.to(interaction, edits=True).edit("Disputed; nothing is recorded.", view=None)
        self.stop()

    async def on_error(self, interaction: discord.Interaction, error: Exception, _: discord.ui.Item[Any]) -> None:
        await answer_error(interaction, error)
