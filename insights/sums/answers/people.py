"""Answers about who comes, and comes back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pyroaring import BitMap

if TYPE_CHECKING:
    from collections.abc import Mapping

    from slashspan.insights.readers.base import Row
    from slashspan.insights.sums.chosen import Period

LONG_GAP: Final = 31
"""Days: `user_days` does not distinguish longer gaps. No report does; only the last 30 days count for one."""


def user_days(period: Period, _: Mapping[str, str]) -> list[Row]:
    active = period.users_by(lambda day: day)
    latest: dict[int, BitMap] = {}
    """Users by their latest active day, the days in order."""
    older = BitMap()
    rows: list[Row] = []
    for day in sorted(active):
        left = active[day].copy()
        for before in sorted(latest, reverse=True):
            if day - before >= LONG_GAP:
                older |= latest.pop(before)
                continue
            back = latest[before] & left
            if back:
                rows.append({"day": day, "gap": day - before, "users": len(back)})
                latest[before] -= back
                left -= back
        long_ago = older & left
        older -= long_ago
        new = len(left) - len(long_ago)
        rows += [{"day": day, "gap": LONG_GAP, "users": len(long_ago)}] if long_ago else []
        rows += [{"day": day, "gap": None, "users": new}] if new else []
        latest[day] = active[day]
    return rows


def retention(period: Period, _: Mapping[str, str]) -> list[Row]:
    weeks = period.users_by(lambda day: day - day % 7)
    seen = BitMap()
    cohorts: dict[int, BitMap] = {}
    rows = []
    for week in sorted(weeks):
        cohorts[week] = weeks[week] - seen
        seen |= weeks[week]
        rows += [
            {"cohort": cohort, "week": week, "users": len(users & weeks[week])} for cohort, users in cohorts.items()
        ]
    return [row for row in rows if row["users"]]
