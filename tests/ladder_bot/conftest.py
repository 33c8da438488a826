"""A ladder with some players, in a database of each kind, and its bot."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from discord_standin import Guild, User, snowflake
from ladder_bot.bot import LadderBot
from ladder_bot.enrolment import Enrolled, enrol
from ladder_bot.ladder import Ladder
from ladder_bot.settings import LadderSettings

from tests.support.bots import running

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path

    from discord_standin import Action, StandIn
    from ladder_bot.database import Database, Row, Statement

    from tests.support.postgres import Postgres

GUILD = Guild(snowflake())
PLAYERS = 25


class Counting:
    """A database that counts what is asked of it, by query; `before` runs ahead of each, with its name."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.asked: Counter[str] = Counter()
        self.before: Any = None

    async def open(self) -> None:
        await self._database.open()

    async def close(self) -> None:
        await self._database.close()

    async def fetch(self, name: str, *parameters: Any) -> list[Row]:
        self.asked[name] += 1
        if self.before is not None:
            await self.before(name)
        return await self._database.fetch(name, *parameters)

    async def apply(self, statements: Sequence[Statement]) -> None:
        self.asked.update(statement[0] for statement in statements)
        await self._database.apply(statements)


class Playground:
    """The bot, its ladder and Discord; `players` are set up, ratings falling from 1500 by ten."""

    def __init__(self, discord: StandIn, ladder: Ladder, counting: Counting, players: list[User]) -> None:
        self.discord = discord
        self.ladder = ladder
        self.database = counting
        self.players = players

    async def slash(self, command: str, user: User | None = None, **options: Any) -> Action:
        action = await self.discord.slash(command, options=options, user=user or self.players[0], guild=GUILD)
        await action.answered()
        return action

    async def press(self, shown: Action, label: str | None = None, **how: Any) -> Action:
        await self.discord.idle()  # the client has read Discord's answer and listens to the buttons
        action = await self.discord.press(shown, label, **how)
        await action.answered()
        return action


def said(action: Action) -> str:
    return str(action.messages[-1]["content"])


def disabled(action: Action) -> list[bool]:
    """Of the message's two buttons."""
    return [bool(item.get("disabled")) for item in action.messages[-1]["components"][0]["components"]]


@pytest.fixture(params=["sqlite", "postgresql"])
def ladder_dsn(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'ladder.db'}"
    server: Postgres = request.getfixturevalue("server")
    return server.dsn(request.getfixturevalue("database"))


@pytest.fixture
def settings(ladder_dsn: str) -> LadderSettings:
    return LadderSettings(dsn=ladder_dsn, pool=3)


@pytest.fixture
async def play(settings: LadderSettings) -> AsyncIterator[Playground]:
    ladder = Ladder(settings)
    counting = Counting(ladder.database)
    ladder.database = counting
    bot = LadderBot(ladder=ladder)
    async with running(bot, guilds=[GUILD]) as discord:
        players = [User(snowflake(), f"player {number}") for number in range(PLAYERS)]
        await enrol(counting, [Enrolled(p.id, p.name, "Chile", 1500 - 10 * n) for n, p in enumerate(players)])
        counting.asked.clear()
        yield Playground(discord, ladder, counting, players)
