"""The bot of discord-games' own examples: a command for each game, which ends with it."""

import discord
import discord_games
from discord.ext import commands
from discord_games import button_games

intents = discord.Intents.default()
intents.message_content = True
bot = commands.Bot("!", intents=intents)


@bot.command()
async def tictactoe(ctx: commands.Context) -> None:
    await button_games.BetaTictactoe(cross=ctx.author, circle=ctx.author).start(ctx)


@bot.command()
async def rps(ctx: commands.Context) -> None:
    await button_games.BetaRockPaperScissors().start(ctx)


@bot.hybrid_command()
async def rules(ctx: commands.Context) -> None:
    await ctx.send(discord_games.Tictactoe.__doc__ or "none")


@bot.command()
async def repeat(ctx: commands.Context, times: int) -> None:
    await ctx.send("again " * times)


@bot.command()
async def sync(ctx: commands.Context) -> None:
    await ctx.send(f"{len(await bot.tree.sync())} commands")


bot.run("token")
