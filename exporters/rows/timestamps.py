"""Converts microseconds since 1970 for the stores, with integers only, so that rounding never changes a row's key."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from functools import lru_cache
from typing import Final

EPOCH: Final = datetime(1970, 1, 1, tzinfo=timezone.utc)


def as_datetime(microseconds: int) -> datetime:
    """An aware datetime in UTC."""
    return EPOCH + timedelta(microseconds=microseconds)


def as_text(microseconds: int) -> str:
    """`2026-11-23T15:36:00.123456Z`."""
    second, rest = divmod(microseconds, 1_000_000)
    return f"{_second_as_text(second)}.{rest:06d}Z"


@lru_cache(maxsize=64)
def _second_as_text(second: int) -> str:
    """Many rows are of the same second."""
    return (EPOCH + timedelta(seconds=second)).isoformat(timespec="seconds")[:-6]
