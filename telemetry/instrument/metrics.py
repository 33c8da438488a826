"""OpenTelemetry instruments of the bot. Seconds; no user, guild or channel is ever a label."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Final

from opentelemetry.metrics import CallbackOptions, Observation

from slashspan import semconv

if TYPE_CHECKING:
    from collections.abc import Iterable

    from discord.gateway import DiscordWebSocket
    from opentelemetry.metrics import Meter

    from telemetry.instrument.action import Action

BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)
"""Seconds; OpenTelemetry's advice for HTTP servers, which has an edge at 2.5 s, near Discord's 3 s."""


class Shards:
    """The gateway connections that are alive, by shard."""

    def __init__(self) -> None:
        self._refs: dict[int | None, weakref.ref[DiscordWebSocket]] = {}

    def saw(self, socket: DiscordWebSocket) -> None:
        """Called with every frame: cheap when the connection is known."""
        ref = self._refs.get(socket.shard_id)
        if ref is None or ref() is not socket:
            self._refs[socket.shard_id] = weakref.ref(socket)

    def alive(self) -> Iterable[tuple[int, DiscordWebSocket]]:
        for shard, ref in list(self._refs.items()):
            socket = ref()
            if socket is not None and socket.open:
                yield shard or 0, socket


class Instruments:
    """Every instrument, made once per instrumentation."""

    def __init__(self, meter: Meter, shards: Shards) -> None:
        self._shards = shards
        self._duration = meter.create_histogram(
            "discord.interaction.duration",
            unit="s",
            description="Receive of a user action to its end",
            explicit_bucket_boundaries_advisory=BUCKETS,
        )
        self._ack = meter.create_histogram(
            "discord.interaction.ack.duration",
            unit="s",
            description="Receive of an interaction to its first acknowledgement; Discord allows 3 s",
            explicit_bucket_boundaries_advisory=BUCKETS,
        )
        self._active = meter.create_up_down_counter(
            "discord.interaction.active", unit="{action}", description="User actions in flight"
        )
        self._rate_limited = meter.create_counter(
            "discord.rest.rate_limited.duration", unit="s", description="Time lost waiting for Discord's rate limits"
        )
        meter.create_observable_gauge(
            "discord.gateway.latency",
            [self._observe_latency],
            unit="s",
            description="Heartbeat to its answer, by shard",
        )
        meter.create_observable_gauge(
            "discord.guild.count", [self._observe_guilds], unit="{guild}", description="Guilds that the bot is in"
        )

    def began(self, kind: str) -> None:
        self._active.add(1, {semconv.KIND: kind})

    def ended(self, action: Action, outcome: str, error_type: str | None, seconds: float) -> None:
        self._active.add(-1, {semconv.KIND: action.kind})
        labels = {semconv.COMMAND_NAME: action.command, semconv.KIND: action.kind}
        if action.ack_ns is not None:
            self._ack.record(action.ack_ns / 1e9, labels)
        labels[semconv.OUTCOME] = outcome
        if error_type is not None:
            labels[semconv.ERROR_TYPE] = error_type
        self._duration.record(seconds, labels)

    def rate_limited(self, method: str, route: str, seconds: float) -> None:
        self._rate_limited.add(seconds, {"http.request.method": method, "url.template": route})

    def _observe_latency(self, _: CallbackOptions) -> Iterable[Observation]:
        for shard, socket in self._shards.alive():
            if (latency := socket.latency) < float("inf"):
                yield Observation(latency, {semconv.SHARD_ID: shard})

    def _observe_guilds(self, _: CallbackOptions) -> Iterable[Observation]:
        states = {id(socket._connection): socket._connection for _, socket in self._shards.alive()}
        yield Observation(sum(len(state._guilds) for state in states.values()))
