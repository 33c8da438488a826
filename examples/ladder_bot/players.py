"""A player's record, and the cache that saves a query before each command."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from cachetools import TTLCache
from opentelemetry import metrics

from ladder_bot.settings import CACHE_SECONDS

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

CACHED_PLAYERS: Final = 10_000
"""Size limit of the cache: beyond it the player who was inactive for longest is evicted."""

_lookups = metrics.get_meter("ladder_bot").create_counter(
    "ladder.player_cache.lookups", unit="{lookup}", description="Lookups of a player's record, by result: hit or miss"
)


@dataclass(frozen=True, slots=True)
class Player:
    """One row of `players`."""

    uid: int
    name: str
    country: str
    mode: str
    banned: bool
    accepted_terms: bool
    set_up: bool

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Player:
        flags = {name: bool(row[name]) for name in ("banned", "accepted_terms", "set_up")}
        return cls(row["uid"], row["name"], row["country"], row["mode"], **flags)


class PlayerCache:
    """Players by user id. `clock` is monotonic, in seconds.

    Correct only while no other process writes to the ladder: its changes show once a player was inactive for `seconds`.
    """

    def __init__(
        self,
        *,
        players: int = CACHED_PLAYERS,
        seconds: float = CACHE_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._kept: TTLCache[int, Player] = TTLCache(players, seconds, timer=clock)
        self._loading: dict[int, object] = {}

    async def get(self, uid: int, name: str, load: Callable[[], Awaitable[Player]]) -> Player:
        """The cached player; loaded if there is none, or if the name has changed."""
        player = self._kept.get(uid)
        if player is not None and player.name == name:
            _lookups.add(1, {"result": "hit"})
            self._kept[uid] = player  # stays as long as the user is active
            return player
        _lookups.add(1, {"result": "miss"})
        return await self._load(uid, load)

    async def _load(self, uid: int, load: Callable[[], Awaitable[Player]]) -> Player:
        mine = self._loading[uid] = object()
        try:
            player = await load()
            if self._loading.get(uid) is mine:  # otherwise it was changed while it was loading
                self._kept[uid] = player
            return player
        finally:
            if self._loading.get(uid) is mine:
                del self._loading[uid]

    def forget(self, uid: int) -> None:
        """Drop the player. To be called after each write to its record."""
        self._kept.pop(uid, None)
        self._loading.pop(uid, None)

    def __len__(self) -> int:
        return len(self._kept)
