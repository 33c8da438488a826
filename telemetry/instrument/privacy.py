"""Privacy settings as callables that change a span's attributes before the span exists, and so for every exporter."""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING

from slashspan import semconv

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    from opentelemetry.util.types import AttributeValue

    from slashspan.settings import Settings

    Attributes: TypeAlias = dict[str, AttributeValue]
    Step: TypeAlias = Callable[[Attributes], None]


def pseudonym(user_id: int | str, key: str) -> int:
    """A user's pseudonym under `SLASHSPAN_USER_IDS=hash`: HMAC-SHA256 of the id, truncated to 63 bits."""
    digest = hmac.digest(key.encode(), str(user_id).encode(), hashlib.sha256)
    return int.from_bytes(digest[:8], "big") >> 1


def stored_ids(user_id: int, key: str) -> tuple[int, ...]:
    """What rows may have as the id of a user: the id, and with `SLASHSPAN_USER_ID_KEY` the pseudonym."""
    return (user_id, pseudonym(user_id, key)) if key else (user_id,)


def _hash_user_id(key: str) -> Step:
    def step(attributes: Attributes) -> None:
        if (user := attributes.get(semconv.USER_ID)) is not None:
            attributes[semconv.USER_ID] = str(pseudonym(str(user), key))

    return step


def _drop(name: str) -> Step:
    def step(attributes: Attributes) -> None:
        attributes.pop(name, None)

    return step


def steps(settings: Settings) -> tuple[Step, ...]:
    """The callables that the settings require, in order; none by default."""
    chosen: list[Step] = []
    if settings.user_ids == "hash":
        chosen.append(_hash_user_id(settings.user_id_key))
    elif settings.user_ids == "drop":
        chosen.append(_drop(semconv.USER_ID))
    if settings.user_names == "drop":
        chosen.append(_drop(semconv.USER_NAME))
    return tuple(chosen)
