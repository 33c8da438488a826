"""Answering in time: an interaction expires after 3 s without an acknowledgement."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import Any, Final

import discord
from discord import app_commands

from ladder_bot.guard import Refused

DEFER_AFTER_SECONDS: Final = 1.5
"""When a command that has not answered is acknowledged. Earlier would cost every quick command a second request."""
_log = logging.getLogger("ladder_bot")
ERROR_ANSWER: Final = "Something went wrong. The error has been logged."
_KEY: Final = "reply"
_MISSING: Final[Any] = discord.utils.MISSING


class Reply:
    """The one answer to an interaction, which is acknowledged automatically if the answer takes long.

    `private`: only the user sees it. `edits`: it edits the message whose component was used.
    """

    def __init__(self, interaction: discord.Interaction, *, private: bool = False, edits: bool = False) -> None:
        self._interaction = interaction
        self._private = private
        self._edits = edits
        self._answering = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None
        self._timer = asyncio.get_running_loop().call_later(DEFER_AFTER_SECONDS, self._late)

    @classmethod
    def to(cls, interaction: discord.Interaction, **how: bool) -> Reply:
        """The reply already started for this interaction, or a new one."""
        reply = interaction.extras.get(_KEY)
        if not isinstance(reply, cls):
            reply = interaction.extras[_KEY] = cls(interaction, **how)
        return reply

    def _late(self) -> None:
        self._task = asyncio.create_task(self.acknowledge())

    async def acknowledge(self) -> None:
        """Defer the answer, unless it has been sent."""
        self._timer.cancel()
        async with self._answering:  # the acknowledgement and the answer must not overtake each other
            if not self._interaction.response.is_done():
                with contextlib.suppress(discord.HTTPException):  # the answer will fail with the same error
                    await self._interaction.response.defer(ephemeral=self._private, thinking=not self._edits)

    async def send(self, content: str, *, view: discord.ui.View | None = None) -> None:
        """Answer with a new message. `private` has no effect once the interaction has been acknowledged."""
        self._timer.cancel()
        shown = _MISSING if view is None else view
        async with self._answering:
            if not self._interaction.response.is_done():
                await self._interaction.response.send_message(content, view=shown, ephemeral=self._private)
            elif self._edits:
                await self._interaction.followup.send(content, view=shown, ephemeral=True)
            else:
                await self._interaction.edit_original_response(content=content, view=shown)

    async def edit(self, content: str, *, view: discord.ui.View | None) -> None:
        """Answer by editing the message whose component was used."""
        self._timer.cancel()
        async with self._answering:
            if self._interaction.response.is_done():
                await self._interaction.edit_original_response(content=content, view=view)
            else:
                await self._interaction.response.edit_message(content=content, view=view)


async def answer_error(interaction: discord.Interaction, error: Exception) -> None:
    """Show the user that the command failed: the message of a failed check, but no details of other errors."""
    words = ERROR_ANSWER
    if isinstance(error, app_commands.CheckFailure):
        words = str(error) if isinstance(error, Refused) else "Not now."
    else:
        _log.error(
            "%s failed", interaction.command.qualified_name if interaction.command else "a component", exc_info=error
        )
    with contextlib.suppress(discord.HTTPException):
        await Reply.to(interaction, private=True).send(words)
