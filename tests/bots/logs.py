"""A bot that logs in a command. The first argument says how it has set up `logging`."""

import asyncio
import logging
import os
import sys

import discord
import yarl
from discord.ext import commands
from discord.gateway import DiscordWebSocket
from opentelemetry import trace

discord.http.Route.BASE = os.environ["DISCORD_STANDIN_API"]
DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(os.environ["DISCORD_STANDIN_GATEWAY"])
setup = sys.argv[1]
log = logging.getLogger("ladder")
bot = commands.Bot("!", intents=discord.Intents.default(), help_command=None)


@bot.tree.command()
async def speak(interaction: discord.Interaction) -> None:
    context = trace.get_current_span().get_span_context()
    print(f"in trace {context.trace_id:032x} span {context.span_id:016x}", flush=True)
    log.info("info %s", "spoken")
    log.warning("warning %s", "spoken", extra={"score": 3})
    await interaction.response.send_message("done")


@bot.tree.command()
async def leave(interaction: discord.Interaction) -> None:
    await interaction.response.send_message("bye")
    await bot.close()


@bot.tree.command()
async def restart(interaction: discord.Interaction) -> None:
    await interaction.response.send_message("back soon")
    log.warning("restarting")
    asyncio.get_running_loop().call_soon(os.execv, sys.executable, [sys.executable, *sys.orig_argv[1:]])


@bot.tree.command()
async def die(interaction: discord.Interaction) -> None:
    await interaction.response.send_message("aargh")
    asyncio.get_running_loop().call_soon(sys.exit, 7)


if "configure" in sys.argv:
    import slashspan

    slashspan.configure()
if setup == "basicConfig":
    logging.basicConfig(level=logging.INFO, format="mine: %(name)s %(message)s")
if setup == "discord":
    bot.run("token", root_logger=True)
else:
    bot.run("token", log_handler=None)
log.warning("the script ends")
if "raise" in sys.argv:
    raise RuntimeError("unhandled")
