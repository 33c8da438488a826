"""Who plays in the demo. What each may do is certain beforehand, in whatever order the commands end."""

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
class Cast:
    """`players` are on the ladder; `newcomers` never finish their set-up; `outcast` is banned."""

    players: Sequence[User]
    newcomers: Sequence[User]
    rival: User
    """Whom everybody has played."""
    outcast: User

    @classmethod
    def of(cls, people: int) -> Cast:
        """A fifth of `people` are newcomers, but at least one is, and one is a player."""
        crowd = users(max(2, people))
        fifth = max(1, len(crowd) // 5)
        return cls(crowd[fifth:], crowd[:fifth], User(snowflake(), "rival"), User(snowflake(), "outcast"))


async def enrol(dsn: str, cast: Cast, seed: int) -> None:
    """Write the cast into the ladder at `dsn`."""
    dice = random.Random(seed)
    database = open_database(dsn)
    await database.open()
    try:
        crowd = (*cast.players, cast.rival, cast.outcast)
        await enrolment.enrol(
            database, [Enrolled(user.id, user.name, "Poland", dice.randint(600, 1600)) for user in crowd]
        )
        await database.fetch("set_banned", cast.outcast.id, cast.outcast.name, True)
    finally:
        await database.close()
