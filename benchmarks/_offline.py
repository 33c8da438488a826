"""A bot without a network: gateway frames go straight into discord.py, and aiohttp's requests are answered at once.

Only the cost of a command in discord.py and in its instrumentation remains, so that a few microseconds are visible.
Commands answer, as they do in a real bot: without an answer an interaction would stay open for seconds.
"""

from __future__ import annotations

import asyncio
import gc
import json
import time
from typing import TYPE_CHECKING, Any, Final

import aiohttp
import discord
from discord import app_commands
from discord.ext import commands
from discord.gateway import DiscordWebSocket

if TYPE_CHECKING:
    from collections.abc import Callable

USER = {"id": "80351110224678912", "username": "nelly", "discriminator": "0", "avatar": None}
GUILD, CHANNEL, APPLICATION = "197038439483310086", "155101607195836416", "1000000000000000001"
CUSTOM_ID = "press"


def snowflake() -> str:
    """An id with the current time, as Discord generates them."""
    return str((time.time_ns() // 1_000_000 - 1_420_070_400_000) << 22)


def slash_frame() -> str:
    return _interaction(2, {"id": "1", "name": "ping", "type": 1})


def button_frame() -> str:
    return _interaction(3, {"custom_id": CUSTOM_ID, "component_type": 2})


def message_frame(content: str) -> str:
    return json.dumps({"op": 0, "t": "MESSAGE_CREATE", "s": 1, "d": _message(content)})


def _message(content: str) -> dict[str, Any]:
    return {
        "id": snowflake(),
        "channel_id": CHANNEL,
        "type": 0,
        "author": USER,
        "content": content,
        "timestamp": "2026-01-01T00:00:00+00:00",
        "edited_timestamp": None,
        "tts": False,
        "mention_everyone": False,
        "mentions": [],
        "mention_roles": [],
        "attachments": [],
        "embeds": [],
        "pinned": False,
    }


class _Answer:
    """A response of Discord's API, as far as discord.py reads it."""

    status = 200
    reason = "OK"
    headers: Final = {
        "content-type": "application/json",
        "X-Ratelimit-Bucket": "b",
        "X-Ratelimit-Limit": "5",
        "X-Ratelimit-Remaining": "4",
        "X-Ratelimit-Reset-After": "1",
    }

    def __init__(self, body: str) -> None:
        self._body = body

    async def text(self, encoding: str) -> str:
        return self._body

    async def __aenter__(self) -> Any:
        return self

    async def __aexit__(self, *_: object) -> None: ...


_CALLBACK: Final = json.dumps({"interaction": {"id": "2", "type": 2}})
_SENT: Final = json.dumps(_message("pong"))


async def _answer(_: aiohttp.ClientSession, method: str, url: str, **kwargs: Any) -> _Answer:
    """`ClientSession._request` without a network."""
    return _Answer(_CALLBACK if "/callback" in str(url) else _SENT)


FRAMES: dict[str, Callable[[], str]] = {
    "slash command": slash_frame,
    "button": button_frame,
    "prefix command": lambda: message_frame("!pong"),
    "plain message": lambda: message_frame("just talking"),
}


def _interaction(kind: int, data: dict[str, Any]) -> str:
    payload = {
        "id": snowflake(),
        "application_id": APPLICATION,
        "type": kind,
        "token": "token",
        "version": 1,
        "attachment_size_limit": 10485760,
        "data": data,
        "guild_id": GUILD,
        "channel": {"id": CHANNEL, "type": 0, "name": "ladder", "position": 0},
        "member": {"user": USER, "roles": [], "flags": 0, "joined_at": "2026-01-01T00:00:00+00:00"},
        "locale": "en-US",
        "guild_locale": "de",
        "context": 0,
        "authorizing_integration_owners": {"0": GUILD},
    }
    return json.dumps({"op": 0, "t": "INTERACTION_CREATE", "s": 1, "d": payload})


class OfflineBot:
    """A `commands.Bot` with one slash command, one prefix command and one button, with frames fed to it directly.

    To be created before anything is instrumented: it takes the network away from every aiohttp session.
    """

    def __init__(self) -> None:
        aiohttp.ClientSession._request = _answer  # type: ignore[assignment,method-assign]
        intents = discord.Intents.default()
        intents.message_content = True
        self.bot = commands.Bot(command_prefix="!", intents=intents, help_command=None)
        self.bot.loop = asyncio.get_running_loop()
        self.calls = 0
        self.inside: Callable[[], None] | None = None
        """Run inside each slash command."""
        self._add_commands()
        state: Any = self.bot._connection
        own: Any = {**USER, "id": "1", "bot": True}
        state.user = discord.ClientUser(state=state, data=own)
        socket: Any = DiscordWebSocket.__new__(DiscordWebSocket)
        socket._dispatch = self.bot.dispatch
        socket._discord_parsers = state.parsers
        socket._dispatch_listeners = []
        socket._keep_alive = None
        socket.log_receive = lambda message: None
        socket.shard_id = 0
        self._socket = socket
        session = aiohttp.ClientSession()
        session.detach()  # never used, so there is nothing to close
        http: Any = self.bot.http
        http._HTTPClient__session = session
        http._global_over = asyncio.Event()
        http._global_over.set()

    def _add_commands(self) -> None:
        async def ping(interaction: discord.Interaction) -> None:
            self.calls += 1
            if self.inside is not None:
                self.inside()
            await interaction.response.send_message("pong")

        async def pong(ctx: commands.Context[Any]) -> None:
            self.calls += 1
            await ctx.send("pong")

        self.bot.tree.add_command(app_commands.Command(name="ping", description="ping", callback=ping))
        self.bot.add_command(commands.Command(pong, name="pong"))
        owner = self

        class Buttons(discord.ui.View):
            @discord.ui.button(label="press", custom_id=CUSTOM_ID)
            async def press(self, interaction: discord.Interaction, button: discord.ui.Button[Any]) -> None:
                owner.calls += 1
                await interaction.response.defer()

        self.bot.add_view(Buttons(timeout=None))

    async def feed(self, frame: str) -> None:
        """Hand in one frame; the tasks that it starts run when the loop gets to them."""
        await self._socket.received_message(frame)

    async def seconds_each(self, frame: Callable[[], str], count: int) -> float:
        """Mean seconds from handing in a frame until its task is done, one frame after the other."""
        frames = [frame() for _ in range(count)]
        loop = asyncio.get_running_loop()
        idle = asyncio.all_tasks(loop)
        socket = self._socket
        gc.collect()
        gc.disable()  # otherwise one block pays for another block's garbage
        started = time.perf_counter()
        for text in frames:
            await socket.received_message(text)
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        elapsed = time.perf_counter() - started
        gc.enable()
        while asyncio.all_tasks(loop) - idle:
            await asyncio.sleep(0)
        return elapsed / count
