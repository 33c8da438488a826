"""What the commands read and write, and that slow ones are acknowledged in time."""

from __future__ import annotations

import asyncio
import dataclasses
from typing import TYPE_CHECKING

import pytest
from ladder_bot import reply as reply_module
from ladder_bot.database import AlreadyExists, open_database
from ladder_bot.ladder import Ladder
from ladder_bot.reply import ERROR_ANSWER
from ladder_bot.settings import LadderSettings, SettingError

from tests.support.ladder import GUILD, CountingDatabase, said

if TYPE_CHECKING:
    from tests.support.ladder import Playground

DEFERRED = 5
UPDATED_LATER = 6


class Rendezvous:
    """Lets queries through once all of `names` have started: it hangs if one waits for another."""

    def __init__(self, *names: str) -> None:
        self._missing = set(names)
        self._all_here = asyncio.Event()

    async def __call__(self, name: str) -> None:
        self._missing.discard(name)
        if not self._missing:
            self._all_here.set()
        await self._all_here.wait()


async def test_setup_reads_player_and_ratings_concurrently(play: Playground) -> None:
    await play.slash("leaderboard")  # the player is cached now
    play.database.before = Rendezvous("find_player", "ratings_of")
    assert "standard: 1500" in said(await play.slash("setup"))


async def test_profile_runs_its_three_queries_concurrently(play: Playground) -> None:
    await play.slash("leaderboard")
    play.database.before = Rendezvous("find_player", "ratings_of", "recent_matches")
    assert "Chile" in said(await play.slash("profile"))


async def test_without_parallel_reads_queries_run_one_after_the_other(settings: LadderSettings) -> None:
    ladder = Ladder(dataclasses.replace(settings, parallel_reads=False))
    counting = CountingDatabase(ladder.database)
    ladder.database = counting
    await ladder.database.open()
    running = 0

    async def alone(_: str) -> None:
        nonlocal running
        running += 1
        assert running == 1
        await asyncio.sleep(0)
        running -= 1

    counting.before = alone
    try:
        assert await ladder.standing(1) == (None, [])
    finally:
        await ladder.database.close()


async def test_a_match_counts_once_the_opponent_confirms_it(play: Playground) -> None:
    reporter, opponent, other = play.players[:3]
    shown = await play.slash("report", reporter, opponent=opponent, won=True)
    assert f"<@{opponent.id}>" in said(shown)
    assert "Only the opponent" in said(await play.press(shown, "Confirm", user=other))
    assert "points" in said(await play.press(shown, "Confirm", user=opponent))
    _, (standard, _) = await play.ladder.standing(reporter.id)
    _, (theirs, blitz) = await play.ladder.standing(opponent.id)
    assert (standard.games, standard.wins, theirs.games, theirs.wins, blitz.games) == (1, 1, 1, 0, 0)
    assert standard.rating - 1500 == 1490 - theirs.rating == 16
    assert "won against player 1" in said(await play.slash("profile", reporter))
    assert "1  player 0" in said(await play.slash("season", other))


async def test_a_disputed_match_changes_nothing(play: Playground) -> None:
    shown = await play.slash("report", opponent=play.players[1], won=True)
    assert "Disputed" in said(await play.press(shown, "Dispute", user=play.players[1]))
    assert (await play.ladder.standing(play.players[0].id))[1][0].games == 0


async def test_a_match_against_oneself_is_refused(play: Playground) -> None:
    assert "somebody else" in said(await play.slash("report", opponent=play.players[0], won=True))


async def test_a_report_is_recorded_once(play: Playground) -> None:
    winner, loser = play.players[0].id, play.players[1].id
    assert await play.ladder.record_match(7, mode="standard", winner=winner, loser=loser) == 16
    assert await play.ladder.record_match(7, mode="standard", winner=winner, loser=loser) is None
    assert (await play.ladder.standing(winner))[1][0].games == 1
    with pytest.raises(AlreadyExists):
        await play.database.apply([("record_match", 7, "standard", winner, loser, 1)])


class Gate:
    """Holds queries back until the interaction has been acknowledged."""

    def __init__(self, play: Playground) -> None:
        self._play = play

    async def __call__(self, _: str) -> None:
        await self._play.discord.ledger.actions[-1].acknowledged()


@pytest.fixture
def short_timer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reply_module, "DEFER_AFTER_SECONDS", 0.01)


@pytest.mark.usefixtures("short_timer")
@pytest.mark.parametrize("command", ["leaderboard", "profile", "setup", "season"])
async def test_a_slow_command_is_acknowledged_before_its_queries_finish(play: Playground, command: str) -> None:
    play.database.before = Gate(play)
    action = await play.slash(command)
    assert [call.type for call in action.calls if call.route == "callback"] == [DEFERRED]
    assert action.answer is not None
    assert action.answer.route == "original"


@pytest.mark.usefixtures("short_timer")
async def test_a_refusal_after_a_slow_check_reaches_the_user(play: Playground) -> None:
    await play.ladder.set_banned(play.players[0].id, "player 0", True)
    play.database.before = Gate(play)
    assert "banned" in said(await play.slash("leaderboard"))


@pytest.mark.usefixtures("short_timer")
async def test_a_slow_button_is_acknowledged_before_its_queries_finish(play: Playground) -> None:
    shown = await play.slash("leaderboard")
    play.database.before = Gate(play)
    pressed = await play.press(shown, "Next page")
    assert [call.type for call in pressed.calls if call.route == "callback"] == [UPDATED_LATER]
    assert said(pressed).startswith("11. ")


@pytest.mark.usefixtures("short_timer")
async def test_the_failure_of_a_slow_button_reaches_the_user(play: Playground) -> None:
    async def fails(_: str) -> None:
        await play.discord.ledger.actions[-1].acknowledged()
        raise OSError("the database is unavailable")

    shown = await play.slash("termsofservice")
    play.database.before = fails
    assert said(await play.press(shown, "Accept")) == ERROR_ANSWER


async def test_an_unavailable_database_is_reported_to_the_user(play: Playground) -> None:
    async def fails(_: str) -> None:
        raise OSError("the database is unavailable")

    play.database.before = fails
    assert said(await play.slash("leaderboard")) == ERROR_ANSWER
    prefix = await play.discord.message("!ladder", user=play.players[0], guild=GUILD)
    await prefix.answered()
    assert said(prefix) == ERROR_ANSWER
    play.database.before = None
    assert "player 0" in said(await play.slash("leaderboard"))


async def test_season_is_acknowledged_before_it_reads(play: Playground) -> None:
    await play.slash("leaderboard")  # the player is cached now
    play.database.before = Gate(play)
    action = await play.slash("season")
    assert [call.type for call in action.calls if call.route == "callback"] == [DEFERRED]


async def test_a_quick_command_is_answered_without_deferring(play: Playground) -> None:
    action = await play.slash("leaderboard")
    assert [call.route for call in action.calls] == ["callback"]


async def test_commands_work_in_a_dm(play: Playground) -> None:
    action = await play.discord.slash("profile", user=play.players[0])
    await action.answered()
    assert "Chile" in said(action)
    assert GUILD.channel != action.channel


@pytest.mark.parametrize("dsn", ["", "ladder.db", "sqlite://", "sqlite:///", "mysql://secret@host/ladder"])
def test_an_invalid_dsn_is_reported_without_showing_it(dsn: str) -> None:
    with pytest.raises(SettingError) as caught:
        open_database(dsn)
    assert "secret" not in str(caught.value)
    assert "sqlite:///path" in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value"), [("LADDER_CACHE_PLAYERS", "yes"), ("LADDER_POOL", "0"), ("LADDER_POOL", "many")]
)
def test_an_invalid_setting_is_named_with_its_value(name: str, value: str) -> None:
    with pytest.raises(SettingError, match=f"{name}='{value}'"):
        LadderSettings.from_environ({name: value})


def test_the_settings_are_read_from_the_environment() -> None:
    environ = {"LADDER_PARALLEL_READS": "false", "LADDER_LAZY_LEADERBOARD": "false", "LADDER_DSN": ""}
    found = LadderSettings.from_environ(environ)
    assert found == LadderSettings(parallel_reads=False, lazy_leaderboard=False)
