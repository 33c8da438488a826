"""Players and their ratings. Kept in memory: the ladder starts anew with the bot."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Final

PAGE: Final = 10
START_RATING: Final = 1000


@dataclass(slots=True)
class Player:
    """One player of the ladder."""

    id: int
    name: str
    rating: int = START_RATING
    country: str = ""
    accepted_terms: bool = False
    banned: bool = False


class Ladder:
    """All players; `opponents` computer players make it a ladder from the start."""

    def __init__(self, opponents: int = 40, seed: int = 1) -> None:
        dice = random.Random(seed)
        self._players = {n: Player(n, f"computer {n}", dice.randint(600, 1600)) for n in range(1, opponents + 1)}

    def player(self, user_id: int, name: str) -> Player:
        """The player of that user, new at START_RATING on first sight."""
        return self._players.setdefault(user_id, Player(user_id, name))

    def page(self, number: int) -> list[Player]:
        """Page 0 holds the best PAGE players."""
        best = sorted(self._players.values(), key=lambda player: (-player.rating, player.id))
        return best[number * PAGE : (number + 1) * PAGE]
