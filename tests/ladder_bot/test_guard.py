"""The checks before each command, and the cache that makes them cheap."""

from __future__ import annotations

import asyncio
import dataclasses
from typing import TYPE_CHECKING, Any

import pytest
from discord_standin import User, snowflake
from ladder_bot import players as players_module
from ladder_bot.ladder import Ladder
from ladder_bot.players import CACHED_PLAYERS, Player, PlayerCache
from ladder_bot.settings import CACHE_SECONDS, LadderSettings

from tests.support.ladder import GUILD, said

if TYPE_CHECKING:
    from tests.support.ladder import Playground


def stranger() -> User:
    return User(snowflake(), "stranger")


async def test_each_step_of_joining_is_required(play: Playground) -> None:
    user = stranger()
    assert "/termsofservice" in said(await play.slash("leaderboard", user))
    assert "/termsofservice" in said(await play.slash("setup", user))
    terms = await play.slash("termsofservice", user)
    assert "Now `/setup`" in said(await play.press(terms, "Accept"))
    assert "/setup" in said(await play.slash("leaderboard", user))
    shown = await play.slash("setup", user)
    chosen = await play.press(shown, values=["blitz"])
    await play.discord.idle()
    done = await play.discord.submit(chosen, {"Country": "Peru"})
    await done.answered()
    assert said(done) == "You are set up."
    assert "player 0" in said(await play.slash("leaderboard", user))
    assert "Peru" in said(await play.slash("profile", user))
    player = await play.ladder.find(user.id)
    assert player is not None
    assert player.mode == "blitz"


async def test_declining_the_terms_takes_access_away(play: Playground) -> None:
    terms = await play.slash("termsofservice")
    await play.press(terms, "Decline")
    assert "/termsofservice" in said(await play.slash("leaderboard"))


async def test_a_banned_player_can_only_read_the_terms(play: Playground) -> None:
    await play.slash("leaderboard")  # the player is cached now
    await play.slash("mod ban", play.players[1], player=play.players[0])
    for command in ("leaderboard", "setup", "profile", "season"):
        assert "banned" in said(await play.slash(command))
    assert said(await play.slash("termsofservice")) == "Play fair."
    prefix = await play.discord.message("!ladder", user=play.players[0], guild=GUILD)
    await prefix.answered()
    assert "banned" in said(prefix)


async def test_a_prefix_command_is_for_players(play: Playground) -> None:
    asked = await play.discord.message("!ladder", user=play.players[0], guild=GUILD)
    await asked.answered()
    assert said(asked).count("\n") == 2
    refused = await play.discord.message("!ladder", user=stranger(), guild=GUILD)
    await refused.answered()
    assert "/termsofservice" in said(refused)


async def test_moderation_requires_permissions(play: Playground) -> None:
    assert said(await play.slash("mod unban", player=play.players[3])) == "Not now."
    assert said(await play.slash("mod note add", player=stranger(), text="was late")) == "Noted."


async def test_the_answer_to_a_failed_command_hides_the_error(play: Playground) -> None:
    assert said(await play.slash("crashtest")) == "Something went wrong. The error has been logged."


async def test_a_second_command_uses_the_cached_player(play: Playground) -> None:
    await play.slash("leaderboard")
    assert play.database.queries["get_or_create_player"] == 1
    await play.slash("profile")
    await play.slash("leaderboard")
    assert play.database.queries["get_or_create_player"] == 1


async def test_a_changed_name_is_written(play: Playground) -> None:
    await play.slash("leaderboard")
    renamed = dataclasses.replace(play.players[0], name="a new name")
    assert "a new name" in said(await play.slash("profile", renamed))


async def test_the_next_command_sees_a_write(play: Playground) -> None:
    await play.slash("profile")
    await play.slash("setcountry", country="Peru")
    assert (await play.ladder.get_or_create(play.players[0].id, "player 0")).country == "Peru"
    assert play.database.queries["get_or_create_player"] == 2


async def test_without_the_cache_each_command_queries_the_player(settings: LadderSettings) -> None:
    ladder = Ladder(dataclasses.replace(settings, cache_players=False))
    await ladder.database.open()
    try:
        for country in ("Peru", "Chile"):
            await ladder.get_or_create(1, "nelly")
            # Past the cache, as another process would.
            await ladder.database.fetch("set_country", 1, country)
            assert (await ladder.get_or_create(1, "nelly")).country == country
    finally:
        await ladder.database.close()


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def player(uid: int, **changes: Any) -> Player:
    return dataclasses.replace(Player(uid, "nelly", "", "standard", False, True, True), **changes)


class Loads:
    """Loads made-up players and counts how often."""

    def __init__(self, cache: PlayerCache) -> None:
        self.cache = cache
        self.count = 0

    async def get(self, uid: int = 1) -> Player:
        async def load() -> Player:
            self.count += 1
            return player(uid)

        return await self.cache.get(uid, "nelly", load)


async def test_an_inactive_player_is_evicted_after_fifteen_minutes() -> None:
    clock = Clock()
    loads = Loads(PlayerCache(clock=clock))
    await loads.get()
    clock.now = CACHE_SECONDS - 1
    await loads.get()
    assert loads.count == 1
    clock.now += CACHE_SECONDS - 1  # active users stay
    await loads.get()
    assert loads.count == 1
    clock.now += CACHE_SECONDS + 1
    await loads.get()
    assert loads.count == 2
    assert CACHE_SECONDS == 15 * 60


async def test_the_cache_is_bounded_and_keeps_active_players() -> None:
    cache = PlayerCache(players=2)
    loads = Loads(cache)
    for uid in (1, 2, 1, 3, 1):
        await loads.get(uid)
        assert len(cache) <= 2
    assert loads.count == 3
    await loads.get(2)
    assert loads.count == 4
    assert PlayerCache()._kept.maxsize == CACHED_PLAYERS


async def test_a_player_who_changes_while_being_loaded_is_not_cached() -> None:
    cache = PlayerCache()

    async def changed_meanwhile() -> Player:
        cache.forget(1)
        return player(1, country="old")

    await cache.get(1, "nelly", changed_meanwhile)
    loads = Loads(cache)
    assert (await loads.get()).country == ""
    assert loads.count == 1


async def test_a_failed_load_leaves_nothing_in_the_cache() -> None:
    cache = PlayerCache()

    async def fails() -> Player:
        raise OSError("away")

    with pytest.raises(OSError, match="away"):
        await cache.get(1, "nelly", fails)
    assert len(cache) == 0
    assert cache._loading == {}


async def test_concurrent_loads_do_not_wait_for_each_other() -> None:
    cache = PlayerCache()
    gate = asyncio.Event()

    async def slow() -> Player:
        await gate.wait()
        return player(1, country="first")

    first = asyncio.create_task(cache.get(1, "nelly", slow))
    await asyncio.sleep(0)
    assert (await Loads(cache).get()).country == ""
    gate.set()
    assert (await first).country == "first"
    assert len(cache) == 1


async def test_hits_and_misses_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import InMemoryMetricReader

    reader = InMemoryMetricReader()
    provider = MeterProvider([reader], shutdown_on_exit=False)
    monkeypatch.setattr(players_module, "_lookups", provider.get_meter("x").create_counter("lookups"))
    loads = Loads(PlayerCache())
    for _ in range(3):
        await loads.get()
    data = reader.get_metrics_data()
    assert data is not None
    points: Any = data.resource_metrics[0].scope_metrics[0].metrics[0].data.data_points
    assert {point.attributes["result"]: point.value for point in points} == {"miss": 1, "hit": 2}
    provider.shutdown()
