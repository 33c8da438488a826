"""Rows to write."""

from __future__ import annotations

import dataclasses
from typing import Any

from exporters.rows.command_call import CommandCall

FULL = CommandCall(
    called_at_us=1_795_452_472_714_022,
    span_id=-(2**63),
    trace_id="0af7651916cd43dd8448eb211c80319c",
    discord_uid=80351110224678912,
    player_name="nelly",
    command="admin ban",
    kind="slash",
    outcome="error",
    error_type="KeyError",
    duration_ms=12.5,
    ack_ms=3.25,
    gateway_delay_ms=-0.5,
    rate_limited_ms=0.0,
    interaction_id=1574466529095843846,
    guild_id=197038439483310086,
    channel_id=155101607195836416,
    shard_id=3,
    locale="en-US",
    guild_locale="de",
    service_name="ladder-bot",
    service_version="1.2.3",
    environment="test",
    checkpoints='[{"name":"rows_fetched","at_ms":1.5,"step_ms":1.5}]',
    attributes='{"ladder.page":2}',
)
BARE = CommandCall(1, 1, "0" * 32, 0, "", "", "prefix", "ok")


def rows(count: int, **changes: Any) -> list[CommandCall]:
    """That many, each its own."""
    return [dataclasses.replace(FULL, span_id=n, called_at_us=FULL.called_at_us + n, **changes) for n in range(count)]
