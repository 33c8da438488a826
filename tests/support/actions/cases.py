"""Every action and its expected row, written by hand from the bot's code."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import discord
from discord_standin import Channel, Fault, Guild, User, snowflake

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from discord_standin import Action, StandIn

GUILD = Guild(snowflake())
NOT_FOUND = "discord.errors.NotFound"
BROKEN = "tests.support.actions.components.Broken"


@dataclass(frozen=True)
class Case:
    """One action. `do` sends it and returns the ledger's entry; the rest is what the row must contain."""

    name: str
    do: Callable[[StandIn, User], Awaitable[Action]]
    kind: str
    command: str
    outcome: str = "ok"
    error_type: str | None = None
    ack_kind: str | None = None
    limited_ms: float = 0.0
    """At least this long was lost to rate limits."""
    answered_late: bool = False
    """Not by its own handler, and so after its duration."""
    user_name: str = "nelly"
    user: User = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "user", User(snowflake(), self.user_name, locale="pl"))


def _slash(command: str, outcome: str = "ok", error: str | None = None, ack: str | None = None, **more: Any) -> Case:
    where = {"guild": GUILD, **{key: more.pop(key) for key in ("guild", "channel") if key in more}}
    options, faults = more.pop("options", {}), more.pop("faults", ())
    name = more.pop("name", command)
    registered = more.pop("registered", command)
    return Case(
        f"slash {name}",
        lambda standin, user: standin.slash(command, options=options, user=user, faults=faults, **where),
        "slash",
        registered,
        outcome,
        error,
        ack,
        **more,
    )


def _prefix(text: str, command: str, outcome: str = "ok", error: str | None = None, **where: Any) -> Case:
    # A channel of its own: the ledger matches answers to commands by channel.
    place = {"guild": GUILD, "channel": Channel(snowflake()), **where} if where.get("guild", GUILD) else where
    suffix = "" if place.get("guild") else " in a DM"
    return Case(
        f"prefix {text}{suffix}",
        lambda standin, user: standin.message(text, user=user, **place),
        "prefix",
        command,
        outcome,
        error,
    )


def _press(
    custom_id: str, command: str, outcome: str = "ok", error: str | None = None, ack: str | None = None, **more: Any
) -> Case:
    kind, values, faults = more.pop("type", 2), more.pop("values", ()), more.pop("faults", ())
    shown = more.pop("shown", custom_id)
    body: dict[str, Any] = {
        "components": [{"type": 1, "components": [{"type": kind, "custom_id": shown, "label": "x", "style": 1}]}]
    }
    if kind == 3:
        body["components"][0]["components"] = [{"type": 3, "custom_id": custom_id, "options": []}]
    elif kind == 5:
        body["components"][0]["components"] = [{"type": 5, "custom_id": custom_id}]

    async def do(standin: StandIn, user: User) -> Action:
        message = standin.shown(body, GUILD.channel)
        if shown != custom_id:  # the message has changed: it no longer contains the item pressed
            return await standin.press_id(custom_id, kind, message, user=user, guild=GUILD)
        return await standin.press(message, values=values, user=user, guild=GUILD, faults=faults)

    name = f"component {custom_id} by {more.get('user_name', 'nelly')}{' too late' if faults else ''}"
    return Case(name, do, "component", command, outcome, error, ack, **more)


async def _gone_on(standin: StandIn, opener: Action, user: User) -> None:
    """Wait until the bot listens for its form: it does once it has answered something sent after showing it."""
    await opener.acknowledged()
    await (await standin.slash("ok", user=user, guild=GUILD)).answered()


def _modal(answer: str, outcome: str = "ok", error: str | None = None, ack: str | None = None) -> Case:
    async def do(standin: StandIn, user: User) -> Action:
        opener = await standin.slash("opens_modal", user=user, guild=GUILD)
        await _gone_on(standin, opener, user)
        return await standin.submit(opener, {"Answer": answer})

    return Case(f"modal {answer}", do, "modal", "AskModal", outcome, error, ack)


async def _unknown_modal(standin: StandIn, user: User) -> Action:
    opener = await standin.slash("opens_modal", user=user, guild=GUILD)
    await _gone_on(standin, opener, user)
    assert opener.modal is not None
    opener.modal["custom_id"] = "of another life"
    return await standin.submit(opener, {"Answer": "x"})


async def _waited_modal(standin: StandIn, user: User) -> Action:
    opener = await standin.slash("waits_for_modal", user=user, guild=GUILD)
    await _gone_on(standin, opener, user)
    return await standin.submit(opener, {"Answer": "x"})


async def _second_slash(standin: StandIn, user: User) -> Action:
    first = await standin.slash("cooling", user=user, guild=GUILD)
    await first.acknowledged()
    return await standin.slash("cooling", user=user, guild=GUILD)


async def _second_prefix(standin: StandIn, user: User) -> Action:
    channel = Channel(snowflake())
    first = await standin.message("!p_cooling", user=user, guild=GUILD, channel=channel)
    await first.answered()
    return await standin.message("!p_cooling", user=user, guild=GUILD, channel=channel)


async def _empties(standin: StandIn, user: User) -> Action:
    faults = [Fault.empties_bucket("message", 0.05)]
    return await standin.message("!p_ok", user=user, guild=GUILD, channel=Channel(snowflake()), faults=faults)


def _menu(
    name: str, message: bool, outcome: str = "ok", error: str | None = None, ack: str | None = None, **m: Any
) -> Case:
    kind = "message_menu" if message else "user_menu"

    async def do(standin: StandIn, user: User) -> Action:
        if message:
            return await standin.message_menu(name, user=user, guild=GUILD)
        return await standin.user_menu(name, user, user=user, guild=GUILD)

    return Case(f"{kind} {name}", do, kind, m.get("registered", name), outcome, error, ack)


def _autocomplete(value: str, outcome: str = "ok", error: str | None = None, ack: str | None = "autocomplete") -> Case:
    return Case(
        f"autocomplete {value}",
        lambda standin, user: standin.autocomplete("colours", "name", value, user=user, guild=GUILD),
        "autocomplete",
        "colours",
        outcome,
        error,
        ack,
    )


APP = "discord.app_commands.errors"
EXT = "discord.ext.commands.errors"
LATE = (Fault.expired(),)
EMPTIES = (Fault.empties_bucket("followup", 0.05),)

CASES = [
    _slash("ok", ack="message"),
    _slash("ok", ack="message", guild=None, name="ok in a DM"),
    _slash("ok", ack="message", channel=GUILD.thread, name="ok in a thread"),
    _slash("with_file", ack="message"),
    _slash("deferred", ack="defer"),
    _slash("deferred_then_broken", "error", BROKEN, "defer"),
    _slash("silent"),
    _slash("silent", guild=None, name="silent in a DM"),
    _slash("broken", "error", "KeyError"),
    _slash("broken", "error", "KeyError", guild=None, name="broken in a DM"),
    _slash("broken_but_handled", "error", BROKEN, "message"),
    _slash("cancels_itself", "cancelled", "asyncio.exceptions.CancelledError"),
    _slash("check_no", "rejected", f"{APP}.CheckFailure"),
    _slash("check_breaks", "error", BROKEN),
    _slash("admins_only", "rejected", f"{APP}.MissingPermissions"),
    Case("slash cooling", _second_slash, "slash", "cooling", "rejected", f"{APP}.CommandOnCooldown"),
    _slash("takes_even", "ok", ack="message", options={"number": "2"}),
    _slash("takes_even", "rejected", f"{APP}.TransformerError", options={"number": "3"}, name="takes_even 3"),
    _slash("takes_text", "error", f"{APP}.CommandSignatureMismatch", options={"other": "x"}),
    _slash("tree_check_no", "rejected"),
    _slash("tree_check_raises", "error", BROKEN),
    _slash("unknown_to_the_bot", "not_found", f"{APP}.CommandNotFound", registered=""),
    _slash("ok", "expired", NOT_FOUND, faults=LATE, name="ok too late"),
    _slash("catches_expiry", "expired", NOT_FOUND, faults=LATE),
    _slash("ok", ack="message", faults=(Fault.rate_limited("callback", 0.05),), limited_ms=45, name="ok limited"),
    _slash(
        "deferred", ack="defer", faults=(Fault.rate_limited("followup", 0.05),), limited_ms=45, name="followup limited"
    ),
    _slash(
        "deferred",
        ack="defer",
        faults=(Fault.empties_bucket("followup", 0.05),),
        limited_ms=45,
        name="followup empties",
    ),
    Case("prefix message empties", _empties, "prefix", "p_ok", limited_ms=45),
    _slash("ok", "error", "discord.errors.Forbidden", faults=(Fault("callback", 403, 50013),), name="ok forbidden"),
    _slash("opens_modal", ack="modal"),
    _slash("team info", ack="message"),
    _slash("team roster add", ack="message"),
    _slash("team roster drop", "error", BROKEN),
    _slash("both", ack="message"),
    _slash("both_broken", "error", BROKEN),
    _slash("both_refused", "rejected", f"{EXT}.CheckFailure"),
    _slash("both_excused", "error", BROKEN, "message", answered_late=True),
    _autocomplete("r"),
    _autocomplete("broken", "error", BROKEN, None),
    _menu("Greet", False, ack="message"),
    _menu("Break user", False, "error", BROKEN),
    _menu("No such menu", False, "not_found", f"{APP}.CommandNotFound", registered=""),
    _menu("Quote", True, ack="message"),
    _menu("Refuse", True, "rejected", f"{APP}.CheckFailure"),
    _prefix("!p_ok", "p_ok"),
    _prefix("!p_ok", "p_ok", guild=None),
    _prefix("!p_broken", "p_broken", "error", BROKEN),
    _prefix("!p_broken", "p_broken", "error", BROKEN, guild=None),
    _prefix("!p_handled", "p_handled", "error", BROKEN),
    _prefix("!p_number 7", "p_number"),
    _prefix("!p_number", "p_number", "rejected", f"{EXT}.MissingRequiredArgument"),
    _prefix("!p_number x", "p_number", "rejected", f"{EXT}.BadArgument"),
    _prefix("!p_buggy x", "p_buggy", "error", BROKEN),
    _prefix("!p_check_no", "p_check_no", "rejected", f"{EXT}.CheckFailure"),
    _prefix("!p_guild_only", "p_guild_only", "rejected", f"{EXT}.NoPrivateMessage", guild=None),
    Case("prefix cooling", _second_prefix, "prefix", "p_cooling", "rejected", f"{EXT}.CommandOnCooldown"),
    _prefix("!p_disabled", "p_disabled", "rejected", f"{EXT}.DisabledCommand"),
    _prefix("!p_cancels", "p_cancels", "cancelled", "asyncio.exceptions.CancelledError"),
    _prefix("!p_group", "p_group"),
    _prefix("!p_group sub", "p_group sub"),
    _prefix("!p_group sub_broken", "p_group sub_broken", "error", BROKEN),
    _prefix("!p_unknown my secret", "", "not_found", f"{EXT}.CommandNotFound"),
    _prefix("!both", "both"),
    _prefix("!both_broken", "both_broken", "error", BROKEN),
    _prefix("!both_refused", "both_refused", "rejected", f"{EXT}.CheckFailure"),
    _press("panel:fine", "Panel.fine", ack="update"),
    _press("panel:fine", "Panel.fine", "expired", NOT_FOUND, faults=LATE),
    _press("panel:quiet", "Panel.quiet", ack="defer_update"),
    _press("panel:broken", "Panel.broken", "error", BROKEN),
    _press("panel:fine", "Panel.fine", "rejected", user_name="stranger"),
    _press("panel:fine", "Panel.fine", "error", BROKEN, user_name="check breaks"),
    _press("panel:select", "Panel.choose", ack="message", type=3, values=("a",)),
    _press("panel:users", "Panel.people", ack="message", type=5),
    _press("patched:button", "View.pressed", "error", BROKEN, "message"),
    _press("patched:button", "View.pressed", "rejected", user_name="stranger"),
    _press("panel:own", "OwnButton", ack="message"),
    _press("panel:own", "OwnButton", "rejected", user_name="not mine"),
    _press("vote:up", "Vote", ack="message"),
    _press("vote:breaks", "Vote", "error", BROKEN),
    _press("vote:check_no", "Vote", "rejected"),
    _press("vote:check_breaks", "Vote", "error", BROKEN),
    _press("vote:make_breaks", "Vote", "error", BROKEN),
    _press("vote:gone", "Vote", "unhandled", shown="vote:other"),
    _press("nobody's", "", "unhandled"),
    _press("by hand", "", ack="message"),
    _press("by hand, broken", "", "error", BROKEN),
    _modal("fine", ack="message"),
    _modal("break", "error", BROKEN, "message"),
    _modal("refuse", "rejected"),
    Case("modal waited for", _waited_modal, "modal", "WaitedModal", ack_kind="message", answered_late=True),
    Case("modal of another life", _unknown_modal, "modal", "", "unhandled"),
]


def later_versions() -> list[Case]:
    """Cases that need a newer discord.py."""
    if not hasattr(discord.ui, "LayoutView"):
        return []

    async def do(standin: StandIn, user: User) -> Action:
        row = {"type": 1, "components": [{"type": 2, "custom_id": "layout:button", "label": "in a row", "style": 1}]}
        return await standin.press(
            standin.shown({"components": [row], "flags": 1 << 15}, GUILD.channel), user=user, guild=GUILD
        )

    return [Case("component layout:button", do, "component", "Layout.press", ack_kind="message")]


ALL = CASES + later_versions()
