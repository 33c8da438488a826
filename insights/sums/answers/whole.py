"""Answers about the whole period."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from slashspan.insights.quantiles import bounding_places
from slashspan.insights.sums.answers.shared import NO_ANSWER_DUE, moment, outcomes_of
from slashspan.insights.sums.documents import Failure, Group
from slashspan.insights.sums.histograms import add_counts, add_up, at_place, histogram, nearest_ranks

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from slashspan.insights.readers.base import Row
    from slashspan.insights.sums.chosen import Period


def totals(period: Period, _: Mapping[str, str]) -> list[Row]:
    total, due = Group(), Group()
    for key, group in period.merged.items():
        total.add(group)
        if key.kind not in NO_ANSWER_DUE:
            due.calls += group.calls
            due.over_3s += group.over_3s
            due.never += group.never
    return [
        {
            **outcomes_of(total),
            "users": len(total.users),
            "guilds": len(total.guilds),
            "interactions": due.calls,
            "over_3s": due.over_3s,
            "never": due.never,
            "durations": nearest_ranks(total.durations),
            "acks": nearest_ranks(total.acks),
            "first_at": moment(total.first_us) if total.calls else None,
            "last_at": moment(total.last_us) if total.calls else None,
        }
    ]


def commands(period: Period, _: Mapping[str, str]) -> list[Row]:
    return [
        {
            "kind": kind,
            "command": command,
            **outcomes_of(group),
            "users": len(group.users),
            "over_3s": 0 if kind in NO_ANSWER_DUE else group.over_3s,
            "durations": nearest_ranks(group.durations),
            "acks": nearest_ranks(group.acks),
            "last_at": moment(group.last_us),
        }
        for (kind, command), group in _commands(period)
    ]


def _commands(period: Period) -> Iterable[tuple[tuple[str, str], Group]]:
    return period.by(lambda key: (key.kind, key.command)).items()


def errors(period: Period, _: Mapping[str, str]) -> list[Row]:
    return [{"kind": kind, "command": command, **outcomes_of(group)} for (kind, command), group in _commands(period)]


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
        if kind not in NO_ANSWER_DUE
    ]


def releases(period: Period, _: Mapping[str, str]) -> list[Row]:
    return [
        {
            "release": release,
            **outcomes_of(group),
            "users": len(group.users),
            "timed": sum(group.durations.values()),
            "ranks": nearest_ranks(group.durations),
            "first_at": moment(group.first_us),
            "last_at": moment(group.last_us),
        }
        for release, group in period.by(lambda key: key.release).items()
        if release
    ]


def release_starts(period: Period, _: Mapping[str, str]) -> list[Row]:
    groups = period.by(lambda key: key.release)
    return [{"release": release, "first_at": moment(group.first_us)} for release, group in groups.items() if release]


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
            "first_at": moment(failure.first_us),
            "last_at": moment(failure.last_us),
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


def choices(period: Period, _: Mapping[str, str]) -> list[Row]:
    found = {(key.command, key.service_name, key.application_id, key.environment, key.release) for key in period.merged}
    names = ("command", "service_name", "application_id", "environment", "release")
    return [dict(zip(names, each, strict=True)) for each in found]
