"""Running a real discord.py client against the stand-in, in the test's own event loop."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

from discord_standin import StandIn, redirect

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import discord


@contextlib.asynccontextmanager
async def running(bot: discord.Client, **stand_in: Any) -> AsyncIterator[StandIn]:
    """Connect `bot` to a stand-in of its own; close it at the end."""
    async with StandIn(**stand_in) as standin:
        undo = redirect(standin.environ)
        assert undo is not None
        task = asyncio.create_task(bot.start("token"))
        try:
            await _ready_or_failed(task, standin.ready())
            yield standin
        finally:
            await bot.close()
            with contextlib.suppress(asyncio.CancelledError):
                await task
            undo()
        assert standin.ledger.unexpected == []


async def _ready_or_failed(task: asyncio.Task[None], ready: Any) -> None:
    """Wait until the client is ready; raise its error if it fails before."""
    waiting = asyncio.ensure_future(ready)
    await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED)
    if not waiting.done():
        waiting.cancel()
        await task
    await waiting
