"""Players who are on the ladder from the start: imported from an older one, or made up for the demo."""

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
    """Add the players in one transaction. Those already on the ladder keep their ratings."""
    statements: list[Statement] = []
    for player in players:
        statements += [
            ("accept_terms", player.uid, player.name),
            ("set_up_player", player.uid, player.country, MODES[0]),
            *(("start_rating", player.uid, mode, player.rating) for mode in MODES),
        ]
    await database.apply(statements)
