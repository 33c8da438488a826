"""How bots log commands into a distant database without slashspan.

Each strategy stores the interaction's id, so that lost and duplicate rows can be counted.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any, Final, Protocol

import asyncpg
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind

from benchmarks._sinks import NoExporter

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import discord

CREATE: Final = """
CREATE TABLE IF NOT EXISTS old_calls (
    id serial PRIMARY KEY, interaction_id bigint, discord_uid bigint, player_name text, command text,
    called_at timestamptz DEFAULT now()
)
"""
INSERT: Final = "INSERT INTO old_calls (interaction_id, discord_uid, player_name, command) VALUES ($1, $2, $3, $4)"
FLUSH_SECONDS: Final = 1.0
"""How long the queue collects rows: as long as slashspan's batches."""
STATEMENT_SECONDS: Final = 5.0


class Strategy(Protocol):
    """How a command is logged."""

    async def open(self) -> None: ...

    async def log(self, interaction: discord.Interaction) -> None:
        """Awaited in the command before anything else."""

    async def close(self) -> None:
        """Called when the bot shuts down normally."""


class Nothing:
    """No logging."""

    async def open(self) -> None: ...

    async def log(self, interaction: discord.Interaction) -> None: ...

    async def close(self) -> None: ...


class _Pooled:
    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._pool: Any = None

    async def open(self) -> None:
        # Without asyncpg's reset, which would cost a round trip for each row.
        self._pool = await asyncpg.create_pool(
            self._dsn, min_size=2, max_size=10, command_timeout=STATEMENT_SECONDS, reset=_no_reset
        )
        await self._pool.execute(CREATE)

    async def close(self) -> None: ...


async def _no_reset(_: Any) -> None: ...


class Awaited(_Pooled):
    """An INSERT, awaited before the command."""

    async def log(self, interaction: discord.Interaction) -> None:
        with contextlib.suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncio.TimeoutError):
            await self._pool.execute(INSERT, *_row(interaction))


class TaskEach(_Pooled):
    """A task for each INSERT, not awaited."""

    def __init__(self, dsn: str) -> None:
        super().__init__(dsn)
        self._tasks: set[asyncio.Task[Any]] = set()

    async def log(self, interaction: discord.Interaction) -> None:
        task = asyncio.create_task(self._insert(_row(interaction)))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _insert(self, row: tuple[Any, ...]) -> None:
        with contextlib.suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncio.TimeoutError):
            await self._pool.execute(INSERT, *row)


class Queued(_Pooled):
    """A queue in memory, written every second; a failed batch is retried."""

    def __init__(self, dsn: str) -> None:
        super().__init__(dsn)
        self._rows: list[tuple[Any, ...]] = []

    async def open(self) -> None:
        await super().open()
        self._task = asyncio.create_task(self._flush())

    async def log(self, interaction: discord.Interaction) -> None:
        self._rows.append(_row(interaction))

    async def _flush(self) -> None:
        while True:
            await asyncio.sleep(FLUSH_SECONDS)
            await self._write()

    async def _write(self) -> None:
        batch, self._rows = self._rows, []
        try:
            if batch:
                await self._pool.executemany(INSERT, batch)
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncio.TimeoutError):
            self._rows = batch + self._rows

    async def close(self) -> None:
        await self._write()


class BareSpan:
    """No logging: one span of the SDK, created by hand with the attributes that slashspan would set."""

    def __init__(self, _: str) -> None: ...

    async def open(self) -> None:
        provider = TracerProvider()
        provider.add_span_processor(BatchSpanProcessor(NoExporter()))
        self._tracer = provider.get_tracer(__name__)

    async def log(self, interaction: discord.Interaction) -> None:
        number, user, name, command = _row(interaction)
        attributes = {
            "kind": "slash",
            "command": command,
            "interaction": str(number),
            "user": str(user),
            "name": name,
            "guild": str(interaction.guild_id),
            "channel": str(interaction.channel_id),
            "locale": interaction.locale.value,
            "guild locale": str(interaction.guild_locale),
            "shard": 0,
            "context": "guild",
            "installation": "guild",
            "delay": 0.0,
        }
        with self._tracer.start_as_current_span(command, kind=SpanKind.SERVER, attributes=attributes):
            pass

    async def close(self) -> None: ...


def _row(interaction: discord.Interaction) -> tuple[Any, ...]:
    command = interaction.command.qualified_name if interaction.command else ""
    return interaction.id, interaction.user.id, interaction.user.name, command


STRATEGIES: Final[Mapping[str, Callable[[str], Strategy]]] = {
    "awaited": Awaited,
    "task": TaskEach,
    "queue": Queued,
    "span": BareSpan,
}


def strategy_named(name: str, dsn: str) -> Strategy:
    """No logging for any other name."""
    return STRATEGIES[name](dsn) if name in STRATEGIES else Nothing()
