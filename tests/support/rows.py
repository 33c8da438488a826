"""Rows for tests."""

from __future__ import annotations

import dataclasses
import json
import random
from typing import Any

from slashspan.exporters.rows.command_call import CommandCall

FULL = CommandCall(
    called_at=1_795_452_472_714_022,
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
    loop_delay_ms=1.75,
    rate_limited_ms=0.0,
    interaction_id=1574466529095843846,
    application_id=1395121340893008024,
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
BARE = CommandCall(
    called_at=1,
    span_id=1,
    trace_id="0" * 32,
    discord_uid=0,
    player_name="",
    command="",
    kind="prefix",
    outcome="ok",
)


def rows(count: int, **changes: Any) -> list[CommandCall]:
    """That many different rows."""
    return [dataclasses.replace(FULL, span_id=n, called_at=FULL.called_at + n, **changes) for n in range(count)]


def sample(count: int, seed: int) -> list[CommandCall]:
    """That many, a second apart, of four users and two commands; the same ones for the same seed."""
    dice = random.Random(seed)
    return [
        dataclasses.replace(
            FULL,
            called_at=FULL.called_at + number * 1_000_000,
            span_id=number,
            discord_uid=dice.choice([0, 1, 2, 3]),
            kind=dice.choice(["slash", "prefix"]),
            command=dice.choice(["ping", "admin ban"]),
            outcome=dice.choices(["ok", "error", "rejected", "expired"], [6, 2, 1, 1])[0],
            duration_ms=dice.choice([None, round(dice.uniform(0, 500), 3)]),
            ack_ms=dice.choice([None, round(dice.uniform(0, 500), 3)]),
            checkpoints=dice.choice([None, json.dumps([{"name": "a", "at_ms": 1, "step_ms": dice.uniform(0, 200)}])]),
        )
        for number in range(count)
    ]
