"""The ladder: everything that is read from it or written to it. Each write makes the cache forget whom it concerns."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from ladder_bot.database import AlreadyThere, open_database
from ladder_bot.players import Player, PlayerCache
from ladder_bot.settings import LadderSettings

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from ladder_bot.database import Database, Row, Statement

MODES: Final = ("standard", "blitz")
START_RATING: Final = 1000
STEP: Final = 32
"""Elo's K: the most that one match moves a rating."""
PAGE: Final = 10
"""Lines of the leaderboard that are shown at once."""


@dataclass(frozen=True, slots=True)
class Rating:
    """How a player stands in one mode."""

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
    """Some lines that follow each other; whether there are lines above and below."""

    lines: Sequence[Line]
    above: bool
    below: bool


@dataclass(frozen=True, slots=True)
class Profile:
    """A player with everything that `/profile` shows."""

    player: Player
    ratings: Sequence[Rating]
    recent: Sequence[Row]


class Ladder:
    """Queries by purpose, on one database."""

    def __init__(self, settings: LadderSettings | None = None, cache: PlayerCache | None = None) -> None:
        self.settings = settings or LadderSettings()
        self.cache = cache or PlayerCache()
        self.database: Database = open_database(self.settings.dsn, pool=self.settings.pool)

    # Players

    async def see(self, uid: int, name: str) -> Player:
        """The player of that user, new on first sight."""

        async def load() -> Player:
            return Player.of((await self.database.fetch("see_player", uid, name))[0])

        if not self.settings.cache_players:
            return await load()
        return await self.cache.get(uid, name, load)

    async def find(self, uid: int) -> Player | None:
        """As the database has it now; None for somebody who was never here."""
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
        await self._change(uid, ("see_player", uid, name), ("add_note", uid, author, note))

    async def _change(self, uid: int, *statements: Statement) -> None:
        try:
            if len(statements) == 1:
                await self.database.fetch(*statements[0])  # one round trip instead of three
            else:
                await self.database.apply(statements)
        finally:
            self.cache.forget(uid)  # also when it failed: it may have been written all the same

    # What commands show

    async def standing(self, uid: int) -> tuple[Player | None, list[Rating]]:
        player, ratings = await self._together(lambda: self.find(uid), lambda: self._ratings(uid))
        return player, ratings

    async def profile(self, uid: int) -> Profile | None:
        """None for somebody who was never here."""
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
        """Points that moved from `loser` to `winner`; None when that report was recorded before."""
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
        except AlreadyThere:
            return None
        return change

    # The leaderboard, by key: a page is found from the line next to it, wherever that has moved to

    async def first_page(self, mode: str) -> Page:
        return _downwards(await self.database.fetch("first_lines", mode, PAGE + 1), above=False)

    async def page_after(self, mode: str, last: Line) -> Page:
        """What is below `last` now; the last page when nothing is."""
        rows = await self.database.fetch("lines_after", mode, last.rating, last.uid, PAGE + 1)
        if rows:
            return _downwards(rows, above=True)
        return _upwards(await self.database.fetch("last_lines", mode, PAGE + 1), below=False)

    async def page_before(self, mode: str, first: Line) -> Page:
        """What is above `first` now; the first page when that is less than a page."""
        rows = await self.database.fetch("lines_before", mode, first.rating, first.uid, PAGE + 1)
        return _upwards(rows, below=True) if len(rows) >= PAGE else await self.first_page(mode)

    async def all_lines(self, mode: str) -> list[Line]:
        return _lines(await self.database.fetch("all_lines", mode), 1)


def _downwards(rows: list[Row], *, above: bool) -> Page:
    first = int(rows[0]["places"]) + 1 if rows else 1
    return Page(_lines(rows[:PAGE], first), above, len(rows) > PAGE)


def _upwards(rows: list[Row], *, below: bool) -> Page:
    """From rows that were read from below; `places` counts all lines down to the lowest of them."""
    shown = rows[:PAGE][::-1]
    first = int(rows[0]["places"]) - len(shown) + 1 if rows else 1
    return Page(_lines(shown, first), len(rows) > PAGE, below)


def _lines(rows: list[Row], first: int) -> list[Line]:
    return [
        Line(place, **{key: value for key, value in row.items() if key != "places"})
        for place, row in enumerate(rows, first)
    ]
