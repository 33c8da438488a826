"""The leaderboard's pages: only what is shown is loaded, and a ladder that moves meanwhile does no harm."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pytest
from ladder_bot import leaderboard as leaderboard_module
from ladder_bot.leaderboard import EagerPages, LazyPages

from tests.support.ladder import disabled, said

if TYPE_CHECKING:
    from collections.abc import Sequence

    from discord_standin import Action
    from ladder_bot.ladder import Page

    from tests.support.ladder import Playground

QUERIES = ("first_lines", "lines_after", "lines_before", "last_lines", "all_lines")


def names(action: Action) -> list[int]:
    """Numbers of the players that are shown."""
    return [int(line.split("player ")[1].split()[0]) for line in said(action).splitlines()]


def places(lines: Sequence[str]) -> list[int]:
    return [int(line.split(".")[0]) for line in lines]


async def move(play: Playground, number: int, rating: int) -> None:
    """As matches would, all at once."""
    _, ratings = await play.ladder.standing(play.players[number].id)
    change = rating - ratings[0].rating
    await play.database.fetch("move_ratings", "standard", play.players[number].id, -1, change)


async def test_pages_to_the_end_and_back(play: Playground) -> None:
    first = await play.slash("leaderboard")
    assert names(first) == list(range(10))
    assert disabled(first) == [True, False]
    second = await play.press(first, "Next page")
    assert names(second) == list(range(10, 20))
    assert places(said(second).splitlines()) == list(range(11, 21))
    assert disabled(second) == [False, False]
    third = await play.press(second, "Next page")
    assert names(third) == list(range(20, 25))
    assert disabled(third) == [False, True]
    back = await play.press(third, "Previous page")
    assert said(back) == said(second)
    assert said(await play.press(back, "Previous page")) == said(first)


async def test_only_what_is_shown_is_loaded(play: Playground) -> None:
    first = await play.slash("leaderboard")
    assert {name: play.database.asked[name] for name in QUERIES if play.database.asked[name]} == {"first_lines": 1}
    await play.press(first, "Next page")
    assert play.database.asked["lines_after"] == 1


async def test_a_press_past_the_end_shows_the_end(play: Playground) -> None:
    shown = await play.slash("leaderboard")
    for _ in range(4):
        shown = await play.press(shown, "Next page")
    assert names(shown) == list(range(20, 25))


async def test_equal_ratings_are_neither_lost_nor_doubled(play: Playground) -> None:
    for number in range(25):
        await move(play, number, 1200)
    shown = await play.slash("leaderboard")
    seen = names(shown)
    for _ in range(2):
        shown = await play.press(shown, "Next page")
        seen += names(shown)
    assert seen == list(range(25))


async def test_a_page_that_moved_meanwhile(play: Playground) -> None:
    first = await play.slash("leaderboard")
    await move(play, 24, 2000)  # the last is the first now: everybody below is one place further down
    second = await play.press(first, "Next page")
    assert names(second) == list(range(10, 20))
    assert places(said(second).splitlines()) == list(range(12, 22))
    back = await play.press(second, "Previous page")
    assert names(back) == list(range(10))
    assert places(said(back).splitlines())[0] == 2
    assert disabled(back) == [False, False]  # the new first is one page up
    assert names(await play.press(back, "Previous page")) == [24, *range(9)]


async def test_what_was_below_is_gone(play: Playground) -> None:
    first = await play.slash("leaderboard")
    for number in range(10, 25):
        await play.ladder.set_banned(play.players[number].id, "x", True)
    last = await play.press(first, "Next page")
    assert names(last) == list(range(10))
    assert disabled(last) == [True, True]


async def test_a_ladder_without_players(play: Playground) -> None:
    for user in play.players[1:]:
        await play.ladder.set_banned(user.id, "x", True)
    shown = await play.slash("leaderboard", mode="blitz")
    assert names(shown) == [0]
    assert disabled(shown) == [True, True]


async def test_pages_are_turned_by_their_owner(play: Playground) -> None:
    shown = await play.slash("leaderboard")
    assert "your own" in said(await play.press(shown, "Next page", user=play.players[1]))
    assert names(await play.press(shown, "Next page")) == list(range(10, 20))


async def test_after_a_while_the_buttons_sleep(play: Playground, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leaderboard_module, "VIEW_SECONDS", 0.05)
    shown = await play.slash("leaderboard")
    edited = await shown._until(lambda: next((c for c in shown.calls if c.method == "PATCH"), None), 10.0)
    assert edited.status == 200
    assert disabled(shown) == [True, True]


async def test_eager_pages_are_the_same(play: Playground) -> None:
    lazy = LazyPages(play.ladder, "standard")
    eager = EagerPages(await play.ladder.all_lines("standard"))
    pages: list[tuple[Page, Page]] = [(await lazy.first(), await eager.first())]
    for _ in range(2):
        ours, theirs = pages[-1]
        pages.append((await lazy.after(ours), await eager.after(theirs)))
    for _ in range(2):
        ours, theirs = pages[-1]
        pages.append((await lazy.before(ours), await eager.before(theirs)))
    for ours, theirs in pages:
        assert ours == theirs


async def test_the_eager_way_loads_everything_at_once(play: Playground) -> None:
    play.ladder.settings = dataclasses.replace(play.ladder.settings, lazy_leaderboard=False)
    first = await play.slash("leaderboard")
    second = await play.press(first, "Next page")
    assert names(second) == list(range(10, 20))
    assert [name for name in QUERIES if play.database.asked[name]] == ["all_lines"]
