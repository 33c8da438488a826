"""Converts microseconds since 1970 for the stores, with integers only, so that rounding never changes a row's key."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from functools import lru_cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

EPOCH: Final = datetime(1970, 1, 1, tzinfo=timezone.utc)


def as_datetime(microseconds: int) -> datetime:
    """An aware datetime in UTC."""
    return EPOCH + timedelta(microseconds=microseconds)


def as_text(microseconds: int) -> str:
    """`2026-11-23T15:36:00.123456Z`."""
    return as_texts((microseconds,))[0]


def as_texts(times: Iterable[int]) -> list[str]:
    """`as_text` of each: a store writes many rows of the same second. Raises what `as_datetime` raises."""
    texts = []
    last, text = None, ""
    for microseconds in times:
        second = microseconds // 1_000_000
        if second != last:
            last, text = second, _second_as_text(second)
        # Seven digits without the first are six with leading zeros; a format specification takes longer.
        texts.append(f"{text}.{str(microseconds - second * 1_000_000 + 1_000_000)[1:]}Z")
    return texts


@lru_cache(maxsize=64)
def _second_as_text(second: int) -> str:
    return (EPOCH + timedelta(seconds=second)).isoformat(timespec="seconds")[:-6]
