"""The gateway: when a frame was received, before anything is parsed, and which connections are alive.

A context variable holds the frame: discord.py parses it synchronously and starts the handlers' tasks from there, so
each task inherits the frame that caused it.
"""

from __future__ import annotations

import time
import weakref
from contextvars import ContextVar
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from discord.gateway import DiscordWebSocket

    from telemetry.instrument.patching import Patches

DISCORD_EPOCH_MS: Final = 1_420_070_400_000
"""2015-01-01, the zero of snowflakes (https://discord.com/developers/docs/reference#snowflakes)."""
CLOCK_TOLERANCE_MS: Final = 2_000
"""How far Discord's clock may be ahead of ours before a frame counts as an older one."""


class Frame(NamedTuple):
    """One received gateway frame."""

    wall_ns: int
    """`time.time_ns()` at receive."""
    monotonic_ns: int
    """`time.perf_counter_ns()` at the same time; durations are measured from this one."""
    shard_id: int | None


_current: ContextVar[tuple[int, int, int | None] | None] = ContextVar("slashspan_frame", default=None)
"""The fields of a `Frame`: most frames are not actions, and a named tuple takes three times as long to create."""


def frame_of(snowflake: int) -> Frame:
    """The frame that delivered the interaction or message with this id; if there is none, one received now.

    A task that waited (`wait_for`) still has the frame with which it was started. Such a frame is older than the
    snowflake.
    """
    seen = _current.get()
    if seen is not None and created_ms(snowflake) - seen[0] // 1_000_000 <= CLOCK_TOLERANCE_MS:
        return Frame(*seen)
    return Frame(time.time_ns(), time.perf_counter_ns(), None)


def created_ms(snowflake: int) -> int:
    """When Discord created the snowflake, milliseconds since 1970-01-01 UTC."""
    return (snowflake >> 22) + DISCORD_EPOCH_MS


class Shards:
    """The live gateway connections, by shard, referenced weakly."""

    def __init__(self) -> None:
        self._refs: dict[int | None, weakref.ref[DiscordWebSocket]] = {}

    def track(self, socket: DiscordWebSocket) -> None:
        """Called with every frame: cheap when the connection is known."""
        ref = self._refs.get(socket.shard_id)
        if ref is None or ref() is not socket:
            self._refs[socket.shard_id] = weakref.ref(socket)

    def latencies(self) -> Iterator[tuple[int, float]]:
        """Shard, and seconds from its last heartbeat to the answer, for shards that got an answer."""
        for shard, socket in self._alive():
            if (latency := socket.latency) < float("inf"):
                yield shard, latency

    def guild_count(self) -> int:
        """The number of guilds that the bot is in, on all shards."""
        states = {id(socket._connection): socket._connection for _, socket in self._alive()}
        return sum(len(state._guilds) for state in states.values())

    def _alive(self) -> Iterator[tuple[int, DiscordWebSocket]]:
        for shard, ref in list(self._refs.items()):
            socket = ref()
            if socket is not None and socket.open:
                yield shard or 0, socket


def install(patches: Patches, shards: Shards) -> None:
    """Record the receive time of every frame."""
    from discord.gateway import DiscordWebSocket

    wall, monotonic, track = time.time_ns, time.perf_counter_ns, shards.track

    def received(socket: DiscordWebSocket) -> None:
        _current.set((wall(), monotonic(), socket.shard_id))
        track(socket)

    patches.before(DiscordWebSocket, "received_message", received)
