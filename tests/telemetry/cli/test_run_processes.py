"""`slashspan run` records bots in other threads and processes than the one that was started."""

from __future__ import annotations

import multiprocessing
import sys
from typing import TYPE_CHECKING

import pytest

from tests.support import ROOT
from tests.support.processes import PLAIN, RUN, bot_process
from tests.support.stored_rows import read_rows

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.postgres import Postgres

LAUNCHER = str(ROOT / "tests" / "bots" / "launcher.py")
METHODS = multiprocessing.get_all_start_methods()


def recorded(dsn: str) -> list[tuple[str, str]]:
    return [(row["command"], row["outcome"]) for row in read_rows(dsn)]


IMPORTED = ["imported"]
"""The launcher imports discord before it starts the bot."""
LAUNCHES = [
    ("thread", [], "sqlite"),
    ("subprocess", [], "postgresql"),
    *((how, [], "postgresql") for how in METHODS),
    *((how, IMPORTED, "sqlite") for how in METHODS),
    # A forked process inherits connections and threads, of a different kind for each store.
    *((("fork", [], "sqlite"), ("fork", IMPORTED, "postgresql")) if "fork" in METHODS else ()),
]


@pytest.mark.parametrize(("how", "imported", "dsn"), LAUNCHES, indirect=["dsn"])
async def test_a_bot_of_a_launcher_is_recorded(how: str, imported: list[str], dsn: str, tmp_path: Path) -> None:
    # Batches are a minute apart: what is in the table was written at the end.
    environ = {"SLASHSPAN_DSN": dsn, "OTEL_BSP_SCHEDULE_DELAY": "60000"}
    async with bot_process([*RUN, LAUNCHER, how, *imported], tmp_path, environ) as bot:
        for _ in range(3):
            await (await bot.discord.slash("ping")).answered()
        await bot.discord.idle()
        await bot.discord.slash("leave")
        assert await bot.ended() == 0, bot.output
    assert "Traceback" not in bot.output, bot.output
    assert recorded(dsn) == [("ping", "ok")] * 3 + [("leave", "ok")], bot.output
    assert {row["service_name"] for row in read_rows(dsn)} == {"launcher"}


@pytest.mark.skipif(sys.platform == "win32", reason="there exec ends this process and starts another")
async def test_a_bot_that_replaces_itself_is_recorded_before_and_after(
    server: Postgres, database: str, tmp_path: Path
) -> None:
    dsn = server.dsn(database)
    environ = {"SLASHSPAN_DSN": dsn, "OTEL_BSP_SCHEDULE_DELAY": "60000"}
    async with bot_process([*RUN, PLAIN], tmp_path, environ) as bot:
        await (await bot.discord.slash("ping")).answered()
        await bot.discord.idle()
        await bot.discord.slash("restart")
        await bot.discord.gone()
        await bot.discord.ready()
        await (await bot.discord.slash("ping")).answered()
        await bot.interrupt()
        assert await bot.ended() == 0
    assert sorted(recorded(dsn)) == [("ping", "ok"), ("ping", "ok"), ("restart", "ok")], bot.output


@pytest.mark.skipif(sys.platform == "win32", reason="there `terminate` cannot be handled")
@pytest.mark.parametrize("imported", [[], ["imported"]], ids=["", "discord imported before"])
@pytest.mark.parametrize("how", METHODS)
async def test_terminate_of_multiprocessing_ends_a_bot_as_under_python(
    how: str, imported: list[str], tmp_path: Path
) -> None:
    async with bot_process([*RUN, LAUNCHER, how, "terminate", *imported], tmp_path) as bot:
        await (await bot.discord.slash("ping")).answered()
        await bot.write(b"\n")
        assert await bot.ended() == 0, bot.output
    assert "exit code -15" in bot.output
    assert "Traceback" not in bot.output
