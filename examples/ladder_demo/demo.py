"""Runs the stand-in, the bot in a process of its own and its users; then Ctrl-C, and the comparison."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
from datetime import datetime, timezone
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

from discord_standin import Guild, StandIn, drive, snowflake
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from ladder_demo.compare import differences
from ladder_demo.demo_players import DemoPlayers, enrol
from ladder_demo.plan import mixed
from slashspan import insights
from slashspan.insights.filters import ALL_KINDS
from slashspan.insights.terminal.overview import overview, print_overview

if TYPE_CHECKING:
    from discord_standin import Action
    from rich.console import Console

ANSWER_SECONDS: Final = 30.0
"""How long to wait for outstanding answers once everything has been sent."""
STOP_SECONDS: Final = 15.0
MAX_SHOWN: Final = 20
"""Differences that are printed."""


class BotDied(Exception):  # noqa: N818 - describes a state
    """The bot exited on its own; the message is its output."""


def run_demo(*, commands: int, rate: float, users: int, dsn: str, console: Console, seed: int = 1) -> int:
    """Send `commands` by `users` users at `rate` per second, show what `dsn` recorded, return the exit status."""
    started = datetime.now(timezone.utc)
    try:
        actions = asyncio.run(_play(commands, rate, users, seed, dsn, console))
    except BotDied as error:
        console.print(f"The bot exited on its own:\n{error}", markup=False, style="red")
        return 1
    except KeyboardInterrupt:
        console.print("Stopped.", markup=False)
        return 130
    with insights.open_reader(dsn) as reader:
        print_overview(reader.run(overview, insights.Filters(since=started, kinds=ALL_KINDS)), console)
        problems = differences(actions, reader)
    for problem in problems[:MAX_SHOWN]:
        console.print(problem, markup=False, style="red")
    if problems:
        console.print(f"{len(problems):,} differences between what was sent and what was recorded", style="bold red")
        return 1
    count = f"{len(actions):,}"
    console.print(
        f"sent {count} = recorded {count}, each once, every field right; see `slashspan dashboard`",
        style="bold green",
    )
    return 0


async def _play(commands: int, rate: float, users: int, seed: int, dsn: str, console: Console) -> list[Action]:
    guild = Guild(snowflake())
    demo_players = DemoPlayers.create(users)
    with tempfile.TemporaryFile() as output, tempfile.TemporaryDirectory(prefix="ladder-") as folder:
        own = {"LADDER_DSN": f"sqlite:///{folder}/ladder.db", "SLASHSPAN_SPOOL": str(Path(folder) / "spool")}
        await enrol(own["LADDER_DSN"], demo_players, seed)
        async with StandIn(guilds=[guild]) as discord:
            process = _start(discord, {**own, "SLASHSPAN_DSN": dsn}, output)
            try:
                await _until_ready(discord, process)
                with _progress(console) as progress:
                    task = progress.add_task("commands", total=commands)
                    actions = await drive(
                        discord,
                        mixed(commands, demo_players, guild, seed),
                        rate=rate,
                        on_sent=lambda sent: progress.update(task, completed=sent),
                    )
                    await _answers(actions)
                    await discord.idle()  # until the bot has read Discord's answers: Ctrl-C would interrupt that
                await _stop(process)
            except BotDied:
                raise BotDied(_read(output)) from None
            finally:
                if process.poll() is None:
                    process.kill()
                status = process.wait()
            if status not in (0, 130, 143):
                raise BotDied(_read(output))
            return actions


def _start(discord: StandIn, settings: dict[str, str], output: IO[bytes]) -> subprocess.Popen[bytes]:
    folder = str(Path(__file__).parent.parent)
    path = os.pathsep.join(filter(None, (folder, os.environ.get("PYTHONPATH"))))
    environ = {**os.environ, **discord.environ, **settings, "PYTHONPATH": path}
    environ.pop("DISCORD_TOKEN", None)
    return subprocess.Popen(
        [sys.executable, "-m", "ladder_bot"],
        env=environ,
        stdout=output,
        stderr=subprocess.STDOUT,
        creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
    )


async def _until_ready(discord: StandIn, process: subprocess.Popen[bytes]) -> None:
    ready = asyncio.ensure_future(discord.ready(timeout=ANSWER_SECONDS))
    while not ready.done():
        await asyncio.wait({ready}, timeout=0.1)
        if process.poll() is not None:
            ready.cancel()
            raise BotDied
    await ready


async def _answers(actions: list[Action]) -> None:
    """Wait until the last command has been answered; unknown commands never are."""
    answered = [action.answered(ANSWER_SECONDS) for action in actions if action.note.outcome != "not_found"]
    await asyncio.gather(*answered, return_exceptions=True)


async def _stop(process: subprocess.Popen[bytes]) -> None:
    """Press Ctrl-C."""
    process.send_signal(getattr(signal, "CTRL_BREAK_EVENT", signal.SIGINT))
    await asyncio.to_thread(process.wait, STOP_SECONDS)


def _read(output: IO[bytes]) -> str:
    output.seek(0)
    return output.read().decode("utf-8", "replace")[-4000:]


def _progress(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), console=console
    )
