"""Who came, came back and stayed."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import date, timedelta
from typing import TYPE_CHECKING

from tests.support.oracle.shared import Rows, chosen, div, local, start_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from slashspan.insights import Filters
    from tests.support.call_history import Call


def users_by_day(all_calls: Sequence[Call], filters: Filters) -> dict[date, set[int]]:
    """Of all times before the end of the period."""
    found: dict[date, set[int]] = defaultdict(set)
    for call in chosen(all_calls, filters, since=None):
        if call.user is not None:
            found[local(call, filters).date()].add(call.user)
    return found


def shown_days(by_day: dict[date, set[int]], filters: Filters, before: int | None) -> list[date]:
    """`before`: days before the period of which a report must know a user, or it has no rows."""
    known = sorted(by_day)
    if filters.since and before is not None:
        known = [day for day in known if day >= filters.since.astimezone(filters.tz).date() - timedelta(before)]
    if not known:
        return []
    first = filters.since.astimezone(filters.tz).date() if filters.since else known[0]
    last = known[-1]
    if filters.since or filters.until:
        last = max(last, (filters.end - timedelta(microseconds=1)).astimezone(filters.tz).date())
    return [first + timedelta(n) for n in range((last - first).days + 1)]


def within(by_day: dict[date, set[int]], day: date, days: int) -> set[int]:
    return set().union(*(by_day.get(day - timedelta(n), set()) for n in range(days)))


def active_users(all_calls: Sequence[Call], filters: Filters) -> Rows:
    by_day = users_by_day(all_calls, filters)
    return [
        {
            "day": day,
            "dau": len(within(by_day, day, 1)),
            "wau": len(within(by_day, day, 7)),
            "mau": len(within(by_day, day, 30)),
        }
        for day in shown_days(by_day, filters, 29)
    ]


def stickiness(all_calls: Sequence[Call], filters: Filters) -> Rows:
    by_day = users_by_day(all_calls, filters)
    began = min((local(call, filters).date() for call in all_calls), default=None)
    rows = []
    for day in shown_days(by_day, filters, 29):
        known = (
            began is not None and day - timedelta(29) >= began and start_of(day + timedelta(1), filters) <= filters.end
        )
        mean = sum(len(by_day.get(day - timedelta(n), set())) for n in range(30)) / 30 if known else None
        mau = len(within(by_day, day, 30))
        rows.append({"day": day, "mean_dau": mean, "mau": mau, "stickiness": div(mean, mau)})
    return rows


def lifecycle(all_calls: Sequence[Call], filters: Filters) -> Rows:
    by_day = users_by_day(all_calls, filters)
    rows = []
    for day in shown_days(by_day, filters, None):
        today = by_day.get(day, set())
        ever = set().union(*(some for each, some in by_day.items() if each < day))
        lately = within(by_day, day - timedelta(1), 30)
        counts = (len(today - ever), len(today & lately), len((today & ever) - lately))
        rows.append({"day": day, **dict(zip(("new", "returning", "resurrected"), counts, strict=True))})
    return rows


def retention(all_calls: Sequence[Call], filters: Filters) -> Rows:
    weeks: dict[date, set[int]] = defaultdict(set)
    for day, some in users_by_day(all_calls, filters).items():
        weeks[day - timedelta(day.isoweekday() - 1)] |= some
    if not weeks:
        return []
    first, last = min(weeks), max(weeks)
    if filters.since:
        day = filters.since.astimezone(filters.tz).date()
        first = max(first, day - timedelta(day.isoweekday() - 1))
    if filters.since or filters.until:
        day = (filters.end - timedelta(microseconds=1)).astimezone(filters.tz).date()
        last = max(last, day - timedelta(day.isoweekday() - 1))
    rows = []
    cohort = first
    while cohort <= last:
        members = weeks.get(cohort, set()) - set().union(*(some for week, some in weeks.items() if week < cohort))
        week = cohort
        while week <= last:
            over = start_of(week + timedelta(7), filters) <= filters.end
            active = len(members & weeks.get(week, set())) if over else None
            number = (week - cohort).days // 7
            rows.append(
                {
                    "cohort": cohort,
                    "size": len(members),
                    "week": number,
                    "active": active,
                    "share": div(active, len(members)),
                }
            )
            week += timedelta(7)
        cohort += timedelta(7)
    return rows


def calls_per_user(all_calls: Sequence[Call], filters: Filters) -> Rows:
    sums = Counter(call.user for call in chosen(all_calls, filters) if call.user is not None)
    rows = []
    for low, high in ((1, 1), (2, 2), (3, 5), (6, 10), (11, 20), (21, 50), (51, 100), (101, 200), (201, 500)):
        inside = [n for n in sums.values() if low <= n <= high]
        if low <= max(sums.values(), default=0):
            rows.append({"at_least": low, "at_most": high, "users": len(inside), "calls": sum(inside)})
    return rows


def power_users(all_calls: Sequence[Call], filters: Filters) -> Rows:
    sums = sorted(Counter(c.user for c in chosen(all_calls, filters) if c.user is not None).values(), reverse=True)
    rows = []
    for percent in (1, 5, 10, 25, 50, 100) if sums else ():
        top = -(-len(sums) * percent // 100)
        rows.append(
            {"top": percent / 100, "users": top, "calls": sum(sums[:top]), "share": sum(sums[:top]) / sum(sums)}
        )
    return rows
