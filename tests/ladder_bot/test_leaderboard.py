"""The leaderboard's pages: only what is shown is loaded, and changes to the ladder between pages do no harm."""

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
    """Set the rating, as a match would."""
    _, ratings = await play.ladder.standing(play.players[number].id)
    change = rating - ratings[0].rating
    await play.database.fetch("move_ratings", "standard", play.players[number].id, -1, change)


async def test_paging_to_the_end_and_back_shows_every_line(play: Playground) -> None:
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


async def test_only_the_shown_page_is_loaded(play: Playground) -> None:
    first = await play.slash("leaderboard")
    assert {name: play.database.queries[name] for name in QUERIES if play.database.queries[name]} == {"first_lines": 1}
    await play.press(first, "Next page")
    assert play.database.queries["lines_after"] == 1


async def test_paging_past_the_end_shows_the_last_page(play: Playground) -> None:
    shown = await play.slash("leaderboard")
    for _ in range(4):
        shown = await play.press(shown, "Next page")
    assert names(shown) == list(range(20, 25))


async def test_players_with_equal_ratings_are_each_shown_once(play: Playground) -> None:
    for number in range(25):
        await move(play, number, 1200)
    shown = await play.slash("leaderboard")
    seen = names(shown)
    for _ in range(2):
        shown = await play.press(shown, "Next page")
        seen += names(shown)
    assert seen == list(range(25))


async def test_pages_follow_lines_that_moved_in_the_meantime(play: Playground) -> None:
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


async def test_the_last_page_is_shown_when_nothing_is_left_below(play: Playground) -> None:
    first = await play.slash("leaderboard")
    for number in range(10, 25):
        await play.ladder.set_banned(play.players[number].id, "x", True)
    last = await play.press(first, "Next page")
    assert names(last) == list(range(10))
    assert disabled(last) == [True, True]


async def test_a_ladder_with_one_player_has_no_other_pages(play: Playground) -> None:
    for user in play.players[1:]:
        await play.ladder.set_banned(user.id, "x", True)
    shown = await play.slash("leaderboard", mode="blitz")
    assert names(shown) == [0]
    assert disabled(shown) == [True, True]


async def test_only_its_owner_can_page_through_a_leaderboard(play: Playground) -> None:
    shown = await play.slash("leaderboard")
    assert "your own" in said(await play.press(shown, "Next page", user=play.players[1]))
    assert names(await play.press(shown, "Next page")) == list(range(10, 20))


async def test_unused_buttons_are_disabled(play: Playground, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leaderboard_module, "VIEW_SECONDS", 0.05)
    shown = await play.slash("leaderboard")
    edited = await shown._until(lambda: next((c for c in shown.calls if c.method == "PATCH"), None), 10.0)
    assert edited.status == 200
    assert disabled(shown) == [True, True]


async def test_eager_and_lazy_pages_are_equal(play: Playground) -> None:
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


async def test_the_eager_leaderboard_loads_everything_at_once(play: Playground) -> None:
    play.ladder.settings = dataclasses.replace(play.ladder.settings, lazy_leaderboard=False)
    first = await play.slash("leaderboard")
    second = await play.press(first, "Next page")
    assert names(second) == list(range(10, 20))
    assert [name for name in QUERIES if play.database.queries[name]] == ["all_lines"]
