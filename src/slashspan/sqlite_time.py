"""Forms of times in a SQLite table, which may contain rows of an old bot as well as ours.

Ours are `2026-11-23T15:36:00.123456Z`; an old bot's `CURRENT_TIMESTAMP` is `2026-11-23 15:36:00`, and Python's own
adapters write `2026-11-23 15:36:00.123456+02:00`. Without an offset they are UTC. As text they are in the same order by
day only, and an offset can move the day by one.
"""

from __future__ import annotations

from typing import Final

_PARTS: Final = """
    SELECT substr(text, 1, 19) AS second, substr(text, 20) AS rest,
           max(instr(substr(text, 20), '+'), instr(substr(text, 20), '-')) AS sign
      FROM (SELECT trim(replace(called_at, 'UTC', '')) AS text)
     WHERE typeof(called_at) = 'text' AND substr(text, 5, 1) = '-'
"""
_SPLIT: Final = f"""
    SELECT second,
           CASE WHEN sign > 0 THEN trim(substr(rest, 1, sign - 1)) ELSE rtrim(rest, 'Zz ') END AS fraction,
           CASE WHEN sign > 0 THEN replace(substr(rest, sign), ':', '') ELSE '' END AS zone
      FROM ({_PARTS})
"""  # noqa: S608 - constants
_CONVERTED: Final = f"""
    SELECT strftime('%Y-%m-%dT%H:%M:%S', second ||
               CASE WHEN zone = '' THEN '' ELSE substr(zone, 1, 3) || ':' || substr(zone || '00', 4, 2) END)
           || substr(fraction || substr('.000000', length(fraction) + 1), 1, 7) || 'Z'
      FROM ({_SPLIT})
     WHERE fraction = '' OR (substr(fraction, 1, 1) = '.' AND ltrim(substr(fraction, 2), '0123456789') = '')
"""  # noqa: S608
CALLED_AT_AS_ISO: Final = (
    "CASE WHEN length(called_at) = 27 AND substr(called_at, 11, 1) = 'T' AND substr(called_at, 27) = 'Z' "
    f"THEN called_at ELSE ({' '.join(_CONVERTED.split())}) END"
)
"""SQL: `called_at` in our form, NULL if it is not a time; our form is checked first, for speed."""
SQLITE_SINCE_DAY: Final = "called_at >= date(:since, '-1 day')"
"""SQL that can use an index: true for every time not before the parameter `since`, which is in our form."""
SQLITE_UNTIL_DAY: Final = "called_at < date(:until, '+1 day') || 'U'"
"""The same for every time until `until`: `U` is greater than the `T` or the space after a date."""
