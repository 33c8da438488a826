"""The bot: who may use a command, and what users see when one fails. The commands are in the other modules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import discord
from discord import app_commands
from discord.ext import commands

from ladder_bot.guard import Needs, Refused, admit, policy_of
from ladder_bot.ladder import Ladder
from ladder_bot.moderation import Moderation
from ladder_bot.playing import Playing
from ladder_bot.reply import ERROR_ANSWER, Reply, answer_error

if TYPE_CHECKING:
    from ladder_bot.settings import LadderSettings


class LadderTree(app_commands.CommandTree["LadderBot"]):
    """Checks the user before each command, and answers when one fails."""

    async def interaction_check(self, interaction: discord.Interaction[Any]) -> bool:
        if interaction.command is not None:
            policy = policy_of(interaction.command)
            Reply.to(interaction, private=policy.private)  # starts the timer that acknowledges it in time
            try:
                await admit(self.client.ladder, interaction.user, policy.needs)
            except Refused:
                raise
            except Exception as error:
                # discord.py passes only its own errors to `on_error`; the user would get no answer.
                raise app_commands.CommandInvokeError(interaction.command, error) from error
        return True

    async def on_error(self, interaction: discord.Interaction[Any], error: app_commands.AppCommandError) -> None:
        if not isinstance(error, app_commands.CommandNotFound):
            await answer_error(interaction, error)


class LadderBot(commands.Bot):
    """A 1v1 ladder for one server. `ladder` is opened when the bot starts and closed when it stops."""

    def __init__(self, settings: LadderSettings | None = None, ladder: Ladder | None = None) -> None:
        intents = discord.Intents.default()
        intents.message_content = True
        super().__init__(
            command_prefix="!",
            intents=intents,
            help_command=None,
            tree_cls=LadderTree,
            # Players' names are untrusted text.
            allowed_mentions=discord.AllowedMentions(everyone=False, roles=False),
        )
        self.ladder = ladder or Ladder(settings)
        self.add_check(self._check_player)

    async def setup_hook(self) -> None:
        await self.ladder.database.open()
        await self.add_cog(Playing(self.ladder))
        self.tree.add_command(Moderation(self.ladder))
        await self.tree.sync()

    async def close(self) -> None:
        first = not self.is_closed()
        await super().close()
        if first:
            await self.ladder.database.close()

    async def _check_player(self, ctx: commands.Context[Any]) -> bool:
        try:
            await admit(self.ladder, ctx.author, Needs.SET_UP)
        except Refused:
            raise
        except Exception as error:
            raise commands.CommandInvokeError(error) from error
        return True

    async def on_command_error(self, ctx: commands.Context[Any], error: commands.CommandError) -> None:
        if isinstance(error, Refused):
            await ctx.send(str(error))
        elif not isinstance(error, commands.CommandNotFound):
            await super().on_command_error(ctx, error)
            await ctx.send(ERROR_ANSWER)
