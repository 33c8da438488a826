"""The names that `telemetry` writes, `exporters` reads and users query: kinds, outcomes, span attributes.

No semantic convention exists for chat bots. Vendor attributes are `{system}.*` by OpenTelemetry's naming rules, and
`discord.command.name`, `discord.user.id` and the like are what public projects already use.

Ids are strings: they exceed 2**53, and backends that read JSON numbers as doubles would round them. Discord's own API
sends strings for that reason (https://discord.com/developers/docs/reference#snowflakes).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from slashspan import __version__

SCOPE_NAME: Final = "slashspan"
"""Instrumentation scope of every span and instrument of ours."""
SCOPE_VERSION: Final = __version__


class Kind:
    """What the user did: values of `discord.interaction.kind` and of the column `kind`."""

    SLASH: Final = "slash"
    USER_MENU: Final = "user_menu"
    MESSAGE_MENU: Final = "message_menu"
    PREFIX: Final = "prefix"
    COMPONENT: Final = "component"
    MODAL: Final = "modal"
    AUTOCOMPLETE: Final = "autocomplete"

    ALL: Final = (SLASH, USER_MENU, MESSAGE_MENU, PREFIX, COMPONENT, MODAL, AUTOCOMPLETE)


class Outcome:
    """How it ended: values of `discord.interaction.outcome` and of the column `outcome`."""

    OK: Final = "ok"
    ERROR: Final = "error"
    """An exception that is not a rejection."""
    REJECTED: Final = "rejected"
    """A failed check, a cooldown, a missing permission or invalid input; `interaction_check` returned False."""
    NOT_FOUND: Final = "not_found"
    """No such command. What was typed is not stored: the command is empty."""
    UNHANDLED: Final = "unhandled"
    """A component or modal that nothing in the bot answers."""
    EXPIRED: Final = "expired"
    """Discord refused the first answer with code 10062, because it came after 3 s."""
    CANCELLED: Final = "cancelled"
    INTERRUPTED: Final = "interrupted"
    """The process ended while it was running."""

    ALL: Final = (OK, ERROR, REJECTED, NOT_FOUND, UNHANDLED, EXPIRED, CANCELLED, INTERRUPTED)


class Sync:
    """What a finished command survives: values of `SLASHSPAN_SPOOL_SYNC`."""

    CRASH: Final = "crash"
    """The end of the process, for any reason: each record reaches the kernel before the command ends."""
    POWER: Final = "power"
    """Also a power failure, except for the last 0.2 s: a thread syncs the file."""
    RECORD: Final = "record"
    """Also a power failure: the bot's loop waits for the disk, usually for milliseconds."""

    ALL: Final = (CRASH, POWER, RECORD)


@dataclass(frozen=True, slots=True)
class Attribute:
    """One span or span-event attribute: its key, OpenTelemetry type, unit, whether it is personal data, its meaning."""

    key: str
    type: str
    unit: str
    personal: bool
    meaning: str


ATTRIBUTES: Final[list[Attribute]] = []
"""Every attribute below, in order; `docs/reference.md` is generated from it."""


def _define(key: str, type_: str, meaning: str, *, unit: str = "", personal: bool = False) -> str:
    ATTRIBUTES.append(Attribute(key, type_, unit, personal, meaning))
    return key


COMMAND_NAME: Final = _define(
    "discord.command.name",
    "string",
    "Qualified registered name (`admin ban`); component: view class and the item's name in the code (`Poll.vote`), or "
    "the item's class if the bot wrote one; modal: class",
)
KIND: Final = _define("discord.interaction.kind", "string", "Kind of the user action")
OUTCOME: Final = _define("discord.interaction.outcome", "string", "How the action ended")
INTERACTION_ID: Final = _define(
    "discord.interaction.id", "string", "Snowflake of the interaction, or of a prefix command's message"
)
APPLICATION_ID: Final = _define("discord.application.id", "string", "Snowflake of the bot's application")
USER_ID: Final = _define("discord.user.id", "string", "Snowflake of the user, or its pseudonym", personal=True)
USER_NAME: Final = _define("discord.user.name", "string", "The user's name at that time", personal=True)
GUILD_ID: Final = _define("discord.guild.id", "string", "Snowflake of the guild; absent in a DM")
CHANNEL_ID: Final = _define("discord.channel.id", "string", "Snowflake of the channel or thread")
SHARD_ID: Final = _define("discord.shard.id", "int", "Shard that delivered it; absent on an unsharded client")
LOCALE: Final = _define("discord.locale", "string", "The user's locale")
GUILD_LOCALE: Final = _define("discord.guild.locale", "string", "The guild's preferred locale; absent in a DM")
CONTEXT: Final = _define("discord.interaction.context", "string", "guild, bot_dm or private_channel")
INSTALLATION: Final = _define(
    "discord.interaction.installation", "string", "guild, user or guild,user: how the app is installed"
)
ACK_MS: Final = _define(
    "discord.interaction.ack_ms",
    "double",
    "From receipt to first acknowledgement; absent: never acknowledged",
    unit="ms",
)
ACK_KIND: Final = _define(
    "discord.interaction.ack_kind", "string", "Type of the first acknowledgement: message, defer, modal, …"
)
GATEWAY_DELAY_MS: Final = _define(
    "discord.interaction.gateway_delay_ms",
    "double",
    "Receive time minus the snowflake's time; of two clocks, so it can be negative",
    unit="ms",
)
LOOP_DELAY_MS: Final = _define(
    "discord.interaction.loop_delay_ms",
    "double",
    "How long it waited to be read because the bot's event loop was busy; absent: unknown",
    unit="ms",
)
RATE_LIMITED_MS: Final = _define(
    "discord.interaction.rate_limited_ms",
    "double",
    "Time lost waiting for Discord's rate limits; absent: none",
    unit="ms",
)
ERROR_TYPE: Final = _define("error.type", "string", "Qualified name of the real exception, unwrapped")

CHECKPOINT_AT_MS: Final = _define(
    "discord.checkpoint.at_ms", "double", "On the checkpoint's event: time since the receipt", unit="ms"
)
CHECKPOINT_STEP_MS: Final = _define(
    "discord.checkpoint.step_ms", "double", "On the checkpoint's event: time since the previous checkpoint", unit="ms"
)
