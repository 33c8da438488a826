"""Players who are there from the start: of an older ladder, of the demo."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ladder_bot.ladder import MODES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ladder_bot.database import Database, Statement


@dataclass(frozen=True, slots=True)
class Enrolled:
    """A player who has accepted the terms and is set up, with the same rating in every mode."""

    uid: int
    name: str
    country: str
    rating: int


async def enrol(database: Database, players: Iterable[Enrolled]) -> None:
    """All of them, or none. Who is on the ladder already keeps the ratings of old."""
    statements: list[Statement] = []
    for player in players:
        statements += [
            ("accept_terms", player.uid, player.name),
            ("set_up_player", player.uid, player.country, MODES[0]),
            *(("start_rating", player.uid, mode, player.rating) for mode in MODES),
        ]
    await database.apply(statements)
