"""Sending many actions at a constant rate."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from .ledger import Action
    from .server import StandIn

    Step = Callable[[StandIn], Awaitable[Action]]


async def drive(
    discord: StandIn,
    plan: Iterable[Step],
    *,
    rate: float,
    on_sent: Callable[[int], None] = lambda sent: None,
) -> list[Action]:
    """Run the steps of `plan` at `rate` per second, whatever the bot does: an open loop.

    Late steps run at once, so the rate holds over the whole run. Returns the ledger's entries.
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
