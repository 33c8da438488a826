"""How long do the ladder bot's users wait, by how their commands are logged?

The real client; the ladder's data and the log are both in PostgreSQL, 160 ms away. A bot in a process of its own for
each way of logging, with the quick wins off and on, all side by side: in each round every bot gets the same commands.
Measured by the stand-in: from the frame that it sends to the answer that it receives.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import tempfile
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from discord_standin import Guild, User, snowflake

from benchmarks._report import Aim, Report, median, percentile
from tests.support.collector import Backend
from tests.support.postgres import in_own_loop, postgres
from tests.support.processes import ROOT, BotProcess, bot_process
from tests.support.proxy import Proxy

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.support.postgres import Postgres

ONE_WAY_SECONDS: Final = 0.080
PLAYERS: Final = 1000
"""On the ladder: what the eager leaderboard loads."""
POOL: Final = 3
"""Connections of each bot to its ladder: as many as a command reads at once."""
APART_SECONDS: Final = 0.012
"""Between the bots' commands of one round, so that none is served while another is."""
COMMANDS: Final = ("leaderboard", "termsofservice", "setup", "profile")

WARM_UPS: Final = 3
NONE: Final = "no logging"
SPAN: Final = "no logging, one bare span"
OLD: Final = "INSERT, then the command"
TASK: Final = "a task for each INSERT"
QUEUE: Final = "a queue in memory"
POSTGRESQL: Final = "slashspan, PostgreSQL"
OTLP: Final = "slashspan, OTLP"
WAYS: Final = {
    NONE: "none",
    SPAN: "span",
    OLD: "awaited",
    TASK: "task",
    QUEUE: "queue",
    POSTGRESQL: "slashspan",
    OTLP: "slashspan",
}
QUICK_WINS: Final = ("LADDER_CACHE_PLAYERS", "LADDER_PARALLEL_READS", "LADDER_LAZY_LEADERBOARD")

TOLD: Final[Mapping[tuple[str, bool], tuple[str, ...]]] = {
    (OLD, False): ("742", "161", "1000+", "–", "160"),
    (POSTGRESQL, False): ("582", "2", "840", "–", "0"),
    (POSTGRESQL, True): ("450", "2", "600", "–", "0"),
}
"""p50 of each command and of the step `command_logged`, of the bot that this began with, in its own words."""
TOLD_NAMES: Final = ("before", "logging off the hot path", "and the quick wins")


@dataclass(slots=True)
class Variant:
    """One bot; `seconds` holds what its users waited, by command."""

    way: str
    wins: bool
    environ: dict[str, str]
    user: User
    seconds: dict[str, list[float]] = field(default_factory=lambda: {command: [] for command in COMMANDS})

    def p50(self, command: str) -> float:
        return 1000 * median(self.seconds[command])

    def p99(self, command: str) -> float:
        return 1000 * percentile(self.seconds[command], 99)


def run(*, quick: bool = False) -> Report:
    rounds = 3 if quick else 60
    backend = Backend()
    with postgres() as server, Proxy(server.port, delay=ONE_WAY_SECONDS) as far:
        variants = _variants(server, far, backend)
        try:
            asyncio.run(_measure(variants, backend, rounds))
        finally:
            backend.stop()
    return _report(variants, rounds)


def _variants(server: Postgres, far: Proxy, backend: Backend) -> list[Variant]:
    ladder = server.create_database()
    variants = []
    for way, name in WAYS.items():
        for wins in (False, True):
            log = server.dsn(server.create_database(), port=far.port)
            environ = {
                "PYTHONPATH": os.pathsep.join((str(ROOT / "examples"), str(ROOT))),
                "LADDER_DSN": server.dsn(ladder, port=far.port),
                "LADDER_POOL": str(POOL),
                **dict.fromkeys(QUICK_WINS, str(wins).lower()),
                "LOGGING_WAY": name,
                "LOGGING_DSN": log,
            }
            if way == POSTGRESQL:
                environ["SLASHSPAN_DSN"] = log
            elif way == OTLP:
                environ["OTEL_TRACES_EXPORTER"] = "otlp"
                environ["OTEL_EXPORTER_OTLP_PROTOCOL"] = "grpc"
                environ["OTEL_EXPORTER_OTLP_ENDPOINT"] = f"http://127.0.0.1:{backend.port}"
            variants.append(Variant(way, wins, environ, User(snowflake(), f"user of {way} {wins}")))
    in_own_loop(_enrol(server.dsn(ladder), [variant.user for variant in variants]))
    return variants


async def _enrol(dsn: str, users: Sequence[User]) -> None:
    from ladder_bot.database import open_database
    from ladder_bot.enrolment import Enrolled, enrol

    dice = random.Random(1)
    crowd = [*users, *(User(snowflake(), f"player {number}") for number in range(PLAYERS - len(users)))]
    database = open_database(dsn)
    await database.open()
    await enrol(database, [Enrolled(user.id, user.name, "Chile", dice.randint(600, 1600)) for user in crowd])
    await database.close()


async def _measure(variants: Sequence[Variant], backend: Backend, rounds: int) -> None:
    guild = Guild(snowflake())
    with tempfile.TemporaryDirectory() as folder:
        async with contextlib.AsyncExitStack() as stack:
            command = ["-m", "benchmarks._ladder_process"]
            bots = await asyncio.gather(
                *(
                    stack.enter_async_context(bot_process(command, Path(folder), variant.environ, guilds=[guild]))
                    for variant in variants
                )
            )
            backend.start()  # after the processes: gRPC complains of forks
            dice = random.Random(1)
            pairs = list(zip(bots, variants, strict=True))
            for name in WARM_UPS * COMMANDS:
                # As many at once as there are connections: each must know the statements.
                await asyncio.gather(*(_ask(bot, name, variant.user, guild, 0.0) for bot, variant in POOL * pairs))
            for name in rounds * COMMANDS:
                dice.shuffle(pairs)  # being late in a round must not be one way's lot
                asked = (
                    _ask(bot, name, variant.user, guild, number * APART_SECONDS)
                    for number, (bot, variant) in enumerate(pairs)
                )
                for (_, variant), seconds in zip(pairs, await asyncio.gather(*asked), strict=True):
                    variant.seconds[name].append(seconds)


async def _ask(bot: BotProcess, command: str, user: User, guild: Guild, after: float) -> float:
    """Seconds from frame to answer."""
    await asyncio.sleep(after)
    action = await bot.discord.slash(command, user=user, guild=guild)
    answer = await action.answered()
    return (answer.received_ns - action.sent_ns) / 1e9


def _report(variants: Sequence[Variant], rounds: int) -> Report:
    rows = [_cells(variant, variants) for variant in variants]
    rows += [[f"as told: {name}", *told] for name, told in zip(TOLD_NAMES, TOLD.values(), strict=True)]
    aims = []
    for wins in (False, True):
        base, ours = _find(variants, NONE, wins), _find(variants, POSTGRESQL, wins)
        for mark, most in (("p50", 0.1), ("p99", 2.0)):
            more = max(getattr(ours, mark)(command) - getattr(base, mark)(command) for command in COMMANDS)
            text = f"{_name(POSTGRESQL, wins)}: every command's {mark} within {most:g} ms of no logging: {more:+.1f} ms"
            aims.append(Aim(text, more <= most))
    return Report(
        "command_latency",
        "How long do the ladder bot's users wait, by how their commands are logged?",
        ("ms", *COMMANDS, "command_logged"),
        rows,
        aims=aims,
        notes=(
            f"each cell: p50 / p99 of {rounds} calls in interleaved rounds; with fewer than 100, p99 is the slowest",
            "quick wins: players cached (warm), reads in parallel, the leaderboard's first ten lines only",
            "command_logged: the p50 of termsofservice, which waits for nothing else, over that without logging",
            "one bare span: the same attributes, made by hand before the command and sent nowhere: the SDK's own share",
            "as told: what was said of the bot that this began with, which reads more and other things",
        ),
        draw=partial(_draw, variants),
    )


def _cells(variant: Variant, variants: Sequence[Variant]) -> list[str]:
    times = [f"{_ms(variant.p50(command))} / {_ms(variant.p99(command))}" for command in COMMANDS]
    base = _find(variants, NONE, variant.wins)
    logged = variant.p50("termsofservice") - base.p50("termsofservice")
    return [_name(variant.way, variant.wins), *times, "–" if variant is base else f"{logged:.1f}"]


def _ms(milliseconds: float) -> str:
    return f"{milliseconds:.0f}" if milliseconds >= 10 else f"{milliseconds:.1f}"


def _name(way: str, wins: bool) -> str:
    return f"{way} + quick wins" if wins else way


def _find(variants: Sequence[Variant], way: str, wins: bool) -> Variant:
    return next(variant for variant in variants if (variant.way, variant.wins) == (way, wins))


def _draw(variants: Sequence[Variant], file: Path) -> None:
    from benchmarks._latency_chart import draw

    measured = {command: {(v.way, v.wins): (v.p50(command), v.p99(command)) for v in variants} for command in COMMANDS}
    told = {
        command: {key: float(values[number].rstrip("+")) for key, values in TOLD.items() if values[number] != "–"}
        for number, command in enumerate(COMMANDS)
    }
    draw(file, tuple(WAYS), measured, told)
