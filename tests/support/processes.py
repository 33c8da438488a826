"""A bot in a process of its own, connected to a stand-in in the test's process."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
from discord_standin import StandIn

from tests.support import ROOT

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

PLAIN = str(ROOT / "tests" / "bots" / "plain.py")
"""A bot that imports nothing of slashspan."""
LOGS = str(ROOT / "tests" / "bots" / "logs.py")
"""A bot that logs; its first argument says how it has set up `logging`."""
INSTRUMENT = str(Path(sys.executable).parent / "opentelemetry-instrument")
"""OpenTelemetry's own command, a script for `python`."""
RUN = ["-m", "slashspan", "run"]
"""`slashspan run`, as arguments of `python`."""
READY_SECONDS = 240.0
"""Sixteen bots of a benchmark that start together on a busy machine take long, and one under valgrind longer."""


class BotProcess:
    """A running bot; `output` is complete after `ended`."""

    def __init__(self, process: asyncio.subprocess.Process, discord: StandIn) -> None:
        self._process = process
        self.discord = discord
        self.output = ""

    @property
    def pid(self) -> int:
        return self._process.pid

    def signal(self, number: int) -> None:
        self._process.send_signal(number)

    def kill(self) -> None:
        """Send SIGKILL."""
        self._process.kill()

    async def write(self, data: bytes) -> None:
        """To its standard input."""
        assert self._process.stdin is not None
        self._process.stdin.write(data)
        await self._process.stdin.drain()

    async def interrupt(self) -> None:
        """Send SIGINT (Ctrl-C) once the bot is idle: Python 3.10 interrupts whatever runs."""
        await self.discord.idle()
        self.signal(signal.SIGINT)

    async def end(self, how: str) -> int:
        """Have it end as the name of the test's case says; its exit status."""
        if how in ("close", "unhandled"):
            await self.discord.slash("leave")
        elif how == "interrupt":
            await self.interrupt()
        elif how == "exit":
            await self.discord.slash("die")
        elif how == "vanish":
            await self.discord.slash("vanish")
        elif how == "kill":
            self.kill()
        else:
            self.signal(signal.SIGTERM)
        return await self.ended()

    async def ended(self, timeout: float = 60.0) -> int:
        """Wait for the end; its exit status."""
        out, _ = await asyncio.wait_for(self._process.communicate(), timeout)
        self.output += out.decode("utf-8", "replace")
        assert self._process.returncode is not None
        return self._process.returncode


async def becomes_ready(process: asyncio.subprocess.Process, discord: StandIn) -> bool:
    """Wait until the bot is connected; False if its process ends before."""
    ready = asyncio.ensure_future(discord.ready(READY_SECONDS))
    ended = asyncio.ensure_future(process.wait())
    await asyncio.wait({ready, ended}, return_when=asyncio.FIRST_COMPLETED)
    ended.cancel()
    if not ready.done():
        ready.cancel()
        return False
    await ready
    return True


@contextlib.asynccontextmanager
async def bot_process(
    command: Sequence[str],
    cwd: Path,
    environ: dict[str, str] | None = None,
    *,
    python: str = sys.executable,
    **stand_in: Any,
) -> AsyncIterator[BotProcess]:
    """Run `python command…` connected to a stand-in; killed at the end if it is still running."""
    async with StandIn(**stand_in) as discord:
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(("OTEL_", "SLASHSPAN_"))}
        process = await asyncio.create_subprocess_exec(
            python,
            *command,
            cwd=cwd,
            env={
                **inherited,
                **discord.environ,
                "SLASHSPAN_RAISE_INTERNAL_ERRORS": "true",
                "SLASHSPAN_SPOOL": str(cwd / "spool"),
                **(environ or {}),
            },
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        bot = BotProcess(process, discord)
        try:
            if not await becomes_ready(process, discord):
                await bot.ended()
                raise AssertionError(f"the bot ended before it was ready:\n{bot.output}")
            yield bot
        finally:
            if process.returncode is None:
                for child in psutil.Process(process.pid).children(recursive=True):  # they hold its output open
                    child.kill()
                process.kill()
                await process.communicate()
