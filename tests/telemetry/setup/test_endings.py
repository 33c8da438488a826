"""What is kept of a bot's commands, however it was started and however it ends: the table in docs/reliability.md."""

from __future__ import annotations

import contextlib
import sqlite3
import sys
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from slashspan.exporters.spool.status import inspect
from tests.support import ROOT
from tests.support.commands import call
from tests.support.endings import (
    AT_EXIT,
    CELLS,
    FINISHED,
    HANDED,
    HANDED_OVER,
    NEXT_START,
    command,
    environ,
    table,
)
from tests.support.processes import bot_process
from tests.support.stored_rows import read_rows
from tests.support.waiting import until_async

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.processes import BotProcess

STATUS = {"exit": 7, "unhandled": 1, "own handler": 5, "vanish": 3, "kill": -9}
ON_WINDOWS = ("close", "exit", "unhandled", "vanish")
DATABASE = "command_calls.db"


def stored(folder: Path) -> Counter[tuple[str, str]]:
    """Command and outcome of the rows, without the command that ended the bot."""
    rows = read_rows(f"sqlite:///{folder / DATABASE}")
    assert {row["service_name"] for row in rows} <= {"bot"}
    return Counter((row["command"], row["outcome"]) for row in rows if row["command"] in ("ping", "hang"))


def commands(finished: int, in_flight: str | None) -> Counter[tuple[str, str]]:
    return Counter({("ping", "ok"): finished, **({} if in_flight is None else {("hang", in_flight): 1})})


async def play(bot: BotProcess, way: str, folder: Path) -> None:
    """FINISHED commands, and one in flight."""
    for number in range(1, FINISHED + 1):
        await (await bot.discord.slash("ping")).answered()
        if way == "exporter" and number == HANDED:
            await until_async(lambda: stored(folder).total() == HANDED)
    await (await bot.discord.slash("hang")).acknowledged()
    await bot.discord.idle()


async def end(bot: BotProcess, ending: str) -> int:
    if ending == "restart":
        await bot.discord.slash("restart")
        await bot.discord.gone()
        await bot.discord.ready()
    elif ending == "worker":
        await (await bot.discord.slash("worker")).answered()
        await bot.discord.idle()
    return await bot.end({"restart": "close", "worker": "close", "forked bot": "close"}.get(ending, ending))


@pytest.mark.parametrize(("way", "ending", "kept"), CELLS, ids=lambda text: text.replace(" ", "-"))
async def test_what_is_kept(way: str, ending: str, kept: str, tmp_path: Path) -> None:
    if sys.platform == "win32" and ending not in ON_WINDOWS:
        pytest.skip("Windows has neither such signals nor fork")
    start = command(way, ending, tmp_path)
    async with bot_process(start, tmp_path, environ(way)) as bot:
        await play(bot, way, tmp_path)
        if ending == "restart":
            assert stored(tmp_path) == commands(HANDED if kept == HANDED_OVER else 0, None)
        status = await end(bot, ending)
    terminated = 143 if kept == AT_EXIT else -15
    assert status == (terminated if ending == "terminate" else STATUS.get(ending, 0)), bot.output
    assert ("RuntimeError: unhandled" in bot.output) == (ending == "unhandled")
    if kept == AT_EXIT:
        assert stored(tmp_path) == commands(FINISHED, "cancelled"), bot.output
        return
    if ending != "restart":  # whose next start has already been
        assert stored(tmp_path) == commands(HANDED if kept == HANDED_OVER else 0, None), bot.output
    if ending == "kill":
        async with bot_process(command(way, "close", tmp_path), tmp_path, environ(way)) as bot:
            await bot.end("close")
    elif ending != "restart":  # a bot takes a second to start, and finds the same in the spool
        done = call(tmp_path / "spool", f"sqlite:///{tmp_path / DATABASE}", "spool", "drain")
        assert done.exit_code == 0, done.output
    expected = commands(FINISHED, "interrupted") if kept == NEXT_START else commands(HANDED, None)
    assert stored(tmp_path) == expected, bot.output


async def test_the_exporter_alone_spools_what_it_is_handed(tmp_path: Path) -> None:
    start = command("exporter", "kill", tmp_path)
    async with bot_process(start, tmp_path, environ("exporter")) as bot:
        with contextlib.closing(sqlite3.connect(tmp_path / DATABASE, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            for _ in range(HANDED):
                await (await bot.discord.slash("ping")).answered()
            await until_async(lambda: sum(status.rows for status in inspect(tmp_path / "spool")) == HANDED)
            bot.kill()
            await bot.ended()
    assert stored(tmp_path) == commands(0, None)
    async with bot_process(command("exporter", "close", tmp_path), tmp_path, environ("exporter")) as bot:
        await bot.end("close")
    assert stored(tmp_path) == commands(HANDED, None), bot.output


def test_the_table_in_the_documents_is_the_one_that_is_tested() -> None:
    assert table() in (ROOT / "docs" / "reliability.md").read_text("utf-8"), f"docs/reliability.md needs:\n{table()}"
