"""A bot on a discord.py or OpenTelemetry whose source is modified on import, to simulate another version.

Arguments: the top-level package, and patterns, each with its replacement.
"""

import asyncio
import contextlib
import importlib.abc
import importlib.machinery
import os
import re
import sys
from pathlib import Path

package, *arguments = sys.argv[1:]
replacements = dict(zip(arguments[::2], arguments[1::2], strict=True))
changed: set[str] = set()


class Loader(importlib.machinery.SourceFileLoader):
    def get_code(self, fullname):  # type: ignore[no-untyped-def]
        path = self.get_filename(fullname)
        source = original = self.get_data(path)
        for pattern, replacement in replacements.items():
            source, count = re.subn(pattern.encode(), replacement.encode(), source)
            if count:
                changed.add(pattern)
        if source == original:
            return super().get_code(fullname)  # compiled already
        return self.source_to_code(source, path)


class Finder(importlib.abc.MetaPathFinder):
    def find_spec(self, fullname, path, target=None):  # type: ignore[no-untyped-def]
        if fullname.split(".")[0] != package:
            return None
        spec = importlib.machinery.PathFinder.find_spec(fullname, path, target)
        if spec is not None and isinstance(spec.loader, importlib.machinery.SourceFileLoader):
            spec.loader = Loader(fullname, spec.loader.path)
        return spec


sys.meta_path.insert(0, Finder())
sys.path.insert(0, str(Path(__file__).parents[2]))

import discord  # noqa: E402
import yarl  # noqa: E402
from discord.ext import commands  # noqa: E402

import slashspan  # noqa: E402

discord.http.Route.BASE = os.environ["DISCORD_STANDIN_API"]
sockets = [cls for name, cls in vars(discord.gateway).items() if name.endswith("DiscordWebSocket")]
sockets[0].DEFAULT_GATEWAY = yarl.URL(os.environ["DISCORD_STANDIN_GATEWAY"])

intents = discord.Intents.default()
intents.message_content = True
bot = commands.Bot("!", intents=intents, help_command=None)


class Panel(discord.ui.View):
    @discord.ui.button(label="fine", custom_id="fine")
    async def fine(self, interaction, _):  # type: ignore[no-untyped-def]
        await interaction.response.send_message("pressed")


@bot.tree.command()
async def ping(interaction: discord.Interaction) -> None:
    await interaction.response.defer()
    await interaction.followup.send("pong")


@bot.tree.command()
async def broken(interaction: discord.Interaction) -> None:
    await interaction.response.send_message("about to break")
    raise KeyError


@bot.command()
async def pong(ctx: commands.Context) -> None:  # type: ignore[type-arg]
    await ctx.send("ping")


@bot.listen()
async def on_interaction(interaction: discord.Interaction) -> None:
    if interaction.type is discord.InteractionType.component and interaction.data["custom_id"] == "by hand":  # type: ignore[index,typeddict-item]
        await interaction.response.send_message("by hand")


async def main() -> None:
    async with bot:
        bot.add_view(Panel(timeout=None))
        await bot.start("token")


slashspan.configure()
assert changed == set(replacements), f"{set(replacements) - changed} is nowhere in {package}"
with contextlib.suppress(KeyboardInterrupt):
    asyncio.run(main())
