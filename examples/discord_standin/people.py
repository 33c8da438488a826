"""Users, guilds, channels, and ids as Discord generates them."""

from __future__ import annotations

import itertools
import time
from dataclasses import dataclass, field
from typing import Any, Final

EPOCH_MS: Final = 1_420_070_400_000
_counter = itertools.count()

NAMES: Final = (
    "nelly",
    "wumpus",
    "O'Brien; DROP TABLE students;--",
    'say "hi"',
    "🎲 dice 🎲",
    "ąćęłńóśźż",
    "\u202eright to left\u202c",
    "名前",
    "[bold]not markup[/bold]",
    "<script>alert(1)</script>",
)
"""Difficult names: a table, a page and a terminal must all cope with them."""


def snowflake() -> int:
    """A new id with the current time: 42 bits of milliseconds, 22 bits of a counter."""
    return ((time.time_ns() // 1_000_000 - EPOCH_MS) << 22) | (next(_counter) & 0x3FFFFF)


@dataclass(frozen=True, slots=True)
class User:
    """A person; `bot` for the application itself."""

    id: int
    name: str
    bot: bool = False
    locale: str = "en-US"

    def payload(self) -> dict[str, Any]:
        return {"id": str(self.id), "username": self.name, "discriminator": "0", "avatar": None, "bot": self.bot}


@dataclass(frozen=True, slots=True)
class Channel:
    """`type`: 0 text, 1 DM, 11 public thread."""

    id: int
    type: int = 0
    name: str = "ladder"
    parent_id: int | None = None

    def payload(self) -> dict[str, Any]:
        payload: dict[str, Any] = {"id": str(self.id), "type": self.type}
        if self.type == 1:
            payload["recipients"] = []
            return payload
        payload |= {"name": self.name, "position": 0, "permission_overwrites": []}
        if self.type == 11:
            payload |= {
                "parent_id": str(self.parent_id),
                "owner_id": "1",
                "message_count": 0,
                "member_count": 1,
                "thread_metadata": {"archived": False, "auto_archive_duration": 60, "archive_timestamp": STAMP},
            }
        return payload


@dataclass(frozen=True, slots=True)
class Guild:
    """A server with a text channel and a thread."""

    id: int
    name: str = "Ladder"
    locale: str = "de"
    channel: Channel = field(default_factory=lambda: Channel(snowflake()))
    thread: Channel = field(default_factory=lambda: Channel(snowflake(), 11, "a thread", 1))

    def payload(self) -> dict[str, Any]:
        return {
            "id": str(self.id),
            "name": self.name,
            "preferred_locale": self.locale,
            "owner_id": "1",
            "roles": [{"id": str(self.id), "name": "@everyone", "permissions": "0", "position": 0, "color": 0}],
            "channels": [self.channel.payload()],
            "threads": [self.thread.payload()],
            "members": [],
            "member_count": 2,
            "emojis": [],
            "features": [],
        }


STAMP: Final = "2026-01-01T00:00:00.000000+00:00"


def users(count: int) -> list[User]:
    """That many users, with every name of NAMES among them."""
    return [User(snowflake(), f"{NAMES[n % len(NAMES)]}{n // len(NAMES) or ''}"[:32]) for n in range(count)]
