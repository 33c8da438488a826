"""Span attributes of an interaction or a message: ids, name, place, language. Never what was typed or chosen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from slashspan import semconv
from slashspan.telemetry.instrument.gateway import DISCORD_EPOCH_MS, Frame
from slashspan.telemetry.instrument.loop_lag import FREE

if TYPE_CHECKING:
    import discord
    from discord.ext import commands

    from slashspan.telemetry.instrument.privacy import Attributes


def of_interaction(interaction: discord.Interaction[Any], frame: Frame) -> Attributes:
    """Attributes known when an interaction is received."""
    user = interaction.user
    snowflake = interaction.id
    attributes: Attributes = {
        semconv.INTERACTION_ID: str(snowflake),
        semconv.APPLICATION_ID: str(interaction.application_id),
        semconv.USER_ID: str(user.id),
        semconv.USER_NAME: user.name,
        semconv.LOCALE: interaction.locale.value,
        semconv.GATEWAY_DELAY_MS: frame.wall_ns / 1e6 - ((snowflake >> 22) + DISCORD_EPOCH_MS),
    }
    if frame.busy is FREE:
        attributes[semconv.LOOP_DELAY_MS] = 0.0
    elif (loop_delay := frame.loop_delay_ms(snowflake)) is not None:
        attributes[semconv.LOOP_DELAY_MS] = loop_delay
    guild_id = interaction.guild_id
    if guild_id is not None:
        attributes[semconv.GUILD_ID] = str(guild_id)
    if (channel_id := interaction.channel_id) is not None:
        attributes[semconv.CHANNEL_ID] = str(channel_id)
    if (guild_locale := interaction.guild_locale) is not None:
        attributes[semconv.GUILD_LOCALE] = guild_locale.value
    if frame.shard_id is not None:
        attributes[semconv.SHARD_ID] = frame.shard_id
    context = interaction.context
    if context.guild:
        attributes[semconv.CONTEXT] = "guild"
    elif context.dm_channel:
        attributes[semconv.CONTEXT] = "bot_dm"
    elif context.private_channel:
        attributes[semconv.CONTEXT] = "private_channel"
    by_user = interaction.is_user_integration()
    if interaction.is_guild_integration():
        attributes[semconv.INSTALLATION] = "guild,user" if by_user else "guild"
    elif by_user:
        attributes[semconv.INSTALLATION] = "user"
    return attributes


def of_message(ctx: commands.Context[Any], frame: Frame) -> Attributes:
    """Attributes known when the message of a prefix command is received."""
    message = ctx.message
    attributes: Attributes = {
        semconv.INTERACTION_ID: str(message.id),
        semconv.USER_ID: str(message.author.id),
        semconv.USER_NAME: message.author.name,
        semconv.CHANNEL_ID: str(message.channel.id),
        semconv.GATEWAY_DELAY_MS: frame.wall_ns / 1e6 - ((message.id >> 22) + DISCORD_EPOCH_MS),
    }
    if (application_id := ctx.bot.application_id) is not None:
        attributes[semconv.APPLICATION_ID] = str(application_id)
    if frame.busy is FREE:
        attributes[semconv.LOOP_DELAY_MS] = 0.0
    elif (loop_delay := frame.loop_delay_ms(message.id)) is not None:
        attributes[semconv.LOOP_DELAY_MS] = loop_delay
    guild = message.guild
    if guild is not None:
        attributes[semconv.GUILD_ID] = str(guild.id)
        attributes[semconv.GUILD_LOCALE] = guild.preferred_locale.value
    if frame.shard_id is not None:
        attributes[semconv.SHARD_ID] = frame.shard_id
    return attributes
