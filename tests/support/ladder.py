"""The reference bot on a ladder of its own, driven by a test."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from discord_standin import Guild, User, snowflake

if TYPE_CHECKING:
    from collections.abc import Sequence

    from discord_standin import Action, StandIn
    from ladder_bot.database import Database, Row, Statement
    from ladder_bot.ladder import Ladder

GUILD = Guild(snowflake())


class CountingDatabase:
    """A database that counts its queries by name; `before` is awaited before each one, with its name."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.queries: Counter[str] = Counter()
        self.before: Any = None

    async def open(self) -> None:
        await self._database.open()

    async def close(self) -> None:
        await self._database.close()

    async def fetch(self, name: str, *parameters: Any) -> list[Row]:
        self.queries[name] += 1
        if self.before is not None:
            await self.before(name)
        return await self._database.fetch(name, *parameters)

    async def apply(self, statements: Sequence[Statement]) -> None:
        self.queries.update(statement[0] for statement in statements)
        await self._database.apply(statements)


class Playground:
    """The bot, its ladder and Discord; `players` are set up, ratings falling from 1500 by ten."""

    def __init__(self, discord: StandIn, ladder: Ladder, database: CountingDatabase, players: list[User]) -> None:
        self.discord = discord
        self.ladder = ladder
        self.database = database
        self.players = players

    async def slash(self, command: str, user: User | None = None, **options: Any) -> Action:
        action = await self.discord.slash(command, options=options, user=user or self.players[0], guild=GUILD)
        await action.answered()
        return action

    async def press(self, shown: Action, label: str | None = None, **how: Any) -> Action:
        await self.discord.idle()  # the client has read Discord's answer and listens for the buttons
        action = await self.discord.press(shown, label, **how)
        await action.answered()
        return action


def said(action: Action) -> str:
    """The text of the newest message."""
    return str(action.messages[-1]["content"])


def disabled(action: Action) -> list[bool]:
    """Whether the message's two buttons are disabled."""
    return [bool(item.get("disabled")) for item in action.messages[-1]["components"][0]["components"]]
