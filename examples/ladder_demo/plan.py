"""What the demo's users do, and the rows expected of it: written by hand, not taken from a recording."""

from __future__ import annotations

import random
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from discord_standin import Action, Guild, StandIn, User
    from discord_standin.driver import Step

    from ladder_demo.demo_players import DemoPlayers

    Who = Callable[[Any, random.Random], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Expected:
    """The kind, command and outcome of an expected row."""

    kind: str
    command: str
    outcome: str


def mixed(count: int, demo_players: DemoPlayers, guild: Guild, seed: int) -> Iterator[Step]:
    """`count` steps of several kinds by the players, in the guild and in DMs; the same ones for the same seed."""
    dice = random.Random(seed)
    state = _State(demo_players, guild)
    for _ in range(count):
        yield dice.choices(_STEPS, _WEIGHTS)[0](state, dice)


class _State:
    """The players, and what must be remembered to know which outcome a step will have."""

    def __init__(self, demo_players: DemoPlayers, guild: Guild) -> None:
        self.players = demo_players
        self.guild = guild
        self.reported: set[User] = set()
        self.shown: defaultdict[str, list[Action]] = defaultdict(list)
        """Answers whose buttons or form nobody has used yet, by name."""

    def player(self, dice: random.Random) -> dict[str, Any]:
        """An enrolled player, in the guild or in a DM."""
        return {"user": dice.choice(self.players.enrolled), "guild": self.guild if dice.random() < 0.8 else None}

    def newcomer(self, dice: random.Random) -> dict[str, Any]:
        return {"user": dice.choice(self.players.newcomers), "guild": self.guild if dice.random() < 0.8 else None}

    def banned(self, _: random.Random) -> dict[str, Any]:
        return {"user": self.players.banned, "guild": self.guild}


def _slash(command: str, outcome: str = "ok", by: Who = _State.player, shows: str = "", **options: Any) -> Any:
    def make(state: _State, dice: random.Random) -> Step:
        note, who = Expected("slash", command, outcome), by(state, dice)

        async def step(discord: StandIn) -> Action:
            action = await discord.slash(command, options=options, note=note, **who)
            if shows:
                state.shown[shows].append(action)
            return action

        return step

    return make


def _then(shown: str, first: Any, use: Callable[[StandIn, Action, _State, bool], Awaitable[Action]]) -> Any:
    """Use the components of an earlier answer; without one, do `first`, which shows some."""

    def make(state: _State, dice: random.Random) -> Step:
        before, heads = first(state, dice), dice.random() < 0.5

        async def step(discord: StandIn) -> Action:
            ready = next((action for action in state.shown[shown] if _listens_for(discord, action)), None)
            if ready is None:
                return await before(discord)  # type: ignore[no-any-return]
            state.shown[shown].remove(ready)
            return await use(discord, ready, state, heads)

        return step

    return make


def _listens_for(discord: StandIn, action: Action) -> bool:
    """Whether the bot already listens for the buttons or the form that it showed.

    discord.py does once it has read Discord's answer. A person is slower than that; here it is certain once the bot has
    answered something that was sent later.
    """
    shown = action.answer
    return shown is not None and any(
        later.sent_ns > shown.answered_ns and later.answer is not None for later in reversed(discord.ledger.actions)
    )


async def _press_terms(discord: StandIn, shown: Action, _: _State, heads: bool) -> Action:
    note = Expected("component", "TermsView.accept" if heads else "TermsView.decline", "ok")
    return await discord.press(shown, "Accept" if heads else "Decline", note=note)


async def _next_page(discord: StandIn, shown: Action, _: _State, __: bool) -> Action:
    return await discord.press(shown, "Next page", note=Expected("component", "LeaderboardView.next", "ok"))


async def _choose(discord: StandIn, shown: Action, state: _State, heads: bool) -> Action:
    note = Expected("component", "SetupView.mode", "ok")
    action = await discord.press(shown, values=["standard" if heads else "blitz"], note=note)
    state.shown["form"].append(action)
    return action


async def _submit(discord: StandIn, shown: Action, _: _State, __: bool) -> Action:
    return await discord.submit(shown, {"Country": "Poland"}, note=Expected("modal", "SetupModal", "ok"))


async def _confirm(discord: StandIn, shown: Action, state: _State, _: bool) -> Action:
    note = Expected("component", "ConfirmView.confirm", "ok")
    return await discord.press(shown, "Confirm", user=state.players.opponent, note=note)


async def _confirm_as_stranger(discord: StandIn, shown: Action, state: _State, _: bool) -> Action:
    note = Expected("component", "ConfirmView.confirm", "rejected")
    return await discord.press(shown, "Confirm", user=state.players.banned, note=note)


def _report(state: _State, dice: random.Random) -> Step:
    user = state.player(dice)["user"]
    options = {"opponent": state.players.opponent, "won": dice.random() < 0.5}

    async def step(discord: StandIn) -> Action:
        again = user in state.reported  # one report an hour
        state.reported.add(user)
        note = Expected("slash", "report", "rejected" if again else "ok")
        action = await discord.slash("report", options=options, user=user, guild=state.guild, note=note)
        if not again:
            state.shown["report"].append(action)
        return action

    return step


def _moderate(command: str, outcome: str, **more: Any) -> Any:
    def make(state: _State, dice: random.Random) -> Step:
        options = {"player": state.players.banned, **more}
        note, who = Expected("slash", command, outcome), state.player(dice)["user"]
        return lambda discord: discord.slash(command, options=options, user=who, guild=state.guild, note=note)

    return make


def _prefix(text: str, command: str, outcome: str) -> Any:
    def make(state: _State, dice: random.Random) -> Step:
        note, who = Expected("prefix", command, outcome), state.player(dice)
        return lambda discord: discord.message(text, silent=outcome != "ok", note=note, **who)

    return make


def _unknown(state: _State, dice: random.Random) -> Step:
    who = state.player(dice)
    # What was typed is not stored: the command is empty.
    return lambda discord: discord.slash("nosuchthing", note=Expected("slash", "", "not_found"), **who)


_leaderboard = _slash("leaderboard", shows="leaderboard")
_terms = _slash("termsofservice", by=_State.newcomer, shows="terms")
_setup = _slash("setup", shows="setup")
_choose_mode = _then("setup", _setup, _choose)
_MIX = (
    (_leaderboard, 28),
    (_slash("leaderboard", mode="blitz"), 4),
    (_then("leaderboard", _leaderboard, _next_page), 8),
    (_slash("leaderboard", "rejected", by=_State.newcomer), 3),
    (_slash("profile"), 6),
    (_slash("profile", "rejected", by=_State.banned), 1),
    (_slash("setcountry", country="Chile"), 2),
    (_terms, 8),
    (_then("terms", _terms, _press_terms), 8),
    (_setup, 5),
    (_choose_mode, 5),
    (_then("form", _choose_mode, _submit), 5),
    (_report, 8),
    (_then("report", _report, _confirm), 3),
    (_then("report", _report, _confirm_as_stranger), 1),
    (_slash("season"), 3),
    (_slash("crashtest", "error"), 3),
    (_moderate("mod ban", "ok"), 3),
    (_moderate("mod unban", "rejected"), 2),
    (_moderate("mod note add", "ok", text="was polite"), 2),
    (_unknown, 1),
    (_prefix("!ladder", "ladder", "ok"), 8),
    (_prefix("!nosuchthing", "", "not_found"), 1),
)
_STEPS, _WEIGHTS = zip(*_MIX, strict=True)
