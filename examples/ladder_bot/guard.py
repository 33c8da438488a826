"""Who may use a command: the checks before each one."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Any, Final

from discord import app_commands
from discord.ext import commands

import telemetry

if TYPE_CHECKING:
    import discord

    from ladder_bot.ladder import Ladder
    from ladder_bot.players import Player

_KEY: Final = "manner"


class Needs(IntEnum):
    """What a command asks of its user; each includes those before it."""

    NOTHING = 0
    NO_BAN = 1
    TERMS = 2
    SET_UP = 3


@dataclass(frozen=True, slots=True)
class Manner:
    """How a command is treated; one that says nothing is for players who are set up, and answers in public."""

    needs: Needs = Needs.SET_UP
    private: bool = False


class Refused(app_commands.CheckFailure, commands.CheckFailure):
    """The user may not; the message is for them."""


def manner(*, needs: Needs = Needs.SET_UP, private: bool = False) -> dict[Any, Any]:
    """For a command's or a root group's `extras`."""
    return {_KEY: Manner(needs, private)}


def manner_of(command: Any) -> Manner:
    found = None
    while command is not None and found is None:
        found = getattr(command, "extras", {}).get(_KEY)
        command = getattr(command, "parent", None)
    return found if isinstance(found, Manner) else Manner()


async def admit(ladder: Ladder, user: discord.abc.User, needs: Needs) -> None:
    """Raises Refused."""
    if needs is not Needs.NOTHING:
        words = _refusal(await ladder.see(user.id, user.name), needs)
        if words:
            raise Refused(words)
    telemetry.checkpoint("guard_checks_complete")


def _refusal(player: Player, needs: Needs) -> str | None:
    if player.banned:
        return "You are banned from this ladder."
    if needs >= Needs.TERMS and not player.accepted_terms:
        return "Read and accept the terms first: `/termsofservice`."
    if needs >= Needs.SET_UP and not player.set_up:
        return "Tell the ladder about you first: `/setup`."
    return None
