"""A ladder with some players, in each kind of database, and its bot."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from discord_standin import User, snowflake
from ladder_bot.bot import LadderBot
from ladder_bot.enrolment import Enrolled, enrol
from ladder_bot.ladder import Ladder
from ladder_bot.settings import LadderSettings

from tests.support.bots import running
from tests.support.ladder import GUILD, CountingDatabase, Playground

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.support.postgres import Postgres

PLAYERS = 25


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
    counting = CountingDatabase(ladder.database)
    ladder.database = counting
    bot = LadderBot(ladder=ladder)
    async with running(bot, guilds=[GUILD]) as discord:
        players = [User(snowflake(), f"player {number}") for number in range(PLAYERS)]
        await enrol(counting, [Enrolled(p.id, p.name, "Chile", 1500 - 10 * n) for n, p in enumerate(players)])
        counting.queries.clear()
        yield Playground(discord, ladder, counting, players)
