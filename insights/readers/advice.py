"""What both readers say and how long they wait."""

from __future__ import annotations

from typing import Final

READ_SECONDS: Final = 60.0
"""For one query, and for a lock."""
CONNECT_SECONDS: Final = 10.0


def advice(error: Exception) -> str:
    """Where the table or a column is missing."""
    missing = str(error).startswith("no such ") or getattr(error, "sqlstate", None) in ("42P01", "42703")
    return ". `slashspan migrate` creates the table and its columns" if missing else ""
