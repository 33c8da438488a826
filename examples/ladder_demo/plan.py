"""What the demo's users do, and what ought to be recorded of it: written by hand, not taken from a recording."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from discord_standin import users

if TYPE_CHECKING:
    from collections.abc import Iterator

    from discord_standin import Action, Guild, StandIn, User
    from discord_standin.driver import Step


@dataclass(frozen=True, slots=True)
class Expected:
    """A row's kind, command and outcome."""

    kind: str
    command: str
    outcome: str


def mixed(count: int, people: int, guild: Guild, seed: int) -> Iterator[Step]:
    """`count` steps of several kinds by that many users, in the guild and in DMs, the same for the same seed."""
    dice = random.Random(seed)
    crowd = users(people)
    state = _State()
    for _ in range(count):
        user = dice.choice(crowd)
        who = {"user": user, "guild": guild if dice.random() < 0.8 else None}
        yield dice.choices(_STEPS, _WEIGHTS)[0](state, who, dice)


class _State:
    """What the plan must remember to know what will happen."""

    def __init__(self) -> None:
        self.reported: set[User] = set()
        self.with_buttons: list[Action] = []
        self.with_modal: list[Action] = []


def _slash(command: str, outcome: str = "ok", **options: Any) -> Any:
    def make(_: _State, who: dict[str, Any], __: random.Random) -> Step:
        note = Expected("slash", command, outcome)
        return lambda discord: discord.slash(command, options=options, note=note, **who)

    return make


def _terms(state: _State, who: dict[str, Any], _: random.Random) -> Step:
    async def step(discord: StandIn) -> Action:
        action = await discord.slash("termsofservice", note=Expected("slash", "termsofservice", "ok"), **who)
        state.with_buttons.append(action)
        return action

    return step


def _setup(state: _State, who: dict[str, Any], _: random.Random) -> Step:
    async def step(discord: StandIn) -> Action:
        action = await discord.slash("setup", note=Expected("slash", "setup", "ok"), **who)
        state.with_modal.append(action)
        return action

    return step


def _in_place(discord: StandIn, action: Action) -> bool:
    """Whether the bot listens to the buttons or the form that it showed.

    discord.py does so from when it has read Discord's answer. A person is slower than that; here it is certain once the
    bot has answered something that was sent later.
    """
    shown = action.answer
    return shown is not None and any(
        later.sent_ns > shown.answered_ns and later.answer is not None for later in reversed(discord.ledger.actions)
    )


def _press(state: _State, who: dict[str, Any], dice: random.Random) -> Step:
    label = dice.choice(["Accept", "Decline"])

    async def step(discord: StandIn) -> Action:
        ready = next((action for action in state.with_buttons if _in_place(discord, action)), None)
        if ready is None:
            return await _terms(state, who, dice)(discord)
        state.with_buttons.remove(ready)
        return await discord.press(ready, label, note=Expected("component", "TermsView", "ok"))

    return step


def _submit(state: _State, who: dict[str, Any], dice: random.Random) -> Step:
    async def step(discord: StandIn) -> Action:
        ready = next((action for action in state.with_modal if _in_place(discord, action)), None)
        if ready is None:
            return await _setup(state, who, dice)(discord)
        state.with_modal.remove(ready)
        return await discord.submit(ready, {"Country": "Poland"}, note=Expected("modal", "SetupModal", "ok"))

    return step


def _report(state: _State, who: dict[str, Any], dice: random.Random) -> Step:
    outcome = "rejected" if who["user"] in state.reported else "ok"  # one report an hour
    state.reported.add(who["user"])
    return _slash("report", outcome, won=dice.random() < 0.5)(state, who, dice)  # type: ignore[no-any-return]


def _ban(command: str, outcome: str, **more: Any) -> Any:
    def make(state: _State, who: dict[str, Any], dice: random.Random) -> Step:
        return _slash(command, outcome, player=who["user"], **more)(state, who, dice)  # type: ignore[no-any-return]

    return make


def _prefix(text: str, command: str, outcome: str) -> Any:
    def make(_: _State, who: dict[str, Any], __: random.Random) -> Step:
        note = Expected("prefix", command, outcome)
        return lambda discord: discord.message(text, silent=outcome != "ok", note=note, **who)

    return make


def _unknown(_: _State, who: dict[str, Any], __: random.Random) -> Step:
    # What was typed is not stored: the command is empty.
    return lambda discord: discord.slash("nosuchthing", note=Expected("slash", "", "not_found"), **who)


_MIX = (
    (_slash("leaderboard"), 30),
    (_slash("leaderboard", page=2), 5),
    (_terms, 10),
    (_press, 10),
    (_setup, 6),
    (_submit, 6),
    (_report, 12),
    (_slash("season"), 3),
    (_slash("crashtest", "error"), 3),
    (_ban("mod ban", "ok"), 3),
    (_ban("mod unban", "rejected"), 2),
    (_ban("mod note add", "ok", text="was polite"), 2),
    (_unknown, 1),
    (_prefix("!ladder", "ladder", "ok"), 8),
    (_prefix("!nosuchthing", "", "not_found"), 1),
)
_STEPS, _WEIGHTS = zip(*_MIX, strict=True)
