"""A store with a plausible past, for everything that reads."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, Final

from ladder_demo.history import history

from slashspan.insights import Filters
from tests.support.stored_rows import write_rows

if TYPE_CHECKING:
    from pathlib import Path

NOW: Final = datetime(2026, 11, 20, 18, tzinfo=timezone.utc)
DAYS: Final = 45


def store_history(path: Path, *, days: int = DAYS) -> str:
    """The DSN of a SQLite file with the calls of the days before `NOW`."""
    dsn = f"sqlite:///{path}"
    write_rows(dsn, list(history(days, seed=7, now=NOW)))
    return dsn


def recent_filters(**more: Any) -> Filters:
    """The fortnight before `NOW`."""
    return Filters(since=NOW - timedelta(days=14), until=NOW, zone="Europe/Berlin", **more)
