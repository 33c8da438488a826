"""When a gateway frame was received: noted before anything is parsed, found again by whoever handles the event.

A context variable carries it: discord.py parses a frame synchronously and starts the handlers' tasks from there, so
each of them inherits the frame it came with.
"""

from __future__ import annotations

import time
from contextvars import ContextVar
from typing import TYPE_CHECKING, Final, NamedTuple

from discord.gateway import DiscordWebSocket

if TYPE_CHECKING:
    from telemetry.instrument.metrics import Shards
    from telemetry.instrument.patching import Patches

DISCORD_EPOCH_MS: Final = 1_420_070_400_000
"""2015-01-01, the zero of snowflakes (https://discord.com/developers/docs/reference#snowflakes)."""
CLOCK_TOLERANCE_MS: Final = 2_000
"""How far Discord's clock may be ahead of ours before a frame is held to be an older one."""


class Frame(NamedTuple):
    """One received gateway frame."""

    wall_ns: int
    """`time.time_ns()` at receive."""
    steady_ns: int
    """`time.perf_counter_ns()` at the same moment; durations are taken from this one."""
    shard_id: int | None


_current: ContextVar[tuple[int, int, int | None] | None] = ContextVar("slashspan_frame", default=None)
"""What a `Frame` is made of: most frames are no action, and a named tuple takes three times as long to make."""


def frame_of(snowflake: int) -> Frame:
    """The frame that delivered the interaction or message with this id; made up from now where there is none.

    A task that waited (`wait_for`) still carries the frame it was started with. Such a frame is older than the
    snowflake, which is how it is told apart.
    """
    seen = _current.get()
    if seen is not None and created_ms(snowflake) - seen[0] // 1_000_000 <= CLOCK_TOLERANCE_MS:
        return Frame(*seen)
    return Frame(time.time_ns(), time.perf_counter_ns(), None)


def created_ms(snowflake: int) -> int:
    """When Discord made it, milliseconds since 1970-01-01 UTC."""
    return (snowflake >> 22) + DISCORD_EPOCH_MS


def install(patches: Patches, shards: Shards) -> None:
    """Note the receive time of every frame."""

    wall, steady, saw = time.time_ns, time.perf_counter_ns, shards.saw

    def received(socket: DiscordWebSocket) -> None:
        _current.set((wall(), steady(), socket.shard_id))
        saw(socket)

    patches.before(DiscordWebSocket, "received_message", received)
