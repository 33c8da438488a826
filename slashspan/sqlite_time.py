"""Times as they stand in a SQLite table, where an old bot's and ours may stand side by side.

Ours are `2026-11-23T15:36:00.123456Z`; an old bot's `CURRENT_TIMESTAMP` is `2026-11-23 15:36:00`, and Python's own
adapters write `2026-11-23 15:36:00.123456+00:00`. All are UTC. As text they sort alike by day only.
"""

from __future__ import annotations

from typing import Final

_BARE: Final = "replace(replace(rtrim(called_at, 'Z'), '+00:00', ''), ' ', 'T')"
SQLITE_MOMENT: Final = (
    "CASE WHEN length(called_at) = 27 AND substr(called_at, 11, 1) = 'T' THEN called_at ELSE "
    f"substr({_BARE} || substr('.000000', max(1, length({_BARE}) - 18)), 1, 26) || 'Z' END"
)
"""SQL: any of these forms of `called_at` as ours; ours first, as it is looked at in every row."""
SQLITE_SINCE_DAY: Final = "called_at >= substr(:since, 1, 10)"
"""SQL that an index serves: not before the day of the bound parameter `since`, which is in our form."""
SQLITE_UNTIL_DAY: Final = "called_at < substr(:until, 1, 10) || 'U'"
"""The same for `until`, that day included: `U` follows the `T` and the space behind a date."""
