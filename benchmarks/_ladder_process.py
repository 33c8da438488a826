"""The reference bot in a process of its own, with the logging strategy that LOGGING_STRATEGY names."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from discord_standin import redirect
from ladder_bot.bot import LadderBot
from ladder_bot.settings import LadderSettings

import slashspan
from benchmarks._logging_strategies import strategy_named

if TYPE_CHECKING:
    import discord


class LoggedBot(LadderBot):
    """Logs each command before it does anything else."""

    async def setup_hook(self) -> None:
        self._strategy = strategy = strategy_named(os.environ["LOGGING_STRATEGY"], os.environ.get("LOGGING_DSN", ""))
        await strategy.open()
        check = self.tree.interaction_check

        async def log_first(interaction: discord.Interaction[Any]) -> bool:
            await strategy.log(interaction)
            return await check(interaction)

        self.tree.interaction_check = log_first  # type: ignore[method-assign]
        await super().setup_hook()

    async def close(self) -> None:
        first = not self.is_closed()
        await super().close()
        if first:
            await self._strategy.close()


if __name__ == "__main__":
    redirect()
    if os.environ["LOGGING_STRATEGY"] == "slashspan":
        slashspan.configure(service_name="ladder-bot")
    LoggedBot(LadderSettings.from_environ(os.environ)).run("token")
