"""A bot whose `/block` blocks the event loop until the file `release` is there, once it has made the file `blocked`."""

import contextlib
import time
from pathlib import Path

import discord
from discord import app_commands
from discord_standin import redirect

import slashspan

slashspan.configure()
redirect()
client = discord.Client(intents=discord.Intents.none())
tree = app_commands.CommandTree(client)


@tree.command()
async def block(interaction: discord.Interaction) -> None:
    await interaction.response.send_message("blocked")
    Path("blocked").touch()
    while not Path("release").exists():
        time.sleep(0.005)


@tree.command()
async def ping(interaction: discord.Interaction) -> None:
    await interaction.response.send_message("pong")


with contextlib.suppress(KeyboardInterrupt):
    client.run("token", log_handler=None)
