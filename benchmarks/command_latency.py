"""How long do the ladder bot's users wait, depending on how commands are logged?

The real client. The ladder's data and the log are both in PostgreSQL, 160 ms away. There is one bot process for each
logging strategy, with the quick wins off and on; all run side by side and get the same commands in each round.
Some rounds come from a user whom no bot has in its cache.
The stand-in measures the time from the gateway frame that it sends to the answer that it receives.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import tempfile
from collections import defaultdict
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from discord_standin import Guild, User, snowflake

from benchmarks._report import Report, Target, median, percentile
from tests.support import ROOT
from tests.support.otlp_backend import Backend
from tests.support.ports import free_port
from tests.support.postgres import in_own_loop, postgres
from tests.support.processes import BotProcess, bot_process
from tests.support.proxy import Proxy

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.support.postgres import Postgres

ONE_WAY_SECONDS: Final = 0.080
PLAYERS: Final = 1000
"""On the ladder; the eager leaderboard loads all of them."""
POOL: Final = 3
"""Connections of each bot to the ladder's database: as many as the queries that a command runs at once."""
APART_SECONDS: Final = 0.012
"""Between any two commands, so that no two bots begin one at the same time."""
COMMANDS: Final = ("leaderboard", "termsofservice", "setup", "profile")

WARM_UPS: Final = 3
COLD_EVERY: Final = 10
"""After so many rounds one comes from a new user, sent to the bots with the quick wins: their cache is cold."""
NONE: Final = "no logging"
SPAN: Final = "no logging, one bare span"
OLD: Final = "INSERT, then the command"
TASK: Final = "a task for each INSERT"
QUEUE: Final = "a queue in memory"
POSTGRESQL: Final = "slashspan, PostgreSQL"
SQLITE: Final = "slashspan, SQLite"
OTLP: Final = "slashspan, OTLP"
AWAY: Final = "slashspan, OTLP, collector down"
STRATEGIES: Final = {
    NONE: "none",
    SPAN: "span",
    OLD: "awaited",
    TASK: "task",
    QUEUE: "queue",
    POSTGRESQL: "slashspan",
    SQLITE: "slashspan",
    OTLP: "slashspan",
    AWAY: "slashspan",
}
QUICK_WINS: Final = ("LADDER_CACHE_PLAYERS", "LADDER_PARALLEL_READS", "LADDER_LAZY_LEADERBOARD")

REPORTED: Final[Mapping[tuple[str, bool], tuple[str, ...]]] = {
    (OLD, False): ("742", "161", "1000+", "–", "160"),
    (POSTGRESQL, False): ("582", "2", "840", "–", "0"),
    (POSTGRESQL, True): ("450", "2", "600", "–", "0"),
}
"""p50 of each command and of the step `command_logged`, as reported for the bot that motivated slashspan."""
REPORTED_NAMES: Final = ("before", "logging off the hot path", "and the quick wins")


@dataclass(slots=True)
class Variant:
    """One bot. `waits`: seconds that users waited, by command and whether the cache was cold."""

    strategy: str
    wins: bool
    environ: dict[str, str]
    user: User
    waits: defaultdict[tuple[str, bool], list[float]] = field(default_factory=lambda: defaultdict(list))

    def p50(self, command: str, cold: bool = False) -> float:
        return 1000 * median(self.waits[command, cold])

    def p99(self, command: str, cold: bool = False) -> float:
        return 1000 * percentile(self.waits[command, cold], 99)


def run(*, quick: bool = False) -> Report:
    rounds = 3 if quick else 200
    backend = Backend()
    crowd = [User(snowflake(), f"player {number}") for number in range(PLAYERS)]
    with postgres() as server, Proxy(server.port, delay=ONE_WAY_SECONDS) as far:
        variants = _variants(server, far, backend, crowd)
        try:
            asyncio.run(_measure(variants, backend, rounds, crowd[len(variants) :]))
        finally:
            backend.stop()
    return _report(variants, rounds)


def _variants(server: Postgres, far: Proxy, backend: Backend, crowd: Sequence[User]) -> list[Variant]:
    """Each with a user of its own, taken from the start of `crowd`."""
    ladder = server.create_database()
    variants: list[Variant] = []
    for strategy, name in STRATEGIES.items():
        for wins in (False, True):
            log = server.dsn(server.create_database(), port=far.port)
            environ = {
                "PYTHONPATH": os.pathsep.join((str(ROOT / "examples"), str(ROOT))),
                "LADDER_DSN": server.dsn(ladder, port=far.port),
                "LADDER_POOL": str(POOL),
                **dict.fromkeys(QUICK_WINS, str(wins).lower()),
                "LOGGING_STRATEGY": name,
                "LOGGING_DSN": log,
            }
            if strategy == POSTGRESQL:
                environ["SLASHSPAN_DSN"] = log
            elif strategy == SQLITE:
                environ["SLASHSPAN_DSN"] = f"sqlite:///calls-{len(variants)}.db"
            elif strategy in (OTLP, AWAY):
                port = backend.port if strategy == OTLP else free_port()
                environ["OTEL_TRACES_EXPORTER"] = "otlp"
                environ["OTEL_EXPORTER_OTLP_PROTOCOL"] = "grpc"
                environ["OTEL_EXPORTER_OTLP_ENDPOINT"] = f"http://127.0.0.1:{port}"
            variants.append(Variant(strategy, wins, environ, crowd[len(variants)]))
    in_own_loop(_enrol(server.dsn(ladder), crowd))
    return variants


async def _enrol(dsn: str, crowd: Sequence[User]) -> None:
    from ladder_bot.database import open_database
    from ladder_bot.enrolment import Enrolled, enrol

    dice = random.Random(1)
    database = open_database(dsn)
    await database.open()
    await enrol(database, [Enrolled(user.id, user.name, "Chile", dice.randint(600, 1600)) for user in crowd])
    await database.close()


async def _measure(variants: Sequence[Variant], backend: Backend, rounds: int, strangers: Sequence[User]) -> None:
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
            backend.start()  # after the processes: gRPC warns about forks
            pairs = list(zip(bots, variants, strict=True))
            quick = [(bot, variant) for bot, variant in pairs if variant.wins]
            unknown = iter(strangers)
            for name in WARM_UPS * COMMANDS:
                # One for each connection, so that all of them have prepared the statements.
                await asyncio.gather(*(_ask(bot, name, variant.user, guild) for bot, variant in POOL * pairs))
            dice, turn = random.Random(1), asyncio.Lock()
            for number in range(rounds):
                await _round(dice, turn, pairs, guild)
                if number % COLD_EVERY == 0:
                    await _round(dice, turn, quick, guild, {name: next(unknown) for name in COMMANDS})


async def _round(
    dice: random.Random,
    turn: asyncio.Lock,
    pairs: Sequence[tuple[BotProcess, Variant]],
    guild: Guild,
    strangers: Mapping[str, User] | None = None,
) -> None:
    """Every command once to each bot, one after the other, in random order; `strangers`: from these users.

    Nearly all of a command's time is spent waiting for the database: meanwhile the other bots are asked.
    """

    async def ask_all(bot: BotProcess, variant: Variant) -> None:
        for name in dice.sample(COMMANDS, len(COMMANDS)):
            user = strangers[name] if strangers else variant.user
            async with turn:
                await asyncio.sleep(APART_SECONDS)
            variant.waits[name, strangers is not None].append(await _ask(bot, name, user, guild))

    await asyncio.gather(*(ask_all(*pair) for pair in dice.sample(pairs, len(pairs))))


async def _ask(bot: BotProcess, command: str, user: User, guild: Guild) -> float:
    """Seconds from the frame to the answer."""
    action = await bot.discord.slash(command, user=user, guild=guild)
    answer = await action.answered()
    return (answer.received_ns - action.sent_ns) / 1e9


def _report(variants: Sequence[Variant], rounds: int) -> Report:
    rows = [
        _cells(variant, variants, cold)
        for variant in variants
        for cold in ((True, False) if variant.wins else (False,))
    ]
    reported = zip(REPORTED_NAMES, REPORTED.values(), strict=True)
    rows += [[f"reported: {name}", *values] for name, values in reported]
    targets = []
    for wins in (False, True):
        base, span, ours = (_find(variants, strategy, wins) for strategy in (NONE, SPAN, POSTGRESQL))
        for mark, most in (("p50", 0.1), ("p99", 2.0)):
            more, floor = (
                max(getattr(variant, mark)(command) - getattr(base, mark)(command) for command in COMMANDS)
                for variant in (ours, span)
            )
            text = f"{_name(POSTGRESQL, wins)}: every command's {mark} within {most:g} ms of no logging: {more:+.1f} ms"
            text += f"; one bare span: {floor:+.1f} ms"
            targets.append(Target(text, more <= most))
    return Report(
        "command_latency",
        "How long do the ladder bot's users wait, depending on how commands are logged?",
        ("ms", *COMMANDS, "command_logged"),
        rows,
        targets=targets,
        notes=(
            f"each cell: p50 / p99 of {rounds} calls in interleaved rounds; with fewer than 100, p99 is the slowest",
            "quick wins: cached players, parallel queries, only the first ten lines of the leaderboard",
            f"cold: {len(variants[1].waits[COMMANDS[0], True])} calls by users who were not in the cache yet",
            "command_logged: the p50 of termsofservice, which waits for nothing else, minus its p50 without logging",
            "one bare span: one span of the SDK with the same attributes, created before the command and not exported",
            "reported: for the bot that motivated slashspan, whose commands run other and more queries",
        ),
        draw=partial(_draw, variants),
    )


def _cells(variant: Variant, variants: Sequence[Variant], cold: bool) -> list[str]:
    times = [f"{_ms(variant.p50(command, cold))} / {_ms(variant.p99(command, cold))}" for command in COMMANDS]
    base = _find(variants, NONE, variant.wins)
    logged = variant.p50("termsofservice", cold) - base.p50("termsofservice", cold)
    name = _name(variant.strategy, variant.wins) + (", cold" if cold else "")
    return [name, *times, "–" if variant is base else f"{logged:.1f}"]


def _ms(milliseconds: float) -> str:
    return f"{milliseconds:.0f}" if milliseconds >= 10 else f"{milliseconds:.1f}"


def _name(strategy: str, wins: bool) -> str:
    return f"{strategy} + quick wins" if wins else strategy


def _find(variants: Sequence[Variant], strategy: str, wins: bool) -> Variant:
    return next(variant for variant in variants if (variant.strategy, variant.wins) == (strategy, wins))


def _draw(variants: Sequence[Variant], file: Path) -> None:
    from benchmarks._latency_chart import draw

    measured = {
        command: {(v.strategy, v.wins): (v.p50(command), v.p99(command)) for v in variants} for command in COMMANDS
    }
    reported = {
        command: {key: float(cells[number].rstrip("+")) for key, cells in REPORTED.items() if cells[number] != "–"}
        for number, command in enumerate(COMMANDS)
    }
    draw(file, tuple(STRATEGIES), measured, reported)
