"""The gateway: when a frame was received, before anything is parsed, and which connections are alive.

A context variable holds the frame: discord.py parses it synchronously and starts the handlers' tasks from there, so
each task inherits the frame that caused it.
"""

from __future__ import annotations

import time
import weakref
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from slashspan.guard import report
from slashspan.telemetry.instrument.loop_lag import FREE
from slashspan.telemetry.instrument.patching import ANY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from discord.gateway import DiscordWebSocket

    from slashspan.telemetry.instrument.loop_lag import LoopProbe, LoopProbes
    from slashspan.telemetry.instrument.patching import Patches

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
    busy: tuple[int, int] | None
    """The stretch before it in which the event loop was busy, on the monotonic clock; FREE; None: unknown."""

    def loop_delay_ms(self, snowflake: int) -> float | None:
        """How long the interaction or message with this id may have waited to be read; None: unknown.

        An upper bound, not a measurement: the time since the loop last ran punctually, and, as far as both clocks
        agree, since Discord created the snowflake. So it includes at most one interval of the probe and the way from
        Discord to here. 0 where the loop was not busy, or had read everything before Discord created it.
        """
        if self.busy is None:
            return None
        if self.busy == FREE:
            return 0.0
        since, until = self.busy
        waited = self.monotonic_ns - since
        age = self.wall_ns - created_ms(snowflake) * 1_000_000
        if age >= 0:  # else our clock is behind Discord's
            waited = 0 if self.monotonic_ns - age >= until else min(waited, age)
        return waited / 1e6


_current: ContextVar[tuple[int, int, int | None, tuple[int, int] | None] | None] = ContextVar(
    "slashspan_frame", default=None
)
"""The fields of a `Frame`: most frames are not actions, and a named tuple takes three times as long to create."""


def frame_of(snowflake: int) -> Frame:
    """The frame that delivered the interaction or message with this id; if there is none, one received now.

    A task that waited (`wait_for`) still has the frame with which it was started. Such a frame is older than the
    snowflake.
    """
    seen = _current.get()
    # `created_ms`, without a call
    if seen is not None and (snowflake >> 22) + DISCORD_EPOCH_MS - seen[0] // 1_000_000 <= CLOCK_TOLERANCE_MS:
        return tuple.__new__(Frame, seen)
    return Frame(time.time_ns(), time.perf_counter_ns(), None, None)


def created_ms(snowflake: int) -> int:
    """When Discord created the snowflake, milliseconds since 1970-01-01 UTC."""
    return (snowflake >> 22) + DISCORD_EPOCH_MS


class Shards:
    """The live gateway connections, referenced weakly."""

    def __init__(self, probes: LoopProbes) -> None:
        self._probes = probes
        self.known: dict[int, tuple[weakref.ref[DiscordWebSocket], LoopProbe]] = {}
        """By the connection's `id`: several bots in one process may have a shard of the same number."""

    def track(self, socket: DiscordWebSocket) -> LoopProbe:
        """The probe of the event loop of a connection that is not known yet."""
        probe = self._probes.of_running_loop(self._has_open)
        for key, (ref, _) in list(self.known.items()):
            if ref() is None:
                self.known.pop(key, None)
        self.known[id(socket)] = (weakref.ref(socket), probe)
        return probe

    def latencies(self) -> Iterator[tuple[int, float]]:
        """Shard, and seconds from its last heartbeat to the answer, for shards that got an answer."""
        for shard, socket in self._alive():
            if (latency := socket.latency) < float("inf"):
                yield shard, latency

    def guild_count(self) -> int:
        """The number of guilds that the bot is in, on all shards."""
        states = {id(socket._connection): socket._connection for _, socket in self._alive()}
        return sum(len(state._guilds) for state in states.values())

    def _has_open(self, probe: LoopProbe) -> bool:
        """Whether a connection in this probe's loop is open."""
        return any(own is probe and _is_open(ref()) for ref, own in list(self.known.values()))

    def _alive(self) -> Iterator[tuple[int, DiscordWebSocket]]:
        for ref, _ in list(self.known.values()):
            socket = ref()
            if socket is not None and socket.open:
                yield socket.shard_id or 0, socket


def _is_open(socket: DiscordWebSocket | None) -> bool:
    return socket is not None and bool(getattr(socket, "open", True))


def install(patches: Patches, shards: Shards) -> None:
    """Record the receive time of every frame."""
    from discord.gateway import DiscordWebSocket

    wall, monotonic, set_current = time.time_ns, time.perf_counter_ns, _current.set
    known, track = shards.known, shards.track

    def make(original: Callable[..., Any], active: list[bool]) -> Callable[..., Any]:
        # Runs for every frame, most of which are not actions: so it calls as little as possible, and is not a
        # coroutine function, which would take twice as long.
        def received_message(socket: DiscordWebSocket, message: Any, /, *more: Any) -> Any:
            if active:
                at, now = wall(), monotonic()
                busy = None
                try:
                    found = known.get(id(socket))
                    probe = found[1] if found is not None and found[0]() is socket else track(socket)
                    busy = FREE if now < probe.free_until_ns else probe.busy(now)
                except Exception:  # noqa: BLE001 - a bug of ours stays ours
                    report("received_message")
                finally:
                    set_current((at, now, socket.shard_id, busy))  # not the frame before it
            return original(socket, message, *more) if more else original(socket, message)

        return received_message

    patches.replace(DiscordWebSocket, "received_message", make, reads=(ANY,))
