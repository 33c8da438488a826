"""Which commands the bot offers: the table only knows those that somebody has called."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from discord import AppCommandType
from discord.app_commands import Group

from slashspan.semconv import Kind

if TYPE_CHECKING:
    from discord.abc import Snowflake
    from discord.ext import commands

_KINDS: Final = {
    AppCommandType.message: Kind.MESSAGE_MENU,
    AppCommandType.user: Kind.USER_MENU,
    AppCommandType.chat_input: Kind.SLASH,
}


def registered_commands(bot: commands.Bot, guild: Snowflake | None, *, but: commands.Cog) -> dict[str, str]:
    """The kinds of the application commands in the bot's tree by their qualified names: those of everywhere and of
    `guild`, without those of the cog `but`."""
    found: dict[str, str] = {}
    for type_, kind in _KINDS.items():
        for place in (None, guild) if guild else (None,):
            walked: Any = bot.tree.walk_commands(guild=place, type=type_)
            for command in walked:
                if not isinstance(command, Group) and getattr(command, "binding", None) is not but:
                    found[command.qualified_name] = kind
    return found
