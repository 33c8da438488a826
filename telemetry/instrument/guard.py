"""Keeps our bugs away from the bot: logged, at most once a minute a place, never raised; in our tests raised."""

from __future__ import annotations

import functools
import logging
import time
from typing import TYPE_CHECKING, Final, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

P = ParamSpec("P")
R = TypeVar("R")

QUIET_SECONDS: Final = 60.0
"""A failing hook is logged once in this time, not once per command."""

_log = logging.getLogger("slashspan")
_last_told: dict[str, float] = {}
_raise = False


def raise_internal_errors(on: bool) -> None:
    """Raise our own errors into the caller (our tests) or log them (a bot)."""
    global _raise
    _raise = on


def report(place: str) -> None:
    """Tell of the exception being handled. Call inside `except`."""
    if _raise:
        raise  # noqa: PLE0704 - re-raises what the caller is handling
    now = time.monotonic()
    if now - _last_told.get(place, -QUIET_SECONDS) < QUIET_SECONDS:
        return
    _last_told[place] = now
    _log.exception("slashspan failed in %s; the bot goes on, this action may not be recorded. Please report it.", place)


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
