"""How many people come, and come back. Users whose id was dropped (0) are left out everywhere."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Final

from slashspan.insights import zones
from slashspan.insights.filters import ALL_KINDS, Filters
from slashspan.insights.reports.registry import report
from slashspan.insights.reports.shared import moment, ratio
from slashspan.insights.result import column

if TYPE_CHECKING:
    from collections.abc import Iterator

    from slashspan.insights.readers.base import Reader, Row

WEEK: Final = 7
MONTH: Final = 30
"""Days of a month in DAU/WAU/MAU."""


@dataclass(frozen=True, slots=True)
class ActiveUsersRow:
    day: date = column("date", "day", "Local day")
    dau: int = column("count", "DAU", "Different users on this day")
    wau: int = column("count", "WAU", "Different users on this day and the 6 before")
    mau: int = column("count", "MAU", "Different users on this day and the 29 before")


@report("Daily, weekly and monthly users", ActiveUsersRow)
async def active_users(reader: Reader, filters: Filters) -> list[ActiveUsersRow]:
    """Different users of the last 1, 7 and 30 days, counted at the end of each local day. Days before the period are
    read as far as they are needed. The last day may not be over yet."""
    counted = await _user_days(reader, filters, before=MONTH - 1)
    return [
        ActiveUsersRow(day, counted.active(day, 1), counted.active(day, WEEK), counted.active(day, MONTH))
        for day in counted.shown
    ]


@dataclass(frozen=True, slots=True)
class StickinessRow:
    day: date = column("date", "day", "Local day")
    mean_dau: float | None = column("ratio", "mean DAU", "Mean of the daily users of this day and the 29 before")
    mau: int = column("count", "MAU", "Different users on these 30 days")
    stickiness: float | None = column("share", "stickiness", "mean DAU ÷ MAU")


@report("How often users come back within a month", StickinessRow)
async def stickiness(reader: Reader, filters: Filters) -> list[StickinessRow]:
    """Mean daily users of 30 days ÷ users of these 30 days: 1 if everybody comes daily, 1/30 if everybody came once.
    Not known until the table reaches back 30 days, and not for a day that is not over."""
    counted = await _user_days(reader, filters, before=MONTH - 1)
    began = await _first_day(reader, filters)
    rows = []
    for day in counted.shown:
        mau = counted.active(day, MONTH)
        whole = began is not None and day - began >= timedelta(MONTH - 1) and _is_over(day, filters)
        mean = sum(counted.active(day - timedelta(n), 1) for n in range(MONTH)) / MONTH if whole else None
        rows.append(StickinessRow(day, mean, mau, ratio(mean, mau)))
    return rows


@dataclass(frozen=True, slots=True)
class LifecycleRow:
    day: date = column("date", "day", "Local day")
    new: int = column("count", "new", "Users whose first call was on this day")
    returning: int = column("count", "returning", "Users who were active within the 30 days before, too")
    resurrected: int = column("count", "back", "Users who were active before that, but not within the 30 days before")


@report("New, returning and resurrected users", LifecycleRow)
async def lifecycle(reader: Reader, filters: Filters) -> list[LifecycleRow]:
    """The users of each day by when they were active before: never, within the 30 days before, or only earlier. The
    whole history is read, with the same filters: with a command, its first call counts. After `slashspan prune` a
    user whose earlier calls were deleted is new again."""
    counted = await _user_days(reader, filters, before=None)
    rows = []
    for day in counted.shown:
        gaps = counted.gaps.get(day, {})
        new = gaps.get(None, 0)
        returning = sum(users for gap, users in gaps.items() if gap is not None and gap <= MONTH)
        rows.append(LifecycleRow(day, new, returning, sum(gaps.values()) - new - returning))
    return rows


@dataclass(frozen=True, slots=True)
class RetentionRow:
    cohort: date = column("date", "cohort", "Monday of the week of the users' first call")
    size: int = column("count", "users", "Users of the cohort")
    week: int = column("count", "week", "Weeks since then: 0 is the cohort's own")
    active: int | None = column("count", "active", "Users of the cohort who were active in that week")
    share: float | None = column("share", "share", "active ÷ users")


@report("How many users stay", RetentionRow)
async def retention(reader: Reader, filters: Filters) -> list[RetentionRow]:
    """Users by the week (from Monday) of their first call ever, and the share of them who were active in each week from
    then on. Cohorts whose week is in the period, weeks up to its end; a week that is not over is masked: neither active
    nor share. The whole history is read, with the same filters."""
    found = await reader.query("retention", _history(filters))
    active = {(row["cohort"], row["week"]): row["users"] for row in found}
    if not active:
        return []
    first = min(cohort for cohort, _ in active)
    if filters.since:
        since = zones.day_number(filters.since.astimezone(filters.tz).date())
        first = max(first, since - since % WEEK)
    last = max(_last_week(filters), *(week for _, week in active))
    earliest, latest = zones.shown_days(zones.day_of(first), zones.day_of(last))
    first = max(first, zones.day_number(zones.first_day(earliest, "week")))
    last = min(last, zones.day_number(zones.first_day(latest, "week")))
    rows = []
    for cohort in range(first, last + 1, WEEK):
        size = active.get((cohort, cohort), 0)
        for week in range(cohort, last + 1, WEEK):
            over = _is_over(zones.day_of(week + WEEK - 1), filters)
            count = active.get((cohort, week), 0) if over else None
            rows.append(RetentionRow(zones.day_of(cohort), size, (week - cohort) // WEEK, count, ratio(count, size)))
    return rows


class _UserDays:
    """Users of each day by the gap to their active day before."""

    def __init__(self, rows: list[Row], filters: Filters) -> None:
        self.gaps: dict[date, dict[int | None, int]] = defaultdict(dict)
        for row in rows:
            self.gaps[zones.day_of(row["day"])][row["gap"]] = row["users"]
        self.shown = list(_shown_days(self.gaps, filters))

    def active(self, day: date, days: int) -> int:
        """Different users on the `days` days that end with `day`: each counts on the first of these days on which they
        were active, whose gap reaches back before all of them."""
        return sum(
            users
            for back in range(days)
            for gap, users in self.gaps.get(day - timedelta(back), {}).items()
            if gap is None or gap > days - 1 - back
        )


async def _user_days(reader: Reader, filters: Filters, *, before: int | None) -> _UserDays:
    """`before`: how many days before the period are read; None: all."""
    if filters.since is None or before is None:
        return _UserDays(await reader.query("user_days", _history(filters)), filters)
    first = filters.since.astimezone(filters.tz).date() - timedelta(before)
    wider = dataclasses.replace(filters, since=zones.start_of_day(first, filters.tz))
    return _UserDays(await reader.query("user_days", wider), filters)


def _history(filters: Filters) -> Filters:
    return dataclasses.replace(filters, since=None)


def _shown_days(found: dict[date, dict[int | None, int]], filters: Filters) -> Iterator[date]:
    """The days of the period; without `since` or `until`, from the first or to the last day with a user."""
    if not found:
        return
    first, last = min(found), max(found)
    if filters.since:
        first = filters.since.astimezone(filters.tz).date()
    if filters.since or filters.until:
        last = max(last, (filters.end - timedelta(microseconds=1)).astimezone(filters.tz).date())
    yield from zones.days(*zones.shown_days(first, last))


def _is_over(day: date, filters: Filters) -> bool:
    """Whether the whole local day is before the end of what is known."""
    return zones.start_of_day(day + timedelta(1), filters.tz) <= filters.end


def _last_week(filters: Filters) -> int:
    if not (filters.since or filters.until):
        return 0
    day = zones.day_number((filters.end - timedelta(microseconds=1)).astimezone(filters.tz).date())
    return day - day % WEEK


async def _first_day(reader: Reader, filters: Filters) -> date | None:
    """The day on which the table begins, whatever the filters."""
    for row in await reader.query("first_call", Filters(zone=filters.zone, kinds=ALL_KINDS)):
        first = moment(row["first_at"], filters)
        return first and first.date()
    return None
