"""What does recording cost the whole bot process?

A real client under a load from another process, the stand-in's. The ways take turns: without telemetry, with a bare
SDK span in each command, with the peer and an exporter that discards everything, and with all of slashspan:
instrumentation, spool, threads, rows in SQLite. CPU time is the kernel's account of the process and its threads;
instructions are counted by valgrind, where it is installed, and hardly differ from run to run.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import re
import shutil
import sqlite3
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import psutil
from discord_standin import Guild, snowflake

from benchmarks._process_bot import CUSTOM_ID, NONE, PEER, SLASHSPAN, SPAN, WAYS
from benchmarks._report import Report, Target, median
from tests.support import ROOT
from tests.support.processes import bot_process

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence

    from discord_standin import Action, StandIn

    from tests.support.processes import BotProcess

RECORDED: Final = ("slash command", "button", "prefix command")
KINDS: Final = (*RECORDED, "plain message")
BROKEN: Final = frozenset({(PEER, "prefix command"), (PEER, "plain message")})
"""The peer replaces `on_message`, so the bot does not see prefix commands any more."""
UNRECORDED: Final = frozenset({(PEER, "button")})
"""The peer makes no span of it, so there is nothing to compare with."""
AT_ONCE: Final = 8
"""Commands in flight: the bot always has another one to work on."""
SETTLE_SECONDS: Final = 1.5
"""A batch leaves after a second at most; then its rows are written."""
MOST: Final = {"slash command": 1.25, "button": 1.25, "prefix command": 1.25, "plain message": 1.02}
WARM_UP: Final = 120
COUNTED: Final = {**dict.fromkeys(RECORDED, 512), "plain message": 2048}
"""Calls under valgrind, which is fifty times slower: a batch of actions, as it is in a bot at saturation."""
SLOWED: Final = {"OTEL_BSP_SCHEDULE_DELAY": "600000"}
"""A batch of a second would be a few rows there: so it leaves when it is full."""
BATCH: Final = 512
"""The default of OTEL_BSP_MAX_EXPORT_BATCH_SIZE."""
TIMES: Final = 4
"""So many more plain messages than actions are sent: they take a fifth of the time."""
VALGRIND: Final = ("valgrind", "--quiet", "--tool=callgrind", "--instr-atstart=no")


class Cpu(NamedTuple):
    """Seconds of CPU time."""

    process: float
    threads: float
    """Of all but the main thread."""


Measured = dict[tuple[str, str], list[float]]
"""By way and kind."""


def run(*, quick: bool = False) -> Report:
    rounds, calls = (2, 200) if quick else (15, 1000)
    with tempfile.TemporaryDirectory() as folder:
        cpu, threads, rate = asyncio.run(_cpu(Path(folder), rounds, calls))
    counted: Mapping[tuple[str, str], float] = {}
    if shutil.which("callgrind_control"):
        with tempfile.TemporaryDirectory() as folder:
            counted = asyncio.run(_instructions(Path(folder)))
    return _report(cpu, threads, rate, counted, f"{rounds} rounds of {calls} calls")


def _command(way: str) -> list[str]:
    return ["-m", "benchmarks._process_bot", way]


@contextlib.asynccontextmanager
async def _bots(
    folder: Path, guild: Guild, ways: Sequence[str], prefix: Sequence[str] = ()
) -> AsyncIterator[dict[str, BotProcess]]:
    async with contextlib.AsyncExitStack() as stack:

        async def start(way: str) -> BotProcess:
            own = folder / str(WAYS.index(way))
            own.mkdir()
            environ = {"PYTHONPATH": f"{ROOT}:{ROOT / 'examples'}", "PYTHONHASHSEED": "0", **(SLOWED if prefix else {})}
            python, command = (prefix[0], [*prefix[1:], sys.executable, *_command(way)]) if prefix else ("", [])
            return await stack.enter_async_context(
                bot_process(command or _command(way), own, environ, python=python or sys.executable, guilds=[guild])
            )

        started = await asyncio.gather(*map(start, ways))
        yield dict(zip(ways, started, strict=True))


async def _load(discord: StandIn, kind: str, guild: Guild, calls: int) -> None:
    """So many calls, AT_ONCE at a time, each answered before the next one."""
    if kind == "plain message":
        for _ in range(calls):
            await discord.message("just talking", prefix=False, guild=guild)
        await discord.idle()
        return
    button = {"type": 2, "custom_id": CUSTOM_ID, "label": "press", "style": 1}
    message = discord.shown({"components": [{"type": 1, "components": [button]}]}, guild.channel)
    send: dict[str, Callable[[], Awaitable[Action]]] = {
        "slash command": lambda: discord.slash("ping", guild=guild),
        "button": lambda: discord.press(message, guild=guild),
        "prefix command": lambda: discord.message("!pong", guild=guild),
    }
    left = iter(range(calls))

    async def worker() -> None:
        for _ in left:
            action = await send[kind]()
            await (action.acknowledged(60) if kind == "button" else action.answered(60))

    await asyncio.gather(*(worker() for _ in range(AT_ONCE)))


async def _cpu(folder: Path, rounds: int, calls: int) -> tuple[Measured, Measured, Measured]:
    """Seconds of CPU time per call, of the process and of its threads alone; and calls per second."""
    guild = Guild(snowflake())
    cpu, threads, rate = (defaultdict[tuple[str, str], list[float]](list) for _ in range(3))
    dice = random.Random(1)
    async with _bots(folder, guild, WAYS) as bots:
        for number in range(rounds + 1):
            for kind in KINDS:
                before = {way: _spent(bot) for way, bot in bots.items()}
                seconds: dict[str, float] = {}
                for way in dice.sample(WAYS, len(WAYS)):
                    if (way, kind) in BROKEN:
                        continue
                    count = (calls if number else WARM_UP) * (TIMES if kind == "plain message" else 1)
                    started = time.perf_counter()
                    await _load(bots[way].discord, kind, guild, count)
                    seconds[way] = time.perf_counter() - started
                await asyncio.sleep(SETTLE_SECONDS)
                if number == 0:  # warms up
                    continue
                for way, taken in seconds.items():
                    spent = _spent(bots[way])
                    cpu[way, kind].append((spent.process - before[way].process) / count)
                    threads[way, kind].append((spent.threads - before[way].threads) / count)
                    rate[way, kind].append(count / taken)
    return cpu, threads, rate


def _spent(bot: BotProcess) -> Cpu:
    process = psutil.Process(bot.pid)
    used = process.cpu_times()
    own = sum(thread.user_time + thread.system_time for thread in process.threads() if thread.id != bot.pid)
    return Cpu(used.user + used.system, own)


async def _instructions(folder: Path) -> dict[tuple[str, str], float]:
    """Instructions per call of the process, with all its threads, without those of an idle bot in the same time.

    Under valgrind everything but the clock is slow: timers would count fifty times as much as they do in a bot.
    """
    guild = Guild(snowflake())
    counted: dict[tuple[str, str], float] = {}
    prefix = (*VALGRIND, f"--callgrind-out-file={folder}/out.%p")
    for way in WAYS:  # one at a time: a start takes long there
        async with _bots(folder, guild, [way], prefix) as bots:
            bot, rows = bots[way], _Rows(folder / str(WAYS.index(way)) if way == SLASHSPAN else None)
            for kind in KINDS:
                if (way, kind) in BROKEN:
                    continue
                calls, recorded = COUNTED[kind], COUNTED[kind] * (kind in RECORDED)
                await rows.stored(_load(bot.discord, kind, guild, BATCH), BATCH * (kind in RECORDED))
                # A full collection falls into so few calls or not, by chance.
                await rows.stored((await bot.discord.slash("collect", guild=guild)).answered(60), 1)
                idle, idle_seconds = await _count(folder, bot)
                load = rows.stored(_load(bot.discord, kind, guild, calls), recorded)
                busy, busy_seconds = await _count(folder, bot, load)
                counted[way, kind] = (busy - idle * busy_seconds / idle_seconds) / calls
    return counted


class _Rows:
    """The rows of a bot with SLOWED; None: of one that writes none."""

    def __init__(self, folder: Path | None) -> None:
        self._file = None if folder is None else folder / "command_calls.db"
        self._recorded = 0

    async def stored(self, load: Awaitable[object], recorded: int) -> None:
        """Await it, and then that all batches that are full are stored."""
        await load
        self._recorded += recorded
        full = self._recorded - self._recorded % BATCH
        if self._file is not None and full:
            while not self._file.exists() or _stored(self._file) < full:
                await asyncio.sleep(0.1)


def _stored(file: Path) -> int:
    with contextlib.closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True)) as connection:
        try:
            (count,) = connection.execute("SELECT count(*) FROM command_calls").fetchone()
        except sqlite3.OperationalError:  # not created yet
            return 0
        return int(count)


async def _count(folder: Path, bot: BotProcess, load: Awaitable[None] | None = None) -> tuple[int, float]:
    """Instructions while the load runs, or while nothing happens, and the seconds that this took."""
    pid = str(bot.pid)
    await _control("-i=on", pid)
    started = time.perf_counter()
    if load is not None:
        await load
    await asyncio.sleep(SETTLE_SECONDS)
    seconds = time.perf_counter() - started
    await _control("-i=off", pid)
    await _control("-d", pid)
    return _dumped(folder, bot.pid), seconds


def _dumped(folder: Path, pid: int) -> int:
    """The instructions in valgrind's dumps, which are removed."""
    found = 0
    for file in folder.glob(f"out.{pid}.*"):
        found += sum(map(int, re.findall(r"^totals: (\d+)", file.read_text(), re.MULTILINE)))
        file.unlink()
    return found


async def _control(*arguments: str) -> None:
    process = await asyncio.create_subprocess_exec(
        "callgrind_control", *arguments, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL
    )
    await process.wait()


def _report(
    cpu: Measured, threads: Measured, rate: Measured, counted: Mapping[tuple[str, str], float], measured: str
) -> Report:
    seconds = {key: median(values) for key, values in cpu.items()}
    chosen, by = (counted, "instructions") if counted else (seconds, "CPU time")
    rows = [
        (
            f"{kind}: {way}",
            _thousands(counted.get((way, kind))),
            _ratio(counted, way, kind),
            _us(seconds.get((way, kind))),
            f"{_in_turn(cpu, way, kind):.2f}" if (way, kind) in cpu else "–",
            _us(median(threads[way, kind]) if (way, kind) in threads else None),
            f"{median(rate[way, kind]):,.0f}" if (way, kind) in rate else "–",
            f"{_in_turn(rate, way, kind):.2f}" if (way, kind) in rate else "–",
        )
        for kind in KINDS
        for way in WAYS
    ]
    targets = []
    for kind, most in MOST.items():
        ratio = chosen[SLASHSPAN, kind] / chosen[NONE, kind] if counted else _in_turn(cpu, SLASHSPAN, kind)
        targets.append(Target(f"a {kind}: at most {most:g} × no telemetry by {by}: {ratio:.3f}", ratio <= most))
    for kind in KINDS:
        if (PEER, kind) not in BROKEN | UNRECORDED:
            ratio = chosen[SLASHSPAN, kind] / chosen[PEER, kind]
            targets.append(Target(f"a {kind}: less than the peer by {by}: {ratio:.2f} ×", ratio < 1))
    for kind in RECORDED:
        kept, bare = _in_turn(rate, SLASHSPAN, kind), _in_turn(rate, SPAN, kind)
        text = f"a {kind}: at least 80 % of the calls per second at saturation: {kept:.0%} (the bare span: {bare:.0%})"
        targets.append(Target(text, kept >= 0.8))
    counting = f"instructions: {BATCH} calls under valgrind, in one batch; {COUNTED['plain message']} plain messages"
    if not counted:
        counting = "instructions: valgrind is not installed"
    return Report(
        "process_cost",
        "What does recording cost the whole bot process?",
        ("per call", "instructions", "÷ none", "CPU, µs", "÷ none", "of it threads, µs", "calls/s", "÷ none"),
        rows,
        targets=targets,
        notes=(
            f"CPU time, calls/s: medians of {measured}, {AT_ONCE} at a time ({TIMES} times as many plain messages)",
            "the ways take turns in random order; ratios are medians of the ratios in each round",
            f"{counting}; the client's HTTP and WebSocket traffic is included",
            "slashspan: spool and a SQLite file included; the peer and the bare span: a batch processor that discards",
            "the peer replaces `on_message`: a bot with it does not see prefix commands; it makes no span of a button",
        ),
    )


def _in_turn(values: Measured, way: str, kind: str) -> float:
    """To no telemetry in the same round: the machine's speed differs more from one round to another than the ways."""
    return median([own / none for own, none in zip(values[way, kind], values[NONE, kind], strict=True)])


def _ratio(values: Mapping[tuple[str, str], float], way: str, kind: str) -> str:
    return f"{values[way, kind] / values[NONE, kind]:.2f}" if (way, kind) in values else "–"


def _us(seconds: float | None) -> str:
    return "–" if seconds is None else f"{seconds * 1e6:.0f}"


def _thousands(instructions: float | None) -> str:
    return "–" if instructions is None else f"{instructions / 1000:,.0f} k"
