"""The row: one user action as it stands in `command_calls`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CommandCall:
    """One row of `command_calls`, ready for any store; `(called_at_us, span_id)` is its identity.

    Strings hold neither NUL nor lone surrogates and integers fit their columns: `from_span` sees to it.
    `checkpoints` and `attributes` are JSON text (or None), encoded once.
    """

    called_at_us: int
    """Receive time, µs since 1970-01-01 UTC."""
    span_id: int
    """Signed 64-bit."""
    trace_id: str
    """32 hex digits."""
    discord_uid: int
    player_name: str
    command: str
    kind: str
    outcome: str
    error_type: str | None = None
    duration_ms: float | None = None
    ack_ms: float | None = None
    gateway_delay_ms: float | None = None
    rate_limited_ms: float | None = None
    interaction_id: int | None = None
    guild_id: int | None = None
    channel_id: int | None = None
    shard_id: int | None = None
    locale: str | None = None
    guild_locale: str | None = None
    service_name: str | None = None
    service_version: str | None = None
    environment: str | None = None
    checkpoints: str | None = None
    attributes: str | None = None
