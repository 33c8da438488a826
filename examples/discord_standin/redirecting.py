"""Points this process's discord.py at the stand-in named by the environment."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import discord
import yarl
from discord.gateway import DiscordWebSocket

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def redirect(environ: Mapping[str, str] = os.environ) -> Callable[[], None] | None:
    """Use the stand-in of `StandIn.environ`. Returns a function that undoes it, or None if none is named."""
    api, gateway = environ.get("DISCORD_STANDIN_API"), environ.get("DISCORD_STANDIN_GATEWAY")
    if not api or not gateway:
        return None
    before = discord.http.Route.BASE, DiscordWebSocket.DEFAULT_GATEWAY

    def undo() -> None:
        discord.http.Route.BASE, DiscordWebSocket.DEFAULT_GATEWAY = before

    discord.http.Route.BASE = api
    DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(gateway)
    return undo
