"""The reference bot in a process of its own, its commands logged as LOGGING_WAY says; `slashspan`: by slashspan."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from discord_standin import redirect
from ladder_bot.bot import LadderBot
from ladder_bot.settings import LadderSettings

import telemetry
from benchmarks._logging_ways import way_of

if TYPE_CHECKING:
    import discord


class LoggedBot(LadderBot):
    """Logs each command before it does anything else."""

    async def setup_hook(self) -> None:
        self._way = way = way_of(os.environ["LOGGING_WAY"], os.environ.get("LOGGING_DSN", ""))
        await way.open()
        check = self.tree.interaction_check

        async def log_first(interaction: discord.Interaction[Any]) -> bool:
            await way.log(interaction)
            return await check(interaction)

        self.tree.interaction_check = log_first  # type: ignore[method-assign]
        await super().setup_hook()

    async def close(self) -> None:
        first = not self.is_closed()
        await super().close()
        if first:
            await self._way.close()


if __name__ == "__main__":
    redirect()
    if os.environ["LOGGING_WAY"] == "slashspan":
        telemetry.configure(service_name="ladder-bot")
    LoggedBot(LadderSettings.from_environ(os.environ)).run("token")
