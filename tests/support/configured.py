"""`slashspan.configure()` in the process of a test."""

from __future__ import annotations

import slashspan
from tests.support.actions.bot import make_bot
from tests.support.actions.cases import GUILD
from tests.support.bots import running

RAISING = {"SLASHSPAN_RAISE_INTERNAL_ERRORS": "true", "OTEL_BSP_SCHEDULE_DELAY": "20"}


async def say_ok(times: int = 1) -> None:
    """A user calls a command of a bot in this process, and has its answers."""
    async with running(make_bot(), guilds=[GUILD]) as standin:
        for _ in range(times):
            await (await standin.slash("ok", guild=GUILD)).answered()


class closing_telemetry:
    """A block that is recorded as these variables say. Its test unsets the global providers."""

    def __init__(self, **environ: str) -> None:
        self._handle = slashspan.configure(service_name="ladder-bot", environ={**RAISING, **environ})

    def __enter__(self) -> slashspan.Telemetry:
        return self._handle

    def __exit__(self, *_: object) -> None:
        self._handle.shutdown()
