"""Forms of times in a SQLite table, which may contain rows of an old bot as well as ours.

Ours are `2026-11-23T15:36:00.123456Z`; an old bot's `CURRENT_TIMESTAMP` is `2026-11-23 15:36:00`, and Python's own
adapters write `2026-11-23 15:36:00.123456+00:00`. All are UTC. As text they are in the same order by day only.
"""

from __future__ import annotations

from typing import Final

_BARE: Final = "replace(replace(rtrim(called_at, 'Z'), '+00:00', ''), ' ', 'T')"
CALLED_AT_AS_ISO: Final = (
    "CASE WHEN length(called_at) = 27 AND substr(called_at, 11, 1) = 'T' THEN called_at ELSE "
    f"substr({_BARE} || substr('.000000', max(1, length({_BARE}) - 18)), 1, 26) || 'Z' END"
)
"""SQL: `called_at` in our form, whichever of these forms it has; ours is checked first, for speed."""
SQLITE_SINCE_DAY: Final = "called_at >= substr(:since, 1, 10)"
"""SQL that can use an index: not before the day of the parameter `since`, which is in our form."""
SQLITE_UNTIL_DAY: Final = "called_at < substr(:until, 1, 10) || 'U'"
"""The same for `until`, including its day: `U` is greater than the `T` or the space after a date."""
