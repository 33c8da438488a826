"""OpenTelemetry instruments of the bot. Seconds; no user, guild or channel is ever a label."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from opentelemetry.context import Context
from opentelemetry.metrics import CallbackOptions, Observation
from opentelemetry.trace import INVALID_SPAN, set_span_in_context

from slashspan import semconv

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from opentelemetry.metrics import Meter

BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)
"""Seconds: OpenTelemetry's boundaries for HTTP servers; one is at 2.5 s, close to Discord's 3 s."""
LAG_BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)
"""Seconds; a timer is usually late by less than a millisecond, and Discord waits for 3 s."""
_NO_SPAN: Final = set_span_in_context(INVALID_SPAN, Context())  # an empty context would be replaced by the current one
"""For sums: the SDK would choose their exemplars with the global `random`, which belongs to the bot."""


class Instruments:
    """All instruments, created once per instrumentation.

    `latencies` gives shard and seconds of each connection, `guild_count` the number of guilds; both are called when
    metrics are collected.
    """

    def __init__(
        self, meter: Meter, *, latencies: Callable[[], Iterable[tuple[int, float]]], guild_count: Callable[[], int]
    ) -> None:
        self._latencies = latencies
        self._guild_count = guild_count
        self._duration = meter.create_histogram(
            "discord.interaction.duration",
            unit="s",
            description="Time from receipt to end of a user action",
            explicit_bucket_boundaries_advisory=BUCKETS,
        )
        self._ack = meter.create_histogram(
            "discord.interaction.ack.duration",
            unit="s",
            description="Time from receive to first acknowledgement of an interaction; Discord allows 3 s",
            explicit_bucket_boundaries_advisory=BUCKETS,
        )
        self._active = meter.create_up_down_counter(
            "discord.interaction.active", unit="{action}", description="User actions in flight"
        )
        self._rate_limited = meter.create_counter(
            "discord.rest.rate_limited.duration", unit="s", description="Time lost waiting for Discord's rate limits"
        )
        self._loop_lag = meter.create_histogram(
            "discord.loop.lag",
            unit="s",
            description="How late a timer ran that is due ten times a second in the bot's event loop",
            explicit_bucket_boundaries_advisory=LAG_BUCKETS,
        )
        meter.create_observable_gauge(
            "discord.gateway.latency",
            [self._observe_latency],
            unit="s",
            description="Time from heartbeat to answer, by shard",
        )
        meter.create_observable_gauge(
            "discord.guild.count", [self._observe_guilds], unit="{guild}", description="Guilds that the bot is in"
        )

        self.proxy: object = self._duration
        """Until there is a MeterProvider the API's instruments are proxies that do nothing: `_real_instrument` of each
        is None. So that nobody need call `began` and `ended` then."""

    def began(self, kind: str) -> None:
        self._active.add(1, {semconv.KIND: kind}, _NO_SPAN)

    def ended(
        self,
        kind: str,
        command: str,
        outcome: str,
        error_type: str | None,
        *,
        seconds: float,
        ack_seconds: float | None,
    ) -> None:
        """An action has ended: `seconds` after its receipt, first acknowledged `ack_seconds` after it, if at all."""
        self._active.add(-1, {semconv.KIND: kind}, _NO_SPAN)
        labels = {semconv.COMMAND_NAME: command, semconv.KIND: kind}
        if ack_seconds is not None:
            self._ack.record(ack_seconds, labels)
        labels[semconv.OUTCOME] = outcome
        if error_type is not None:
            labels[semconv.ERROR_TYPE] = error_type
        self._duration.record(seconds, labels)

    def rate_limited(self, method: str, route: str, seconds: float) -> None:
        self._rate_limited.add(seconds, {"http.request.method": method, "url.template": route}, _NO_SPAN)

    def loop_lag(self, seconds: float) -> None:
        self._loop_lag.record(seconds)

    def _observe_latency(self, _: CallbackOptions) -> Iterable[Observation]:
        for shard, latency in self._latencies():
            yield Observation(latency, {semconv.SHARD_ID: shard})

    def _observe_guilds(self, _: CallbackOptions) -> Iterable[Observation]:
        yield Observation(self._guild_count())
