"""What the bot is told by its environment. Everything but the DSN is for measuring: the defaults are the good way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

CACHE_SECONDS: Final = 15 * 60.0
"""How long a player who does nothing stays in the cache."""


class SettingError(Exception):
    """A setting is wrong; the message says which, and what it may be."""


@dataclass(frozen=True, slots=True)
class LadderSettings:
    """Where the ladder is, and how it is read."""

    dsn: str = "sqlite:///ladder.db"
    """`LADDER_DSN`: `sqlite:///path` or `postgresql://…`."""
    pool: int = 5
    """`LADDER_POOL`: connections to PostgreSQL. All are opened at the start: a connection costs several round trips."""
    cache_players: bool = True
    """`LADDER_CACHE_PLAYERS`: false asks the database before each command."""
    parallel_reads: bool = True
    """`LADDER_PARALLEL_READS`: false reads one thing after the other."""
    lazy_leaderboard: bool = True
    """`LADDER_LAZY_LEADERBOARD`: false loads every line before the first is shown."""

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
