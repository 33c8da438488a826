"""Commands for players."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal

import discord
from discord import app_commands
from discord.ext import commands

import slashspan
from ladder_bot.guard import Needs, policy
from ladder_bot.leaderboard import EagerPages, LazyPages, LeaderboardView, text_of
from ladder_bot.matches import ConfirmView
from ladder_bot.reply import Reply
from ladder_bot.signing_up import SetupView, TermsView, summary

if TYPE_CHECKING:
    from ladder_bot.ladder import Ladder, Profile

REPORT_EVERY: Final = 3600.0
"""Seconds between two reports of one user."""
TOP: Final = 3

Mode = Literal["standard", "blitz"]
Country = app_commands.Range[str, 2, 40]


class Playing(commands.Cog):
    """`/leaderboard`, `/termsofservice`, `/setup`, `/profile`, `/setcountry`, `/report`, `/season`, `!ladder`."""

    def __init__(self, ladder: Ladder) -> None:
        self._ladder = ladder

    @app_commands.command(description="The best players")
    async def leaderboard(self, interaction: discord.Interaction, mode: Mode = "standard") -> None:
        lazy = self._ladder.settings.lazy_leaderboard
        pages = LazyPages(self._ladder, mode) if lazy else EagerPages(await self._ladder.all_lines(mode))
        page = await pages.first()
        slashspan.checkpoint("rows_fetched")
        view = LeaderboardView(pages, page, interaction)
        await Reply.to(interaction).send(text_of(page), view=view)
        slashspan.checkpoint("answered")

    @app_commands.command(description="Read and accept the terms", extras=policy(needs=Needs.NOTHING, private=True))
    async def termsofservice(self, interaction: discord.Interaction) -> None:
        await Reply.to(interaction).send("Play fair.", view=TermsView(self._ladder))

    @app_commands.command(description="Set up your profile", extras=policy(needs=Needs.TERMS, private=True))
    async def setup(self, interaction: discord.Interaction) -> None:
        player, ratings = await self._ladder.standing(interaction.user.id)
        slashspan.checkpoint("standing_fetched")
        country = "" if player is None else player.country
        await Reply.to(interaction).send(summary(country, ratings), view=SetupView(self._ladder, country))

    @app_commands.command(description="Your ratings, or those of another player")
    async def profile(self, interaction: discord.Interaction, player: discord.User | None = None) -> None:
        profile = await self._ladder.profile((player or interaction.user).id)
        slashspan.checkpoint("profile_fetched")
        await Reply.to(interaction).send(_card(profile) if profile else "Not on the ladder.")

    @app_commands.command(description="Change your country", extras=policy(private=True))
    async def setcountry(self, interaction: discord.Interaction, country: Country) -> None:
        await self._ladder.set_country(interaction.user.id, country)
        slashspan.checkpoint("country_written")
        await Reply.to(interaction).send(f"You play for {discord.utils.escape_markdown(country)}.")

    @app_commands.command(description="Report a match; your opponent confirms it")
    @app_commands.guild_only()
    @app_commands.checks.cooldown(1, REPORT_EVERY)
    async def report(self, interaction: discord.Interaction, opponent: discord.User, won: bool) -> None:
        reporter = await self._ladder.get_or_create(interaction.user.id, interaction.user.name)
        other = await self._ladder.find(opponent.id)
        slashspan.checkpoint("opponent_fetched")
        if other is None or other.banned or not other.set_up or other.uid == reporter.uid:
            await Reply.to(interaction).send("You can only have played somebody else who is on the ladder.")
            return
        view = ConfirmView(self._ladder, interaction, reporter, other, reporter_won=won)
        await Reply.to(interaction).send(view.question(), view=view)

    @app_commands.command(description="The players with the most wins")
    async def season(self, interaction: discord.Interaction) -> None:
        # It reads every match, so it takes longer the more have been played.
        await Reply.to(interaction).acknowledge()
        slashspan.checkpoint("deferred")
        winners = await self._ladder.most_wins()
        slashspan.checkpoint("archive_read")
        lines = [f"{row['wins']}  {discord.utils.escape_markdown(row['name'])}" for row in winners]
        await Reply.to(interaction).send("\n".join(lines) or "No matches have been played yet.")

    @app_commands.command(description="Fails, as a bug would", extras=policy(needs=Needs.NOTHING, private=True))
    async def crashtest(self, interaction: discord.Interaction) -> None:
        await Reply.to(interaction).send(str(1 / int(not interaction.id)))

    @commands.command()
    async def ladder(self, ctx: commands.Context[Any]) -> None:
        page = await self._ladder.first_page("standard")
        slashspan.checkpoint("rows_fetched")
        await ctx.send(text_of(page, lines=TOP))


def _card(profile: Profile) -> str:
    escaped = discord.utils.escape_markdown
    lines = [f"**{escaped(profile.player.name)}** {escaped(profile.player.country)}"]
    lines += [f"{each.mode}: {each.rating} ({each.wins} of {each.games} won)" for each in profile.ratings]
    for match in profile.recent:
        result, sign = ("won", "+") if match["won"] else ("lost", "-")
        lines.append(f"{result} against {escaped(match['opponent'])}, {match['mode']}, {sign}{match['change']}")
    return "\n".join(lines)
