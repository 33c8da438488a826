"""Privacy settings as callables that change what is known of an action before its span exists, for every exporter."""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING

from slashspan import semconv
from slashspan.action_record import START_FIELDS

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeAlias

    from slashspan.action_record import Start
    from slashspan.settings import Settings

    Step: TypeAlias = Callable[[Start], Start]


def pseudonym(user_id: int | str, key: str) -> int:
    """A user's pseudonym under `SLASHSPAN_USER_IDS=hash`: HMAC-SHA256 of the id, truncated to 63 bits."""
    digest = hmac.digest(key.encode(), str(user_id).encode(), hashlib.sha256)
    return int.from_bytes(digest[:8], "big") >> 1


def stored_ids(user_id: int, key: str) -> tuple[int, ...]:
    """What rows may have as the id of a user: the id, and with `SLASHSPAN_USER_ID_KEY` the pseudonym."""
    return (user_id, pseudonym(user_id, key)) if key else (user_id,)


def _changed(field: str, change: Callable[[Any], Any]) -> Step:
    at = START_FIELDS.index(field)

    def step(start: Start) -> Start:
        return (*start[:at], change(start[at]), *start[at + 1 :])

    return step


def _drop(field: str) -> Step:
    return _changed(field, lambda _: None)


def steps(settings: Settings) -> tuple[Step, ...]:
    """The callables that the settings require, in order; none by default."""
    chosen: list[Step] = []
    if settings.user_ids == "hash":
        key = settings.user_id_key
        chosen.append(_changed(semconv.USER_ID, lambda user: None if user is None else pseudonym(user, key)))
    elif settings.user_ids == "drop":
        chosen.append(_drop(semconv.USER_ID))
    if settings.user_names == "drop":
        chosen.append(_drop(semconv.USER_NAME))
    return tuple(chosen)
