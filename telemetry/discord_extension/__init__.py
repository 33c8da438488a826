"""`/slashspan summary`, `command` and `user` for the bot's owner: `await
bot.load_extension("slashspan.telemetry.discord_extension")`."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from slashspan.insights.charts.render import can_render
from slashspan.telemetry.discord_extension.cog import SlashspanCog

if TYPE_CHECKING:
    from discord.ext import commands

__all__ = ["SlashspanCog", "setup"]
_log = logging.getLogger(__name__)


async def setup(bot: commands.Bot) -> None:
    """Called by discord.py. The tree is left to the bot to sync: Discord limits how often that can be done."""
    await bot.add_cog(SlashspanCog(bot))
    _log.info("/slashspan is loaded; Discord shows it once the bot has called `await bot.tree.sync()`")
    if not can_render():
        _log.info("its answers have no charts: pip install 'slashspan[charts]'")
