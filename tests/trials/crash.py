"""A bot under load is killed again and again; each command that it finished must be in the table once.

    make trial-crash ROUNDS=1000

What is expected does not come from slashspan: the stand-in's ledger knows which interactions were sent and answered,
and the bot's own listener writes down which commands finished.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click
from discord_standin import StandIn
from rich.progress import Progress

from tests.support import ROOT
from tests.support.processes import becomes_ready
from tests.support.stored_rows import read_rows

if TYPE_CHECKING:
    from collections.abc import Callable

    from discord_standin import Action

POINTS = ("time", "time", "commit", "append", "start")


@dataclass(frozen=True)
class Result:
    """Interaction ids: what was sent and what was recorded."""

    sent: set[int]
    answered: set[int]
    finished: set[int]
    rows: list[tuple[int, str]]
    """Interaction and outcome of each row."""
    killed: int

    def faults(self) -> list[str]:
        """What is wrong; empty if nothing was lost or duplicated."""
        outcomes = dict(self.rows)
        duplicates = len(self.rows) - len(outcomes)
        wrong = [
            ("duplicate rows", duplicates),
            ("finished, but no row", len(self.finished - set(outcomes))),
            ("finished, but not recorded as ok", sum(outcomes.get(key, "ok") != "ok" for key in self.finished)),
            ("answered, but no row", len(self.answered - set(outcomes))),
            ("rows of nothing that was sent", len(set(outcomes) - self.sent)),
            ("ok without an answer", sum(o == "ok" and key not in self.answered for key, o in outcomes.items())),
            ("an unexpected outcome", sum(o not in ("ok", "interrupted") for o in outcomes.values())),
        ]
        return [f"{what}: {number}" for what, number in wrong if number]


async def trial(folder: Path, dsn: str, rounds: int, seed: int, on_kill: Callable[[], None] = lambda: None) -> Result:
    """Kill a bot `rounds` times, then run it until everything is delivered."""
    chance = random.Random(seed)
    finished = folder / "finished"
    finished.touch()
    killed = 0
    async with StandIn() as discord:
        environ = environ_of(discord, folder, finished) | {"SLASHSPAN_DSN": dsn}
        for _ in range(rounds):
            point = chance.choice(POINTS)
            dies = dies_at(point, chance)
            process = await start_bot(environ | dies)
            if await becomes_ready(process, discord):  # not if it dies while it adopts
                await load(discord, process, chance, chance.uniform(0.01, 0.5) if point == "time" else 3.0)
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGKILL)  # not through Popen, which might reap it before asyncio does
            killed += await process.wait() == -signal.SIGKILL
            await discord.gone()
            on_kill()
        process = await start_bot(environ | {"OTEL_BSP_SCHEDULE_DELAY": "1"})
        assert await becomes_ready(process, discord)
        await discord.idle()
        process.send_signal(signal.SIGTERM)
        await process.wait()
        sent = {action.id for action in discord.ledger.actions}
        answered = {action.id for action in discord.ledger.actions if action.ack is not None}
    ids = {int(line) for line in finished.read_text().split()}
    rows = await asyncio.to_thread(_rows, dsn)
    return Result(sent, answered, ids, rows, killed)


def dies_at(point: str, chance: random.Random) -> dict[str, str]:
    """The variable of a bot that kills itself at that point; none for `time`."""
    return {} if point == "time" else {"DIE_AT": f"{point}:{chance.randint(1, 40 if point != 'commit' else 6)}"}


def environ_of(discord: StandIn, folder: Path, finished: Path) -> dict[str, str]:
    """Variables of a bot with its spool in `folder` that sends small batches, and appends to `finished`."""
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "SLASHSPAN_"))},
        **discord.environ,
        "PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "examples"))),
        "SLASHSPAN_SPOOL": str(folder / "spool"),
        "OTEL_BSP_SCHEDULE_DELAY": "20",
        "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "16",
        "FINISHED": str(finished),
    }


async def start_bot(environ: dict[str, str]) -> asyncio.subprocess.Process:
    """The bot of `bot.py`."""
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.trials.bot", cwd=ROOT, env=environ, stderr=asyncio.subprocess.DEVNULL
    )


async def load(
    discord: StandIn,
    process: asyncio.subprocess.Process,
    chance: random.Random,
    seconds: float,
    *,
    unanswered: int = sys.maxsize,
) -> None:
    """Send commands as fast as possible, until the bot dies or the time is up; up to so many that are not answered."""
    end = asyncio.get_running_loop().time() + seconds
    waiting: list[Action] = []
    while process.returncode is None and asyncio.get_running_loop().time() < end:
        waiting = [action for action in waiting if action.ack is None]
        if len(waiting) < unanswered:
            try:
                waiting.append(await discord.slash(chance.choice(("ping", "slow"))))
            except (ConnectionError, KeyError):
                return  # the bot is dead, and its connection closed
        await asyncio.sleep(0.001)


def _rows(dsn: str) -> list[tuple[int, str]]:
    return [(row["interaction_id"], row["outcome"]) for row in read_rows(dsn)]


@click.command()
@click.option("--rounds", default=1000, show_default=True)
@click.option("--jobs", default=4, show_default=True, help="Bots in parallel, each with its own table.")
@click.option("--seed", default=None, type=int, help="Seed of the random rounds; a new one each time by default.")
def main(rounds: int, jobs: int, seed: int | None) -> None:
    """Kill a bot under load, many times, and compare its table with what it did."""
    seed = random.randrange(2**32) if seed is None else seed
    click.echo(f"seed {seed}")
    with tempfile.TemporaryDirectory() as folder, Progress() as progress:
        task = progress.add_task("killed", total=rounds)
        results = asyncio.run(_all(Path(folder), rounds, jobs, seed, lambda: progress.advance(task)))
    faults = [fault for result in results for fault in result.faults()]
    interrupted = sum(outcome == "interrupted" for result in results for _, outcome in result.rows)
    click.echo(
        f"{sum(result.killed for result in results)} kills, "
        f"{sum(len(result.sent) for result in results)} commands sent, "
        f"{sum(len(result.finished) for result in results)} finished, "
        f"{sum(len(result.rows) for result in results)} rows, {interrupted} of them interrupted; "
        + (f"WRONG: {'; '.join(faults)}" if faults else "none lost, none duplicated")
    )
    sys.exit(bool(faults))


async def _all(folder: Path, rounds: int, jobs: int, seed: int, on_kill: Callable[[], None]) -> list[Result]:
    each = []
    for job in range(jobs):
        own = folder / str(job)
        own.mkdir()
        share = rounds // jobs + (job < rounds % jobs)
        each.append(trial(own, f"sqlite:///{own / 'command_calls.db'}", share, seed + job, on_kill))
    return await asyncio.gather(*each)


if __name__ == "__main__":
    main()
