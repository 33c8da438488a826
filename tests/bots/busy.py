"""A bot with commands that fail, are slow or block the event loop."""

import asyncio
import time

import discord
from discord import app_commands
from discord_standin import redirect

redirect()
client = discord.Client(intents=discord.Intents.none())
tree = app_commands.CommandTree(client)


@tree.command()
async def ping(interaction: discord.Interaction) -> None:
    await interaction.response.send_message("pong")


@tree.command()
async def fail(interaction: discord.Interaction) -> None:
    await interaction.response.send_message("oh")
    raise ValueError("unusable")


@tree.command()
async def slow(interaction: discord.Interaction) -> None:
    await asyncio.sleep(1.1)
    await interaction.response.send_message("done")


@tree.command()
async def block(interaction: discord.Interaction) -> None:
    await interaction.response.send_message("blocked")
    time.sleep(0.6)


client.run("token", log_handler=None)
