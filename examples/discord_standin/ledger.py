"""What was sent to the bot and how it responded: the ground truth that recordings are compared with."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from .people import Channel, Guild, User


@dataclass(frozen=True, slots=True)
class Fault:
    """A scripted answer to one REST call of an action. `route`: callback, followup, original or message."""

    route: str
    status: int = 500
    code: int = 0
    message: str = "scripted"
    retry_after: float | None = None
    """Seconds, for a 429."""
    is_global: bool = False
    """The 429 is for all routes."""
    delay: float = 0.0
    """Seconds before the answer."""
    empty_for: float | None = None
    """With a 2xx status: this call exhausts the rate-limit bucket, which refills after so many seconds."""

    @classmethod
    def expired(cls) -> Fault:
        """404 with code 10062, as after 3 s without an acknowledgement."""
        return cls("callback", 404, 10062, "Unknown interaction")

    @classmethod
    def empties_bucket(cls, route: str, seconds: float) -> Fault:
        return cls(route, 200, empty_for=seconds)

    @classmethod
    def rate_limited(cls, route: str, retry_after: float) -> Fault:
        return cls(route, 429, 0, "You are being rate limited.", retry_after)


@dataclass(frozen=True, slots=True)
class Call:
    """One REST call that belongs to an action."""

    route: str
    method: str
    path: str
    received_ns: int
    """`time.time_ns()` when it was received."""
    answered_ns: int
    status: int
    type: int | None = None
    """Callback type: 4 message, 5 defer, 6 deferred update, 7 update, 8 choices, 9 modal."""


@dataclass(slots=True, eq=False)
class Action:
    """One thing that a user did, sent to the bot."""

    id: int
    kind: str
    """slash, user_menu, message_menu, prefix, component, modal, autocomplete, message"""
    command: str
    """What the user typed or pressed, which need not be the name of a registered command."""
    user: User
    guild: Guild | None
    channel: Channel
    shard_id: int
    token: str
    silent: bool = False
    """The bot is not expected to answer it."""
    sent_ns: int = 0
    """`time.time_ns()` just before the frame was sent."""
    faults: list[Fault] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    messages: list[dict[str, Any]] = field(default_factory=list)
    """Messages that the bot showed for it, newest last, with their components."""
    files: dict[str, bytes] = field(default_factory=dict)
    """Attachments of those messages, by name."""
    ephemeral: bool = False
    """Only the user sees the first answer: its acknowledgement said so."""
    choices: list[Any] = field(default_factory=list)
    """What the bot suggested: the values, for an autocomplete."""
    modal: dict[str, Any] | None = None
    source: dict[str, Any] | None = None
    """The message whose component was used."""
    note: Any = None
    """Anything that the sender wants to keep with the action."""
    _waiting: list[tuple[Any, asyncio.Future[None]]] = field(default_factory=list)

    @property
    def ack(self) -> Call | None:
        """The first callback that was accepted."""
        return next((call for call in self.calls if call.route == "callback" and call.status < 300), None)

    @property
    def answer(self) -> Call | None:
        """The first call that showed the user something."""
        for call in self.calls:
            visible = call.type not in (5, 6) if call.route == "callback" else call.method in ("POST", "PATCH")
            if visible and call.status < 300:
                return call
        return None

    async def acknowledged(self, timeout: float = 10.0) -> Call:
        """Wait for the first acknowledgement. Raises TimeoutError."""
        return await self._until(lambda: self.ack, timeout)

    async def answered(self, timeout: float = 10.0) -> Call:
        """Wait until the user sees something. Raises TimeoutError."""
        return await self._until(lambda: self.answer, timeout)

    async def _until(self, condition: Any, timeout: float) -> Call:
        if (found := condition()) is None:
            future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append((condition, future))
            try:
                await asyncio.wait_for(future, timeout)
            except asyncio.TimeoutError:
                raise TimeoutError(f"{self.kind} {self.command!r} got only {self.calls}") from None
            found = condition()
        return found  # type: ignore[no-any-return]

    def add(self, call: Call) -> None:
        self.calls.append(call)
        for waiting in list(self._waiting):
            condition, future = waiting
            if condition() is not None:
                self._waiting.remove(waiting)
                if not future.done():
                    future.set_result(None)

    def fault(self, route: str) -> Fault | None:
        """Take the next scripted answer for that route."""
        for fault in self.faults:
            if fault.route == route:
                self.faults.remove(fault)
                return fault
        return None

    def as_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "kind": self.kind,
            "command": self.command,
            "user": {"id": self.user.id, "name": self.user.name},
            "guild_id": None if self.guild is None else self.guild.id,
            "channel_id": self.channel.id,
            "shard_id": self.shard_id,
            "sent_ns": self.sent_ns,
            "calls": [
                {
                    "route": c.route,
                    "received_ns": c.received_ns,
                    "answered_ns": c.answered_ns,
                    "status": c.status,
                    "type": c.type,
                }
                for c in self.calls
            ],
        }


class Ledger:
    """Every action in the order of sending, and every unexpected request."""

    def __init__(self) -> None:
        self.actions: list[Action] = []
        self.commands: list[dict[str, Any]] = []
        """Application commands that the bot registered."""
        self.unexpected: list[str] = []
        """Requests to routes that the stand-in does not know."""
        self._by_token: dict[str, Action] = {}
        self._by_id: dict[int, Action] = {}
        self._by_channel: dict[int, list[Action]] = {}

    def add(self, action: Action) -> None:
        self.actions.append(action)
        self._by_token[action.token] = action
        self._by_id[action.id] = action
        if action.kind == "prefix" and not action.silent:
            self._by_channel.setdefault(action.channel.id, []).append(action)

    def of_token(self, token: str) -> Action | None:
        return self._by_token.get(token)

    def of_message(self, channel_id: int, reply_to: int | None) -> Action | None:
        """The prefix command that a message answers: the one it replies to, otherwise the oldest without an answer."""
        if reply_to is not None and reply_to in self._by_id:
            return self._by_id[reply_to]
        waiting = self._by_channel.get(channel_id, [])
        while waiting and waiting[0].answer is not None:
            waiting.pop(0)
        return waiting[0] if waiting else None

    def write(self, path: Path) -> None:
        """Write all actions as JSON lines."""
        path.write_text("".join(json.dumps(action.as_json()) + "\n" for action in self.actions), "utf-8")


def now_ns() -> int:
    return time.time_ns()
