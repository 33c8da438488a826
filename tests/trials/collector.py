"""A bot, the collector and ClickHouse under load are killed again and again; each command must be in the view once.

    make trial-collector ROUNDS=100

The bot sends spans alone; the collector has the configuration for one host. What is expected comes from the stand-in's
ledger and the bot's own notes, as in `crash.py`.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click
from discord_standin import StandIn
from rich.progress import Progress

from slashspan.exporters.spool.status import inspect
from slashspan.semconv import KIND
from tests.support import clickhouse
from tests.support.clickhouse_calls import calls, into_clickhouse, migrated
from tests.support.clickhouse_server import ClickhouseServer
from tests.support.collector import BINARY, WITHOUT, Collector
from tests.support.processes import becomes_ready
from tests.support.waiting import until
from tests.trials.crash import POINTS, Result, dies_at, environ_of, load, start_bot

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

KILLS: Final = (
    ("collector",),
    ("clickhouse",),
    ("bot",),
    ("collector", "clickhouse"),
    ("collector stops",),
    ("bot", "collector"),
    ("bot", "collector", "clickhouse"),
)
"""What is killed together; the collector is also ended by SIGTERM, as by an upgrade."""
UNANSWERED: Final = 30
"""Commands at a time, so that most of them have finished when the bot is killed."""
DELAYS_MS: Final = ("20", "2000")
"""A bot has sent nearly everything when it is killed, or very little."""
DELIVERED_SECONDS: Final = 180.0
DATABASE: Final = "trial"
COUNT: Final = f"SELECT count() AS count FROM {DATABASE}.otel_traces WHERE mapContains(SpanAttributes, '{KIND}')"


@dataclass
class Trial:
    """The three processes, and how each is killed and started again."""

    folder: Path
    chance: random.Random
    discord: StandIn
    server: ClickhouseServer
    collector: Collector
    environ: dict[str, str]
    bot: asyncio.subprocess.Process | None = None
    killed: dict[str, int] = field(default_factory=dict)
    spans: int = 0
    """Of commands, in ClickHouse at the end; each that was sent twice counts twice."""

    async def start(self, what: str) -> None:
        if what == "bot":
            point = self.chance.choice(POINTS)
            delay = {"OTEL_BSP_SCHEDULE_DELAY": self.chance.choice(DELAYS_MS)}
            self.bot = await start_bot(self.environ | delay | dies_at(point, self.chance))
            if not await becomes_ready(self.bot, self.discord):  # it died while it adopted
                await self.kill("bot")
                await self.start("bot")
        else:
            running = self.server if what == "clickhouse" else self.collector
            await asyncio.to_thread(running.start)

    async def kill(self, what: str) -> None:
        self.killed[what] = self.killed.get(what, 0) + 1
        if what == "bot":
            assert self.bot is not None
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.bot.pid, signal.SIGKILL)  # not through Popen, which might reap it before asyncio does
            await self.bot.wait()
            await self.discord.gone()
        elif what == "clickhouse":
            self.server.kill()
        elif what == "collector":
            self.collector.kill()
        else:
            await asyncio.to_thread(self.collector.stop)

    async def round(self, kills: Sequence[str]) -> None:
        """Kill these in the middle of the load, which goes on while they start again."""
        assert self.bot is not None
        loading = asyncio.create_task(load(self.discord, self.bot, self.chance, 3600.0, unanswered=UNANSWERED))
        await asyncio.sleep(self.chance.uniform(0.2, 1.5))
        for what in kills:
            await self.kill(what)
        await asyncio.sleep(self.chance.uniform(0.0, 0.5))
        for what in kills:
            await self.start(what.partition(" ")[0])
        loading.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await loading
        if self.bot.returncode is not None:  # it killed itself
            await self.kill("bot")
            await self.start("bot")

    async def end(self) -> None:
        """Let the bot send what is in its spool, and end."""
        assert self.bot is not None
        await self.kill("bot")
        self.bot = await start_bot(self.environ)
        assert await becomes_ready(self.bot, self.discord)
        await self.discord.idle()
        await _until(lambda: not any(status.rows or status.in_flight for status in inspect(self.folder / "spool")))
        self.bot.send_signal(signal.SIGTERM)
        await self.bot.wait()


async def _until(condition: Callable[[], object]) -> None:
    await asyncio.to_thread(until, condition, DELIVERED_SECONDS, pause=0.2)


async def trial(
    folder: Path, kills: Sequence[Sequence[str]], seed: int, on_round: Callable[[], None] = lambda: None
) -> tuple[Result, Trial]:
    """One round for each of `kills`, then wait until everything is delivered."""
    finished = folder / "finished"
    finished.touch()
    server = ClickhouseServer(folder / "clickhouse")
    collector = Collector(folder, into_clickhouse(server, DATABASE))
    try:
        await asyncio.to_thread(server.start)
        await asyncio.to_thread(migrated, server, DATABASE)
        await asyncio.to_thread(collector.start)
        async with StandIn() as discord:
            environ = environ_of(discord, folder, finished) | {
                "OTEL_TRACES_EXPORTER": "otlp",
                "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{collector.grpc_port}",
                "OTEL_EXPORTER_OTLP_TIMEOUT": "2",
                "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "512",
            }
            running = Trial(folder, random.Random(seed), discord, server, collector, environ)
            try:
                await running.start("bot")
                for each in kills:
                    await running.round(each)
                    on_round()
                await running.end()
            finally:
                if running.bot is not None and running.bot.returncode is None:
                    running.bot.kill()
                    await running.bot.wait()
            sent = {action.id for action in discord.ledger.actions}
            answered = {action.id for action in discord.ledger.actions if action.ack is not None}
        ids = {int(line) for line in finished.read_text().split()}
        rows: list[tuple[int, str]] = []

        def all_there() -> bool:
            rows[:] = [(row["interaction_id"], row["outcome"]) for row in calls(server, DATABASE)]
            return (ids | answered) <= {key for key, _ in rows}

        with contextlib.suppress(AssertionError):  # the result says what is missing
            await _until(all_there)
        running.spans = server.query(COUNT)[0]["count"]
        return Result(sent, answered, ids, rows, sum(running.killed.values())), running
    finally:
        collector.kill()
        server.kill()


@click.command()
@click.option("--rounds", default=100, show_default=True)
@click.option("--seed", default=None, type=int, help="Seed of the random rounds; a new one each time by default.")
def main(rounds: int, seed: int | None) -> None:
    """Kill bot, collector and ClickHouse under load, many times, and compare the view with what the bot did."""
    for installed, missing in ((BINARY.exists(), WITHOUT), (clickhouse.installed(), clickhouse.MISSING)):
        if not installed:
            sys.exit(missing)
    seed = random.randrange(2**32) if seed is None else seed
    click.echo(f"seed {seed}")
    kills = random.Random(seed).choices(KILLS, k=rounds)
    with tempfile.TemporaryDirectory() as folder, Progress() as progress:
        task = progress.add_task("killed", total=rounds)
        result, running = asyncio.run(trial(Path(folder), kills, seed, lambda: progress.advance(task)))
    faults = result.faults()
    interrupted = sum(outcome == "interrupted" for _, outcome in result.rows)
    click.echo(
        f"{', '.join(f'{what} {count} ×' for what, count in running.killed.items())}; "
        f"{len(result.sent)} commands sent, {len(result.finished)} finished, {len(result.rows)} rows, "
        f"{interrupted} of them interrupted; {running.spans} spans of commands stored; "
        + (f"WRONG: {'; '.join(faults)}" if faults else "none lost, none duplicated")
    )
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()
