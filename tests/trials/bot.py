"""A bot that kills itself at the point `DIE_AT`, or is killed from outside, and writes down what it has finished.

`DIE_AT=commit:3`: SIGKILL after the third COMMIT, or answer of the collector, before it is acknowledged in the spool;
`append:9`: once the ninth finished command is in the spool; `start:9`: once the ninth command has started.
"""

import asyncio
import os
import random
import signal
from typing import Any

import discord
from discord import app_commands
from discord_standin import redirect

import slashspan
from slashspan.exporters.spool.journal import Journal
from slashspan.exporters.spool.row_spool import RowSpool
from slashspan.exporters.spool.span_spool import SpanSpool

redirect()
POINTS: dict[str, tuple[tuple[Any, ...], str, bool]] = {
    "commit": ((Journal,), "acknowledge", True),
    "append": ((RowSpool, SpanSpool), "ended", False),
    "start": ((RowSpool, SpanSpool), "started", False),
}


def die_at(point: str, times: int) -> None:
    owners, name, before = POINTS[point]
    for owner in owners:
        die_in(owner, name, times, before=before)


def die_in(owner: Any, name: str, times: int, *, before: bool) -> None:
    original = getattr(owner, name)
    left = times

    def dying(*arguments: Any) -> Any:
        nonlocal left
        left -= 1
        result = None if before and left <= 0 else original(*arguments)
        if left <= 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(owner, name, dying)


if "DIE_AT" in os.environ:
    die_at(os.environ["DIE_AT"].split(":")[0], int(os.environ["DIE_AT"].split(":")[1]))

client = discord.Client(intents=discord.Intents.default())
tree = app_commands.CommandTree(client)
finished = os.open(os.environ["FINISHED"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)


@tree.command()
async def ping(interaction: discord.Interaction) -> None:
    await interaction.response.send_message("pong")


@tree.command()
async def slow(interaction: discord.Interaction) -> None:
    await interaction.response.defer()
    await asyncio.sleep(random.random() * 0.03)
    await interaction.followup.send("at last")


@client.event
async def on_app_command_completion(interaction: discord.Interaction, _: object) -> None:
    # Its task runs after the one of the command, whose span has ended by then.
    os.write(finished, b"%d\n" % interaction.id)


slashspan.configure(service_name="dying-bot", handle_sigterm=True)
client.run("token", log_handler=None)
