"""An ordinary bot: it imports nothing of slashspan. The environment says where Discord is."""

import asyncio
import multiprocessing
import os
import sys

import discord
import yarl
from discord import app_commands
from discord.ext import commands
from discord.gateway import DiscordWebSocket

discord.http.Route.BASE = os.environ["DISCORD_STANDIN_API"]
DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(os.environ["DISCORD_STANDIN_GATEWAY"])

forever = asyncio.Event()  # kept: a task that waits for an unreferenced event may be garbage-collected
intents = discord.Intents.default()
intents.message_content = True
bot = commands.Bot("!", intents=intents, help_command=None)


@bot.tree.command()
async def ping(interaction: discord.Interaction) -> None:
    await interaction.response.send_message("pong")


@bot.tree.command()
async def hang(interaction: discord.Interaction) -> None:
    await interaction.response.defer()
    await forever.wait()


@bot.tree.command()
async def leave(interaction: discord.Interaction) -> None:
    await interaction.response.send_message("bye")
    await bot.close()


@bot.tree.command()
async def die(interaction: discord.Interaction) -> None:
    await interaction.response.send_message("aargh")
    asyncio.get_running_loop().call_soon(sys.exit, 7)


@bot.tree.command()
async def restart(interaction: discord.Interaction) -> None:
    await interaction.response.send_message("back soon")
    asyncio.get_running_loop().call_soon(os.execv, sys.executable, [sys.executable, *sys.orig_argv[1:]])


@bot.tree.command()
async def vanish(interaction: discord.Interaction) -> None:
    await interaction.response.send_message("gone")
    asyncio.get_running_loop().call_soon(os._exit, 3)


@bot.tree.command()
async def worker(interaction: discord.Interaction) -> None:
    await interaction.response.defer()
    process = multiprocessing.get_context("fork").Process(target=print, args=["the worker ends"])
    process.start()
    await asyncio.get_running_loop().run_in_executor(None, process.join)
    await interaction.followup.send("done")


team = app_commands.Group(name="team", description="x")


@team.command()
async def info(interaction: discord.Interaction) -> None:
    await interaction.response.send_message("team")


@bot.command()
async def pong(ctx: commands.Context) -> None:  # type: ignore[type-arg]
    await ctx.send("ping")


bot.tree.add_command(team)
print("arguments:", sys.argv[1:], "main:", __name__, flush=True)
if "own-handlers" in sys.argv:
    import signal

    async def setup_hook() -> None:
        # In the loop: an exception raised wherever the signal interrupts the interpreter can get lost.
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, sys.exit, 5)

    bot.setup_hook = setup_hook  # type: ignore[method-assign]
bot.run("token", log_handler=None)
print("the script ends", flush=True)
if "raise" in sys.argv:
    raise RuntimeError("unhandled")
