"""Finds out what is wrong between a bot and its table, and how to fix it. Read-only: changes and creates nothing."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path


CLOCK_SECONDS: Final = 1.0
"""Clocks may differ by this much."""


class Level:
    """How bad a finding is."""

    OK: Final = "ok"
    NOTE: Final = "note"
    WARNING: Final = "warning"
    """It works, but somebody should look at it."""
    ERROR: Final = "error"
    """Rows are not stored, or not all."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was checked."""

    level: str
    subject: str
    text: str
    fix: str | None = None
    """What to do about it."""


def age(seconds: float) -> str:
    """In the largest unit that gives at least two: `3 min`, `2 h`, `5 days`."""
    for size, unit in ((86_400, "days"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(0.0, seconds):.0f} s"


def nearest(path: Path) -> Path:
    """The path itself, or its nearest parent that exists."""
    return path if path.exists() else nearest(path.parent)


def is_local(host: str) -> bool:
    """Whether it is this machine, so that nobody can listen in between."""
    if host in ("", "localhost") or host.startswith("/"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def clock(before: float, there: float, after: float) -> Finding:
    """Compares a server's clock with ours before and after it was asked; seconds since 1970."""
    apart = there - (before + after) / 2
    if abs(apart) <= CLOCK_SECONDS + (after - before) / 2:
        return Finding(Level.OK, "clock", f"{apart * 1000:+.0f} ms to the server's")
    return Finding(
        Level.WARNING, "clock", f"{apart:+.1f} s to the server's", "synchronise the clocks of both machines with NTP"
    )
