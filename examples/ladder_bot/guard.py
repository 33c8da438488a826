"""Who may use a command: the checks before each one."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Any, Final

from discord import app_commands
from discord.ext import commands

import slashspan

if TYPE_CHECKING:
    import discord

    from ladder_bot.ladder import Ladder
    from ladder_bot.players import Player

_KEY: Final = "policy"


class Needs(IntEnum):
    """What a command requires of its user; each level includes the ones before it."""

    NOTHING = 0
    NO_BAN = 1
    TERMS = 2
    SET_UP = 3


@dataclass(frozen=True, slots=True)
class CommandPolicy:
    """Who may use a command, and who sees its answer. The default: players who are set up, and everybody."""

    needs: Needs = Needs.SET_UP
    private: bool = False


class Refused(app_commands.CheckFailure, commands.CheckFailure):
    """The user may not use the command; the message is shown to them."""


def policy(*, needs: Needs = Needs.SET_UP, private: bool = False) -> dict[Any, Any]:
    """The `extras` of a command, or of a root group, with this policy."""
    return {_KEY: CommandPolicy(needs, private)}


def policy_of(command: Any) -> CommandPolicy:
    """The policy of the command or of the nearest group around it that has one."""
    found = None
    while command is not None and found is None:
        found = getattr(command, "extras", {}).get(_KEY)
        command = getattr(command, "parent", None)
    return found if isinstance(found, CommandPolicy) else CommandPolicy()


async def admit(ladder: Ladder, user: discord.abc.User, needs: Needs) -> None:
    """Raises Refused when the user does not meet `needs`."""
    if needs is not Needs.NOTHING:
        words = _refusal(await ladder.get_or_create(user.id, user.name), needs)
        if words:
            raise Refused(words)
    slashspan.checkpoint("guard_checks_complete")


def _refusal(player: Player, needs: Needs) -> str | None:
    if player.banned:
        return "You are banned from this ladder."
    if needs >= Needs.TERMS and not player.accepted_terms:
        return "Read and accept the terms first: `/termsofservice`."
    if needs >= Needs.SET_UP and not player.set_up:
        return "Set up your profile first: `/setup`."
    return None
