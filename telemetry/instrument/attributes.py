"""What is known of an interaction or message at its receipt: ids, name, place, language. Never what was typed.

Each function returns the values of `slashspan.action_record.START_FIELDS`, in their order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from slashspan.telemetry.instrument.gateway import DISCORD_EPOCH_MS, Frame
from slashspan.telemetry.instrument.loop_lag import FREE

if TYPE_CHECKING:
    import discord
    from discord.ext import commands

    from slashspan.action_record import Start


def of_interaction(kind: str, command: str, interaction: discord.Interaction[Any], frame: Frame) -> Start:
    """Of an interaction that runs this command."""
    user, channel, guild_locale = interaction.user, interaction.channel, interaction.guild_locale
    snowflake = interaction.id
    context = interaction.context
    place = None
    if context.guild:
        place = "guild"
    elif context.dm_channel:
        place = "bot_dm"
    elif context.private_channel:
        place = "private_channel"
    by_user = interaction.is_user_integration()
    installation = "user" if by_user else None
    if interaction.is_guild_integration():
        installation = "guild,user" if by_user else "guild"
    return (
        kind,
        command,
        snowflake,
        interaction.application_id,
        user.id,
        user.name,
        interaction.guild_id,
        None if channel is None else channel.id,
        frame.shard_id,
        interaction.locale.value,
        None if guild_locale is None else guild_locale.value,
        place,
        installation,
        frame.wall_ns / 1e6 - ((snowflake >> 22) + DISCORD_EPOCH_MS),
        0.0 if frame.busy is FREE else frame.loop_delay_ms(snowflake),
    )


def of_message(kind: str, command: str, ctx: commands.Context[Any], frame: Frame) -> Start:
    """Of the message of a prefix command."""
    message = ctx.message
    author, guild, snowflake = message.author, message.guild, message.id
    return (
        kind,
        command,
        snowflake,
        ctx.bot.application_id,
        author.id,
        author.name,
        None if guild is None else guild.id,
        message.channel.id,
        frame.shard_id,
        None,
        None if guild is None else guild.preferred_locale.value,
        None,
        None,
        frame.wall_ns / 1e6 - ((snowflake >> 22) + DISCORD_EPOCH_MS),
        0.0 if frame.busy is FREE else frame.loop_delay_ms(snowflake),
    )
