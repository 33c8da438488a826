"""The bot as it was: one INSERT per command, awaited before the answer, into a database far away."""

from __future__ import annotations

import asyncio
import os
from typing import Any

import asyncpg
import discord
from discord.ext import commands
from discord_standin import redirect

CREATE = """
CREATE TABLE IF NOT EXISTS old_calls (
    id serial PRIMARY KEY, discord_uid bigint, player_name text, command text, called_at timestamptz DEFAULT now()
)
"""
INSERT = "INSERT INTO old_calls (discord_uid, player_name, command) VALUES ($1, $2, $3)"


async def main() -> None:
    redirect()
    intents = discord.Intents.default()
    intents.message_content = True
    bot = commands.Bot("!", intents=intents, help_command=None)
    # One connection: a pool would add a round trip when it takes one back.
    connection = await asyncpg.connect(os.environ["OLD_WAY_DSN"])
    await connection.execute(CREATE)

    @bot.tree.command()
    async def ping(interaction: discord.Interaction) -> None:
        await connection.execute(INSERT, interaction.user.id, interaction.user.name, "ping")
        await interaction.response.send_message("pong")

    @bot.command()
    async def pong(ctx: commands.Context[Any]) -> None:
        await connection.execute(INSERT, ctx.author.id, ctx.author.name, "pong")
        await ctx.send("ping")

    async with bot:
        await bot.start("token")


if __name__ == "__main__":
    asyncio.run(main())
