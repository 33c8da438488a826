"""Sending many actions at a steady rate."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from discord_standin.ledger import Action
    from discord_standin.server import StandIn

    Step = Callable[[StandIn], Awaitable[Action]]


async def drive(
    discord: StandIn,
    plan: Iterable[Step],
    *,
    rate: float,
    on_sent: Callable[[int], None] = lambda sent: None,
) -> list[Action]:
    """Take each step of `plan` at its moment, `rate` a second, whatever the bot does: an open loop.

    Late steps are made up for at once, so the rate holds over the run. Returns the ledger's entries.
    """
    started = time.monotonic()
    actions: list[Action] = []
    for number, step in enumerate(plan):
        delay = started + number / rate - time.monotonic()
        if delay > 0:
            await asyncio.sleep(delay)
        actions.append(await step(discord))
        on_sent(len(actions))
    return actions
