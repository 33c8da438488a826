"""What the readers say and how long they wait."""

from __future__ import annotations

from typing import Final

READ_SECONDS: Final = 60.0
"""For one query, and for a lock."""
CONNECT_SECONDS: Final = 10.0


_MISSING: Final = frozenset(("42P01", "42703", 47, 60, 81))
"""PostgreSQL's SQLSTATEs, and ClickHouse's codes for an unknown column, table and database."""


def advice(error: Exception) -> str:
    """Where the table or a column is missing."""
    code = getattr(error, "sqlstate", None) or getattr(error, "code", None)
    missing = str(error).startswith("no such ") or code in _MISSING
    return ". `slashspan migrate` creates the table and its columns" if missing else ""
