"""The stand-in: gateway and REST API on 127.0.0.1, and a method for each thing that a user can do."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any, Final

import aiohttp
from aiohttp import web

from . import payloads
from .ledger import Action, Fault, Ledger, now_ns
from .people import Channel, Guild, User, snowflake
from .rest import PREFIX, Rest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from typing_extensions import Self

HEARTBEAT_MS: Final = 41_250


class StandIn:
    """Discord for one bot. `async with StandIn() as discord:` binds a free port on 127.0.0.1.

    `latency`: seconds before each REST answer about an action. `guilds`: those that the bot is a member of.
    """

    def __init__(self, *, port: int = 0, shards: int = 1, latency: float = 0.0, guilds: Sequence[Guild] = ()) -> None:
        self.shards = shards
        self.latency = latency
        self.guilds = tuple(guilds)
        self.ledger = Ledger()
        self.bot = User(snowflake(), "stand-in", bot=True)
        self.owner = User(snowflake(), "owner")
        self.application_id = self.bot.id
        self.resumes = 0
        self._port = port
        self._sockets: dict[int, web.WebSocketResponse] = {}
        self._transports: dict[int, asyncio.BaseTransport | None] = {}
        self._dms: dict[int, Channel] = {}
        self._beats = 0
        self._sequence = 0
        self._changed = asyncio.Condition()
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=2**26)
        app.router.add_get("/gateway/", self._gateway)
        Rest(self).add_to(app)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self._port)
        await site.start()
        self._port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *_: object) -> None:
        for socket in list(self._sockets.values()):
            await socket.close(code=aiohttp.WSCloseCode.GOING_AWAY)
        if self._runner is not None:
            await self._runner.cleanup()

    @property
    def api_url(self) -> str:
        return f"http://127.0.0.1:{self._port}{PREFIX}"

    @property
    def gateway_url(self) -> str:
        return f"ws://127.0.0.1:{self._port}/gateway/"

    @property
    def environ(self) -> dict[str, str]:
        """Variables for the bot's process, which `redirect()` reads."""
        return {"DISCORD_STANDIN_API": self.api_url, "DISCORD_STANDIN_GATEWAY": self.gateway_url}

    async def ready(self, timeout: float = 20.0) -> None:
        """Wait until every shard of a bot is connected. Raises TimeoutError."""
        async with self._changed:
            try:
                await asyncio.wait_for(self._changed.wait_for(lambda: len(self._sockets) >= self.shards), timeout)
            except asyncio.TimeoutError:
                raise TimeoutError(f"{len(self._sockets)} of {self.shards} shards connected in {timeout:g} s") from None

    async def gone(self, timeout: float = 20.0) -> None:
        """Wait until the bot has disconnected. Raises TimeoutError."""
        async with self._changed:
            await asyncio.wait_for(self._changed.wait_for(lambda: not self._sockets), timeout)

    async def idle(self, shard: int = 0, timeout: float = 20.0) -> None:
        """Wait until the bot has read all frames and answers, and has finished whatever was waiting for them."""
        for _ in range(3):
            beats = self._beats
            await self._sockets[shard].send_json({"op": 1})
            async with self._changed:
                await asyncio.wait_for(self._changed.wait_for(lambda: self._beats > beats), timeout)  # noqa: B023

    async def drop(self, shard: int = 0) -> None:
        """Cut a shard's connection, as a network failure would; the client resumes."""
        transport = self._transports[shard]
        if isinstance(transport, asyncio.Transport):
            transport.abort()

    # What a user can do. Each method returns the ledger's entry once the frame has been sent.

    async def slash(self, command: str, *, options: Mapping[str, Any] | None = None, **who: Any) -> Action:
        action = self._action("slash", command, **who)
        return await self._interact(action, payloads.command_data(command, options or {}))

    async def autocomplete(self, command: str, focused: str, value: Any, **who: Any) -> Action:
        action = self._action("autocomplete", command, **who)
        return await self._interact(action, payloads.command_data(command, {focused: value}, focused))

    async def user_menu(self, name: str, target: User, **who: Any) -> Action:
        action = self._action("user_menu", name, **who)
        return await self._interact(action, payloads.menu_data(name, "user_menu", target))

    async def message_menu(self, name: str, **who: Any) -> Action:
        action = self._action("message_menu", name, **who)
        target = payloads.message(self.owner, action.channel.id, {"content": "a message"})
        return await self._interact(action, payloads.menu_data(name, "message_menu", target))

    async def press(
        self, shown: Action | Mapping[str, Any], label: str | None = None, *, values: Sequence[str] = (), **who: Any
    ) -> Action:
        """Use a component of an action's newest message: the one with this label, or the first."""
        message = dict(shown.messages[-1] if isinstance(shown, Action) else shown)
        items = [item for item in payloads.components(message) if label in (None, item.get("label"))]
        if isinstance(shown, Action):
            who = {"user": shown.user, "guild": shown.guild, "channel": shown.channel, **who}
        action = self._action("component", label or items[0]["custom_id"], **who)
        action.source = message
        data: dict[str, Any] = {"custom_id": items[0]["custom_id"], "component_type": items[0]["type"]}
        if items[0]["type"] != 2:
            data["values"] = list(values)
        return await self._interact(action, data)

    async def press_id(self, custom_id: str, component_type: int, message: Mapping[str, Any], **who: Any) -> Action:
        """Use a component that the message no longer contains."""
        action = self._action("component", custom_id, **who)
        action.source = dict(message)
        return await self._interact(action, {"custom_id": custom_id, "component_type": component_type})

    async def submit(self, shown: Action, values: Mapping[str, str] | None = None, **who: Any) -> Action:
        """Submit the modal that the bot showed for an action. `values`: by label."""
        if shown.modal is None:
            raise LookupError(f"{shown.kind} {shown.command!r} showed no modal")
        who = {"user": shown.user, "guild": shown.guild, "channel": shown.channel, **who}
        action = self._action("modal", str(shown.modal["title"]), **who)
        return await self._interact(action, payloads.modal_data(shown.modal, values or {}))

    async def message(self, content: str, *, prefix: bool = True, silent: bool = False, **who: Any) -> Action:
        """Send a chat message. `prefix`: the bot treats it as a command. `silent`: the bot will not answer it.

        A message of the bot counts as the answer to the oldest unanswered command in its channel.
        """
        action = self._action("prefix" if prefix else "message", content, **who)
        action.silent = silent
        guild_id = None if action.guild is None else action.guild.id
        data = payloads.message(action.user, action.channel.id, {"content": content}, guild_id)
        data["id"] = str(action.id)
        if action.guild is not None:
            data["member"] = {"roles": [], "flags": 0, "joined_at": None}
        return await self._send(action, "MESSAGE_CREATE", data)

    def shown(self, body: Mapping[str, Any], channel: Channel) -> dict[str, Any]:
        """A message that the bot sent earlier, with components, for example before a restart."""
        return payloads.message(self.bot, channel.id, body)

    def dm(self, user_id: int) -> Channel:
        """The DM channel with that user; always the same one."""
        return self._dms.setdefault(user_id, Channel(snowflake(), 1))

    def _action(
        self,
        kind: str,
        command: str,
        *,
        user: User | None = None,
        guild: Guild | None = None,
        channel: Channel | None = None,
        faults: Sequence[Fault] = (),
        note: Any = None,
    ) -> Action:
        user = user or self.owner
        if channel is None:
            channel = guild.channel if guild is not None else self.dm(user.id)
        shard = 0 if guild is None else (guild.id >> 22) % self.shards
        token = f"token-{snowflake():x}"
        return Action(snowflake(), kind, command, user, guild, channel, shard, token, faults=list(faults), note=note)

    async def _interact(self, action: Action, data: Mapping[str, Any]) -> Action:
        payload = payloads.interaction(action, self.application_id, data)
        return await self._send(action, "INTERACTION_CREATE", payload)

    async def _send(self, action: Action, event: str, data: Mapping[str, Any]) -> Action:
        self.ledger.add(action)
        self._sequence += 1
        text = json.dumps(payloads.dispatch(event, self._sequence, data))
        action.sent_ns = now_ns()
        await self._sockets[action.shard_id].send_str(text)
        return action

    # The gateway

    async def _gateway(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(max_msg_size=0)
        await socket.prepare(request)
        await socket.send_json({"op": 10, "d": {"heartbeat_interval": HEARTBEAT_MS}})
        shard: int | None = None
        transport = request.transport
        try:
            async for frame in socket:
                if frame.type is not aiohttp.WSMsgType.TEXT:
                    break
                message = json.loads(frame.data)
                if message["op"] == 1:
                    async with self._changed:
                        self._beats += 1
                        self._changed.notify_all()
                    await socket.send_json({"op": 11})
                elif message["op"] == 2:
                    shard = (message["d"].get("shard") or [0, 1])[0]
                    self._transports[shard] = transport
                    await self._identified(socket, shard)
                elif message["op"] == 6:
                    shard = int(message["d"]["session_id"].partition("-")[0])
                    self.resumes += 1
                    self._transports[shard] = transport
                    await socket.send_json(payloads.dispatch("RESUMED", self._sequence, {}))
                    await self._register(shard, socket)
        finally:
            if shard is not None and self._sockets.get(shard) is socket:
                async with self._changed:
                    del self._sockets[shard]
                    self._changed.notify_all()
        return socket

    async def _identified(self, socket: web.WebSocketResponse, shard: int) -> None:
        data = {
            "v": 10,
            "user": self.bot.payload(),
            "session_id": f"{shard}-session",
            "resume_gateway_url": self.gateway_url,
            "guilds": [],
            "shard": [shard, self.shards],
            "application": {"id": str(self.application_id), "flags": 0},
        }
        await socket.send_json(payloads.dispatch("READY", 1, data))
        for guild in self.guilds:
            if (guild.id >> 22) % self.shards == shard:
                await socket.send_json(payloads.dispatch("GUILD_CREATE", 2, guild.payload()))
        await self._register(shard, socket)

    async def _register(self, shard: int, socket: web.WebSocketResponse) -> None:
        async with self._changed:
            self._sockets[shard] = socket
            self._changed.notify_all()
