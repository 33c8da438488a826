"""Text for Discord: names that users wrote are shown as they are, and nothing is longer than Discord takes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import discord

if TYPE_CHECKING:
    from collections.abc import Sequence

LONGEST_NAME: Final = 80
LONGEST_FIELD: Final = 1024
"""Discord's limit, in characters; https://discord.com/developers/docs/resources/message#embed-object-embed-limits"""
_CONTROLS: Final = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]+")
"""Line breaks among them, and what turns the direction of the text after it."""


def safe(text: str, longest: int = LONGEST_NAME) -> str:
    """At most `longest` characters, in which Discord finds no markup, mention, emoji, time or link."""
    text = _CONTROLS.sub(" ", text).strip()
    found = _escaped(text)
    while len(found) > longest:
        text = text[: len(text) - max(1, (len(found) - longest) // 2)]
        found = f"{_escaped(text)}…"
    return found


def _escaped(text: str) -> str:
    escaped = discord.utils.escape_markdown(text, ignore_links=False)
    return discord.utils.escape_mentions(escaped.replace("<", "\\<").replace("://", "\\://"))


def listed(lines: Sequence[str], longest: int = LONGEST_FIELD) -> str:
    """As many whole lines as there is room for, and how many are missing."""
    found = "\n".join(lines)
    count = len(lines)
    while len(found) > longest:
        count -= 1
        found = "\n".join((*lines[:count], f"… and {len(lines) - count:,} more"))
    return found
