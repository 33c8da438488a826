"""Settings from the environment. All but the DSN and the pool size are for benchmarks: leave them as they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

CACHE_SECONDS: Final = 15 * 60.0
"""How long an inactive player stays in the cache."""


class SettingError(Exception):
    """An invalid setting; the message names it, its value and what is allowed."""


@dataclass(frozen=True, slots=True)
class LadderSettings:
    """Where the ladder's data is, and how it is read."""

    dsn: str = "sqlite:///ladder.db"
    """`LADDER_DSN`: `sqlite:///path` or `postgresql://…`."""
    pool: int = 5
    """`LADDER_POOL`: connections to PostgreSQL, all opened at the start: opening one takes round trips."""
    cache_players: bool = True
    """`LADDER_CACHE_PLAYERS`: false queries the database before each command."""
    parallel_reads: bool = True
    """`LADDER_PARALLEL_READS`: false reads one after the other."""
    lazy_leaderboard: bool = True
    """`LADDER_LAZY_LEADERBOARD`: false loads every line before showing the first page."""

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> LadderSettings:
        """Raises SettingError."""
        return cls(
            dsn=environ.get("LADDER_DSN") or cls().dsn,
            pool=_count(environ, "LADDER_POOL", cls().pool),
            cache_players=_flag(environ, "LADDER_CACHE_PLAYERS"),
            parallel_reads=_flag(environ, "LADDER_PARALLEL_READS"),
            lazy_leaderboard=_flag(environ, "LADDER_LAZY_LEADERBOARD"),
        )


def _flag(environ: Mapping[str, str], name: str) -> bool:
    text = environ.get(name) or "true"
    if text not in ("true", "false"):
        raise SettingError(f"{name}={text!r}: must be true or false")
    return text == "true"


def _count(environ: Mapping[str, str], name: str, default: int) -> int:
    text = environ.get(name) or str(default)
    if not text.isdecimal() or not 1 <= int(text) <= 100:
        raise SettingError(f"{name}={text!r}: must be a whole number from 1 to 100")
    return int(text)
