"""`configure` and its store: one that is away, slow, without its driver, or has a table that is not ours."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import slashspan
from slashspan.errors import ConfigurationError
from tests.support import ROOT, global_providers
from tests.support.actions.bot import make_bot
from tests.support.actions.cases import GUILD
from tests.support.bots import running
from tests.support.configured import RAISING, closing_telemetry, say_ok
from tests.support.proxy import Proxy
from tests.support.stored_rows import read_outcomes
from tests.support.waiting import until, until_async

if TYPE_CHECKING:
    from tests.support.postgres import Postgres


@pytest.fixture(autouse=True)
def _own_globals(monkeypatch: pytest.MonkeyPatch) -> None:
    global_providers.unset(monkeypatch)


def test_configure_fails_at_once_for_a_table_that_is_not_ours(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "other.db")) as connection:
        connection.execute("CREATE TABLE command_calls (title TEXT)")
    with pytest.raises(ConfigurationError) as caught:
        slashspan.configure(environ={"SLASHSPAN_DSN": f"sqlite:///{tmp_path / 'other.db'}"})
    assert "SLASHSPAN_DSN" in str(caught.value)
    assert "title" in str(caught.value)
    assert "SLASHSPAN_TABLE" in str(caught.value)
    assert not slashspan.DiscordInstrumentor().is_instrumented_by_opentelemetry


def test_an_unreachable_store_at_the_start_costs_one_warning(
    server: Postgres, database: str, caplog: pytest.LogCaptureFixture
) -> None:
    with Proxy(server.port) as proxy, caplog.at_level(logging.WARNING, "slashspan"):
        proxy.refuse()
        dsn = server.dsn(database, port=proxy.port)
        with closing_telemetry(SLASHSPAN_DSN=dsn) as handle:
            asyncio.run(say_ok(3))
            until(lambda: "cannot be written now" in caplog.text)
            proxy.refuse(on=False)
            assert handle.force_flush(20)
    assert read_outcomes(server.dsn(database)) == [("slash", "ok", "ok")] * 3
    assert sum("cannot be" in record.message for record in caplog.records) == 1


async def test_rows_survive_a_store_that_fails_and_recovers(
    server: Postgres, database: str, caplog: pytest.LogCaptureFixture
) -> None:
    with Proxy(server.port) as proxy, caplog.at_level(logging.WARNING, "slashspan"):
        with closing_telemetry(SLASHSPAN_DSN=server.dsn(database, port=proxy.port)) as handle:
            async with running(make_bot(), guilds=[GUILD]) as standin:
                for round_ in range(3):
                    proxy.refuse(on=round_ == 1)
                    for _ in range(10):
                        await (await standin.slash("ok", guild=GUILD)).answered()
                    if round_ == 1:
                        await until_async(lambda: "cannot be written now" in caplog.text)
            assert await asyncio.to_thread(handle.force_flush, 20)
            counts = handle.counts
    assert counts is not None
    assert (counts.recorded, counts.stored, counts.lost) == (30, 30, 0)
    assert len(read_outcomes(server.dsn(database))) == 30


@pytest.mark.skipif(sys.platform == "win32", reason="a child gets no SIGINT on Windows")
async def test_ctrl_c_while_the_store_is_checked_ends_the_bot(tmp_path: Path) -> None:
    connected, closed = asyncio.Event(), asyncio.Event()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connected.set()
        await reader.read()  # until the bot is gone: it gets no answer
        writer.close()
        await writer.wait_closed()
        closed.set()

    script = "import slashspan; slashspan.configure(); print('configured')"
    async with await asyncio.start_server(accept, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        bot = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            script,
            cwd=ROOT,
            env={**os.environ, "SLASHSPAN_DSN": f"postgresql://user@127.0.0.1:{port}/bot"},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        await connected.wait()
        bot.send_signal(signal.SIGINT)
        output, errors = await bot.communicate()
        await closed.wait()
    assert output == b""
    assert errors.strip().endswith(b"KeyboardInterrupt")
    assert bot.returncode == -signal.SIGINT


async def test_configure_does_not_block_a_running_loop(server: Postgres, database: str) -> None:
    with Proxy(server.port) as proxy:
        proxy.black_hole()
        ticks = 0

        async def tick() -> None:
            nonlocal ticks
            while True:
                ticks += 1
                await asyncio.sleep(0)

        ticking = asyncio.create_task(tick())
        await asyncio.sleep(0)
        before = ticks
        handle = slashspan.configure(environ={**RAISING, "SLASHSPAN_DSN": server.dsn(database, port=proxy.port)})
        assert ticks == before, "configure must return without giving the loop away, and so without waiting"
        ticking.cancel()
        proxy.black_hole(on=False)
        proxy.cut()
        await asyncio.to_thread(handle.shutdown)


async def test_a_missing_extra_names_its_pip_command(tmp_path: Path) -> None:
    script = """
import sys
sys.modules["asyncpg"] = None
import slashspan
slashspan.configure(environ={"SLASHSPAN_DSN": "postgresql://h/d"})
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, cwd=ROOT)
    assert "pip install 'slashspan[postgresql]'" in done.stderr
