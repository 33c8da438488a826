"""The users of the demo. What each may do is known beforehand, in whatever order the commands finish."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

from discord_standin import User, snowflake, users
from ladder_bot import enrolment
from ladder_bot.database import open_database
from ladder_bot.enrolment import Enrolled

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class DemoPlayers:
    """`enrolled` are on the ladder; `newcomers` never finish their set-up; `banned` is banned."""

    enrolled: Sequence[User]
    newcomers: Sequence[User]
    opponent: User
    """The opponent in every reported match."""
    banned: User

    @classmethod
    def create(cls, count: int) -> DemoPlayers:
        """A fifth of `count` users are newcomers; at least one is a newcomer, and one is enrolled."""
        crowd = users(max(2, count))
        fifth = max(1, len(crowd) // 5)
        return cls(crowd[fifth:], crowd[:fifth], User(snowflake(), "opponent"), User(snowflake(), "banned"))


async def enrol(dsn: str, demo_players: DemoPlayers, seed: int) -> None:
    """Write the players into the ladder at `dsn`."""
    dice = random.Random(seed)
    database = open_database(dsn)
    await database.open()
    try:
        crowd = (*demo_players.enrolled, demo_players.opponent, demo_players.banned)
        await enrolment.enrol(
            database, [Enrolled(user.id, user.name, "Poland", dice.randint(600, 1600)) for user in crowd]
        )
        await database.fetch("set_banned", demo_players.banned.id, demo_players.banned.name, True)
    finally:
        await database.close()
