"""Microseconds since 1970 as the stores want them; integers all the way, so that no rounding moves a row's key."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Final

EPOCH: Final = datetime(1970, 1, 1, tzinfo=timezone.utc)


def as_datetime(microseconds: int) -> datetime:
    """Aware, UTC."""
    return EPOCH + timedelta(microseconds=microseconds)


def as_text(microseconds: int) -> str:
    """`2026-11-23T15:36:00.123456Z`."""
    return as_datetime(microseconds).isoformat(timespec="microseconds")[:-6] + "Z"
