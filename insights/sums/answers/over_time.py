"""Answers by hour or day."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING

from slashspan.insights.sums import hours
from slashspan.insights.sums.answers.shared import NO_ANSWER_DUE, moment, outcomes_of
from slashspan.insights.sums.documents import Group
from slashspan.insights.sums.histograms import add_counts, add_up, nearest_ranks
from slashspan.semconv import Outcome

if TYPE_CHECKING:
    from collections.abc import Mapping

    from slashspan.insights.readers.base import Row
    from slashspan.insights.sums.chosen import Period
    from slashspan.insights.sums.period import Cell


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
    return [{"bucket": bucket, "kind": kind, **outcomes_of(group)} for (bucket, kind), group in found.items()]


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
            if key.kind not in NO_ANSWER_DUE:
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
    edges = {"first_at": moment(min(first)), "last_at": moment(max(last))}  # of all hours: nobody asks for one's own
    return [{"weekday": day, "hour": hour, "calls": count, **edges} for (day, hour), count in found.items()]
