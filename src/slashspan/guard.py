"""Keeps our bugs away from the bot: they are logged, at most once a minute per place. In our tests they are raised.

It is here because the hooks in `telemetry` and the span processors in `exporters` both run inside the bot's code, and
neither may import the other.
"""

from __future__ import annotations

import functools
import logging
import time
from typing import TYPE_CHECKING, Final, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

P = ParamSpec("P")
R = TypeVar("R")

LOG_INTERVAL: Final = 60.0
"""Seconds between two logs of a place that keeps failing."""

_log = logging.getLogger("slashspan")
_last_logged: dict[str, float] = {}
_raise = False


def raise_internal_errors(on: bool) -> None:
    """Raise our errors (in our tests) or log them (in a bot)."""
    global _raise
    _raise = on


def report(place: str) -> None:
    """Log the exception being handled, at most once a minute per `place`. Call inside `except`."""
    if _raise:
        raise  # noqa: PLE0704 - re-raises what the caller is handling
    now = time.monotonic()
    if now - _last_logged.get(place, -LOG_INTERVAL) < LOG_INTERVAL:
        return
    _last_logged[place] = now
    _log.exception(
        "slashspan failed in %s; the bot is not affected, but this action may not be recorded. Please report it.", place
    )


def guarded(function: Callable[P, R]) -> Callable[P, R | None]:
    """Make `function` return None instead of raising an Exception."""
    place = function.__qualname__

    @functools.wraps(function)
    def safe(*args: P.args, **kwargs: P.kwargs) -> R | None:
        try:
            return function(*args, **kwargs)
        except Exception:  # noqa: BLE001 - the point of the guard
            report(place)
            return None

    return safe
