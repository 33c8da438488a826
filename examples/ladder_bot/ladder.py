"""The ladder: everything that is read from it or written to it. Each write drops the player from the cache."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from ladder_bot.database import AlreadyExists, open_database
from ladder_bot.players import Player, PlayerCache
from ladder_bot.settings import LadderSettings

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from ladder_bot.database import Database, Row, Statement

MODES: Final = ("standard", "blitz")
START_RATING: Final = 1000
STEP: Final = 32
"""Elo's K: the most points that one match can move."""
PAGE: Final = 10
"""Lines on one page of the leaderboard."""


@dataclass(frozen=True, slots=True)
class Rating:
    """A player's rating in one mode."""

    mode: str
    rating: int
    games: int
    wins: int


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the leaderboard."""

    place: int
    uid: int
    name: str
    country: str
    rating: int
    games: int
    wins: int


@dataclass(frozen=True, slots=True)
class Page:
    """Consecutive lines, and whether there are more above and below."""

    lines: Sequence[Line]
    above: bool
    below: bool


@dataclass(frozen=True, slots=True)
class Profile:
    """Everything that `/profile` shows of a player."""

    player: Player
    ratings: Sequence[Rating]
    recent: Sequence[Row]


class Ladder:
    """The ladder's queries, by purpose, on one database."""

    def __init__(self, settings: LadderSettings | None = None, cache: PlayerCache | None = None) -> None:
        self.settings = settings or LadderSettings()
        self.cache = cache or PlayerCache()
        self.database: Database = open_database(self.settings.dsn, pool=self.settings.pool)

    # Players

    async def get_or_create(self, uid: int, name: str) -> Player:
        """The player of that user, created if there is none."""

        async def load() -> Player:
            return Player.of((await self.database.fetch("get_or_create_player", uid, name))[0])

        if not self.settings.cache_players:
            return await load()
        return await self.cache.get(uid, name, load)

    async def find(self, uid: int) -> Player | None:
        """Read from the database, never from the cache; None if there is no such player."""
        rows = await self.database.fetch("find_player", uid)
        return Player.of(rows[0]) if rows else None

    async def answer_terms(self, uid: int, name: str, *, accepted: bool) -> None:
        await self._change(uid, ("accept_terms" if accepted else "decline_terms", uid, name))

    async def set_up(self, uid: int, *, country: str, mode: str) -> None:
        ratings = [("start_rating", uid, each, START_RATING) for each in MODES]
        await self._change(uid, ("set_up_player", uid, country, mode), *ratings)

    async def set_country(self, uid: int, country: str) -> None:
        await self._change(uid, ("set_country", uid, country))

    async def set_banned(self, uid: int, name: str, banned: bool) -> None:
        await self._change(uid, ("set_banned", uid, name, banned))

    async def add_note(self, uid: int, name: str, *, author: int, note: str) -> None:
        await self._change(uid, ("get_or_create_player", uid, name), ("add_note", uid, author, note))

    async def _change(self, uid: int, *statements: Statement) -> None:
        try:
            if len(statements) == 1:
                await self.database.fetch(*statements[0])  # one round trip instead of three
            else:
                await self.database.apply(statements)
        finally:
            self.cache.forget(uid)  # also after an error: the write may have been committed

    # What commands show

    async def standing(self, uid: int) -> tuple[Player | None, list[Rating]]:
        player, ratings = await self._together(lambda: self.find(uid), lambda: self._ratings(uid))
        return player, ratings

    async def profile(self, uid: int) -> Profile | None:
        """None if there is no such player."""
        player, ratings, recent = await self._together(
            lambda: self.find(uid),
            lambda: self._ratings(uid),
            lambda: self.database.fetch("recent_matches", uid),
        )
        return None if player is None else Profile(player, ratings, recent)

    async def most_wins(self) -> list[Row]:
        return await self.database.fetch("most_wins")

    async def _ratings(self, uid: int) -> list[Rating]:
        return [Rating(**row) for row in await self.database.fetch("ratings_of", uid)]

    async def _together(self, *reads: Callable[[], Awaitable[Any]]) -> list[Any]:
        if self.settings.parallel_reads:
            return await asyncio.gather(*(read() for read in reads))
        return [await read() for read in reads]

    # Matches

    async def record_match(self, report_id: int, *, mode: str, winner: int, loser: int) -> int | None:
        """Points that moved from `loser` to `winner`; None if that report has been recorded already."""
        ratings = {
            row["uid"]: row["rating"] for row in await self.database.fetch("ratings_of_two", mode, winner, loser)
        }
        expected = 1 / (1 + 10 ** ((ratings[loser] - ratings[winner]) / 400))
        change: int = round(STEP * (1 - expected))
        try:
            await self.database.apply(
                [
                    ("record_match", report_id, mode, winner, loser, change),
                    ("move_ratings", mode, winner, loser, change),
                ]
            )
        except AlreadyExists:
            return None
        return change

    # The leaderboard, paged by key: a page is found from the line next to it, wherever that line is now

    async def first_page(self, mode: str) -> Page:
        return _downwards(await self.database.fetch("first_lines", mode, PAGE + 1), above=False)

    async def page_after(self, mode: str, last: Line) -> Page:
        """The page below `last`, or the last page if nothing is below it."""
        rows = await self.database.fetch("lines_after", mode, last.rating, last.uid, PAGE + 1)
        if rows:
            return _downwards(rows, above=True)
        return _upwards(await self.database.fetch("last_lines", mode, PAGE + 1), below=False)

    async def page_before(self, mode: str, first: Line) -> Page:
        """The page above `first`, or the first page if less than a page is above it."""
        rows = await self.database.fetch("lines_before", mode, first.rating, first.uid, PAGE + 1)
        return _upwards(rows, below=True) if len(rows) >= PAGE else await self.first_page(mode)

    async def all_lines(self, mode: str) -> list[Line]:
        return _lines(await self.database.fetch("all_lines", mode), 1)


def _downwards(rows: list[Row], *, above: bool) -> Page:
    first = int(rows[0]["places"]) + 1 if rows else 1
    return Page(_lines(rows[:PAGE], first), above, len(rows) > PAGE)


def _upwards(rows: list[Row], *, below: bool) -> Page:
    """A page of rows that were read bottom up; `places` counts all lines down to the lowest of them."""
    shown = rows[:PAGE][::-1]
    first = int(rows[0]["places"]) - len(shown) + 1 if rows else 1
    return Page(_lines(shown, first), len(rows) > PAGE, below)


def _lines(rows: list[Row], first: int) -> list[Line]:
    return [
        Line(place, **{key: value for key, value in row.items() if key != "places"})
        for place, row in enumerate(rows, first)
    ]
