"""The bot with every kind of action, in a process of its own, and a command that adds to what is recorded of it."""

from __future__ import annotations

from typing import Any

import discord
from discord.ext import commands
from discord_standin import redirect
from opentelemetry import trace

import slashspan
from tests.support.actions.bot import make_bot
from tests.support.annotations import ATTRIBUTES, CHECKPOINTS

redirect()
bot = make_bot(commands.AutoShardedBot, shard_count=2)


@bot.tree.command()
async def annotated(interaction: discord.Interaction[Any], which: int) -> None:
    trace.get_current_span().set_attributes(ATTRIBUTES[which])
    for name in CHECKPOINTS[: which % 4]:
        slashspan.checkpoint(name)
    await interaction.response.send_message("ok")
    slashspan.checkpoint("answered")


bot.run("token", log_handler=None)
