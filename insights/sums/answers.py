"""Answers the reports' queries from documents: the same rows as `sql/<name>.sql` returns, in any order.

Counts, users and times are exact; percentiles are those of the histograms, to 1 %.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Final

from pyroaring import BitMap

from slashspan.insights.quantiles import bounding_places
from slashspan.insights.sums import hours
from slashspan.insights.sums.documents import Failure, Group
from slashspan.insights.sums.histograms import add_counts, add_up, at_place, histogram, nearest_ranks
from slashspan.insights.zones import EPOCH
from slashspan.semconv import Kind, Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime

    from slashspan.insights.readers.base import Row
    from slashspan.insights.sums.chosen import Period
    from slashspan.insights.sums.period import Cell

LONG_GAP: Final = 31
"""Days: `user_days` does not distinguish longer gaps. No report does; only the last 30 days count for one."""
_NO_ANSWER_DUE: Final = (Kind.PREFIX, "")


def _moment(us: int) -> datetime:
    from datetime import timedelta

    return EPOCH + timedelta(microseconds=us)


def _outcomes(group: Group) -> Row:
    counts = group.outcomes
    return {
        "calls": group.calls,
        "ok": counts.get(Outcome.OK, 0),
        "errors": counts.get(Outcome.ERROR, 0),
        "rejected": counts.get(Outcome.REJECTED, 0),
    }


def totals(period: Period, _: Mapping[str, str]) -> list[Row]:
    total, due = Group(), Group()
    for key, group in period.merged.items():
        total.add(group)
        if key.kind not in _NO_ANSWER_DUE:
            due.calls += group.calls
            due.over_3s += group.over_3s
            due.never += group.never
    return [
        {
            **_outcomes(total),
            "users": len(total.users),
            "guilds": len(total.guilds),
            "interactions": due.calls,
            "over_3s": due.over_3s,
            "never": due.never,
            "durations": nearest_ranks(total.durations),
            "acks": nearest_ranks(total.acks),
            "first_at": _moment(total.first_us) if total.calls else None,
            "last_at": _moment(total.last_us) if total.calls else None,
        }
    ]


def commands(period: Period, _: Mapping[str, str]) -> list[Row]:
    return [
        {
            "kind": kind,
            "command": command,
            **_outcomes(group),
            "users": len(group.users),
            "over_3s": 0 if kind in _NO_ANSWER_DUE else group.over_3s,
            "durations": nearest_ranks(group.durations),
            "acks": nearest_ranks(group.acks),
            "last_at": _moment(group.last_us),
        }
        for (kind, command), group in _commands(period)
    ]


def _commands(period: Period) -> Iterable[tuple[tuple[str, str], Group]]:
    return period.by(lambda key: (key.kind, key.command)).items()


def errors(period: Period, _: Mapping[str, str]) -> list[Row]:
    return [{"kind": kind, "command": command, **_outcomes(group)} for (kind, command), group in _commands(period)]


def outcomes(period: Period, _: Mapping[str, str]) -> list[Row]:
    total: dict[str, int] = {}
    for group in period.merged.values():
        add_counts(total, group.outcomes.items())
    return [{"outcome": outcome, "calls": calls} for outcome, calls in total.items()]


def durations(period: Period, _: Mapping[str, str]) -> list[Row]:
    return [
        {
            "kind": kind,
            "command": command,
            "calls": sum(group.durations.values()),
            "ranks": nearest_ranks(group.durations),
            "longest": group.longest,
        }
        for (kind, command), group in _commands(period)
        if group.durations
    ]


def duration_histogram(period: Period, _: Mapping[str, str]) -> list[Row]:
    found = histogram(add_up(group.durations for group in period.merged.values()))
    return [{"bin": step, "calls": calls} for step, calls in found.items()]


def acknowledgements(period: Period, _: Mapping[str, str]) -> list[Row]:
    return [
        {
            "kind": kind,
            "command": command,
            "calls": group.calls,
            "ranks": nearest_ranks(group.acks),
            "over_2s": group.over_2s,
            "over_3s": group.over_3s,
            "never": group.never,
        }
        for (kind, command), group in _commands(period)
        if kind not in _NO_ANSWER_DUE
    ]


def releases(period: Period, _: Mapping[str, str]) -> list[Row]:
    return [
        {
            "release": release,
            **_outcomes(group),
            "users": len(group.users),
            "timed": sum(group.durations.values()),
            "ranks": nearest_ranks(group.durations),
            "first_at": _moment(group.first_us),
            "last_at": _moment(group.last_us),
        }
        for release, group in period.by(lambda key: key.release).items()
        if release
    ]


def release_starts(period: Period, _: Mapping[str, str]) -> list[Row]:
    groups = period.by(lambda key: key.release)
    return [{"release": release, "first_at": _moment(group.first_us)} for release, group in groups.items() if release]


def release_places(period: Period, _: Mapping[str, str]) -> list[Row]:
    return [
        {"release": release, "place": place, "duration_ms": value}
        for release, group in period.by(lambda key: key.release).items()
        if release
        for place in bounding_places(sum(group.durations.values()))
        if (value := at_place(group.durations, place)) is not None
    ]


def error_types(period: Period, _: Mapping[str, str]) -> list[Row]:
    found: dict[tuple[str, str, str, str], Failure] = defaultdict(Failure)
    for cell in period.cells:
        for key, group in period.groups(cell):
            for (outcome, type_), failure in group.failures.items():
                found[key.kind, key.command, outcome, type_].add(failure)
    return [
        {
            "kind": kind,
            "command": command,
            "outcome": outcome,
            "type": type_,
            "calls": failure.calls,
            "users": len(failure.users),
            "first_at": _moment(failure.first_us),
            "last_at": _moment(failure.last_us),
        }
        for (kind, command, outcome, type_), failure in found.items()
    ]


def error_releases(period: Period, _: Mapping[str, str]) -> list[Row]:
    found = {
        (key.kind, key.command, *failure, key.release)
        for key, group in period.merged.items()
        for failure in group.failed_with()
    }
    return [dict(zip(("kind", "command", "outcome", "type", "release"), each, strict=True)) for each in found]


def _place(cell: Cell, expressions: Mapping[str, str]) -> int:
    """What `{bucket}` is for the calls of a cell."""
    if expressions["bucket"] == "day":
        return cell.day
    assert cell.start is not None
    return cell.start


def calls(period: Period, expressions: Mapping[str, str]) -> list[Row]:
    found: dict[tuple[int, str], Group] = defaultdict(Group)
    for cell in period.cells:
        for key, group in period.groups(cell):
            total = found[_place(cell, expressions), key.kind]
            total.calls += group.calls
            add_counts(total.outcomes, group.outcomes.items())
    return [{"bucket": bucket, "kind": kind, **_outcomes(group)} for (bucket, kind), group in found.items()]


def arrival(period: Period, expressions: Mapping[str, str]) -> list[Row]:
    parts: dict[int, list[dict[int, int]]] = defaultdict(list)
    for cell in period.cells:
        parts[_place(cell, expressions)] += [group.delays for _, group in period.groups(cell) if group.delays]
    found = {bucket: add_up(delays) for bucket, delays in parts.items() if delays}
    return [
        {
            "bucket": bucket,
            "calls": sum(bins.values()),
            "ranks": nearest_ranks(bins),
            "negative": sum(count for number, count in bins.items() if number < 0),
        }
        for bucket, bins in found.items()
    ]


def trend(period: Period, expressions: Mapping[str, str]) -> list[Row]:
    found: dict[int, tuple[Group, Group]] = defaultdict(lambda: (Group(), Group()))
    for cell in period.cells:
        total, due = found[_place(cell, expressions)]
        for key, group in period.groups(cell):
            total.add(group)
            if key.kind not in _NO_ANSWER_DUE:
                due.calls += group.calls
                due.never += group.over_3s + group.never
    return [
        {
            "bucket": bucket,
            "calls": total.calls,
            "users": len(total.users),
            "ok": total.outcomes.get(Outcome.OK, 0),
            "errors": total.outcomes.get(Outcome.ERROR, 0),
            "interactions": due.calls,
            "late": due.never,
            "ranks": nearest_ranks(total.durations),
        }
        for bucket, (total, due) in found.items()
        if total.calls
    ]


def choices(period: Period, _: Mapping[str, str]) -> list[Row]:
    found = {(key.command, key.service_name, key.application_id, key.environment, key.release) for key in period.merged}
    names = ("command", "service_name", "application_id", "environment", "release")
    return [dict(zip(names, each, strict=True)) for each in found]


def hours_of_week(period: Period, _: Mapping[str, str]) -> list[Row]:
    found: Counter[tuple[int, int]] = Counter()
    first, last = [], []
    for cell in period.cells:
        hour = None if cell.start is None else hours.as_datetime(cell.start).astimezone(period.filters.tz).hour
        for _key, group in period.groups(cell):
            first.append(group.first_us)
            last.append(group.last_us)
            counts = group.hours if hour is None else {hour: group.calls}
            for each, count in counts.items():
                found[cell.day % 7, each] += count
    if not found:
        return []
    edges = {"first_at": _moment(min(first)), "last_at": _moment(max(last))}  # of all hours: nobody asks for one's own
    return [{"weekday": day, "hour": hour, "calls": count, **edges} for (day, hour), count in found.items()]


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


ANSWERS: Final[Mapping[str, Callable[[Period, Mapping[str, str]], list[Row]]]] = {
    "totals": totals,
    "commands": commands,
    "errors": errors,
    "outcomes": outcomes,
    "durations": durations,
    "duration_histogram": duration_histogram,
    "acknowledgements": acknowledgements,
    "releases": releases,
    "release_starts": release_starts,
    "release_places": release_places,
    "error_types": error_types,
    "error_releases": error_releases,
    "calls": calls,
    "arrival": arrival,
    "trend": trend,
    "choices": choices,
    "hours": hours_of_week,
    "user_days": user_days,
    "retention": retention,
}
"""By the name of the query."""
