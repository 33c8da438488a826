"""How long it took."""

from __future__ import annotations

import itertools
import math
from datetime import timedelta
from typing import TYPE_CHECKING

from tests.support.oracle.shared import (
    Rows,
    buckets,
    chosen,
    default_bucket,
    div,
    grouped,
    is_interaction,
    late,
    nearest_rank,
    ranks,
    start_of,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from slashspan.insights import Filters
    from tests.support.call_history import Call


def durations(all_calls: Sequence[Call], filters: Filters) -> Rows:
    timed = [call for call in chosen(all_calls, filters) if call.duration is not None]
    return [
        {
            "command": command,
            "kind": kind,
            "calls": len(some),
            **ranks([call.duration for call in some], "p50_ms", "p95_ms", "p99_ms"),
            "longest_ms": max(call.duration or 0.0 for call in some),
        }
        for (command, kind), some in grouped(timed, lambda call: (call.command, call.kind)).items()
    ]


def duration_histogram(all_calls: Sequence[Call], filters: Filters) -> Rows:
    durations = [call.duration for call in chosen(all_calls, filters) if call.duration is not None]
    step = (1.01 / 0.99) ** 16
    first = (1.01 / 0.99) ** math.ceil(math.log(0.1, 1.01 / 0.99))
    edges = [0.0, *(first * step**number for number in range(51)), math.inf]
    counts = [sum(low < (each or 1e-9) <= high for each in durations) for low, high in itertools.pairwise(edges)]
    used = [number for number, count in enumerate(counts) if count]
    return [
        {
            "at_least_ms": edges[number],
            "at_most_ms": None if edges[number + 1] == math.inf else edges[number + 1],
            "calls": counts[number],
            "share": counts[number] / len(durations),
        }
        for number in (range(used[0], used[-1] + 1) if used else ())
    ]


def acknowledgements(all_calls: Sequence[Call], filters: Filters) -> Rows:
    asked = [call for call in chosen(all_calls, filters) if is_interaction(call)]
    return [
        {
            "command": command,
            "kind": kind,
            "calls": len(some),
            **ranks([call.ack for call in some], "p50_ms", "p95_ms", "p99_ms"),
            "over_2s": sum(late(call, 2) for call in some) / len(some),
            "over_3s": sum(late(call, 3) for call in some) / len(some),
            "never": sum(call.ack is None and call.outcome != "expired" for call in some) / len(some),
        }
        for (command, kind), some in grouped(asked, lambda call: (call.command, call.kind)).items()
    ]


def arrival(all_calls: Sequence[Call], filters: Filters) -> Rows:
    timed = [call for call in chosen(all_calls, filters) if call.delay is not None]
    return [
        {
            "start": start,
            "calls": len(some),
            **ranks([call.delay for call in some], "p50_ms", "p95_ms", "p99_ms"),
            "negative": sum((call.delay or 0) < 0 for call in some),
        }
        for start, some in buckets(timed, filters, default_bucket(filters)).items()
    ]


def seconds_of(start: datetime, bucket: str, filters: Filters) -> float:
    """The length of the hour or day, as far as it is in the period and over."""
    end = start + timedelta(hours=1)
    if bucket == "day":
        end = start_of(start.astimezone(filters.tz).date() + timedelta(1), filters)
    inside = min(end, filters.end) - max(start, filters.since or start)
    return max(0.0, inside / timedelta(seconds=1))


def pipeline(all_calls: Sequence[Call], filters: Filters) -> Rows:
    stored = [call for call in chosen(all_calls, filters) if call.lag is not None]
    return [
        {
            "start": start,
            "calls": len(some),
            **ranks([call.lag for call in some], "p50_ms", "p95_ms", "p99_ms"),
            "longest_ms": max((call.lag or 0.0 for call in some), default=None),
            "late": sum((call.lag or 0) > 60_000 for call in some),
            "batch_rows": div(len(some), len({call.at + timedelta(milliseconds=call.lag or 0) for call in some})),
            "waiting": div(
                sum(max(0.0, (call.lag or 0) - (call.duration or 0)) for call in some) / 1000,
                seconds_of(start, default_bucket(filters), filters),
            ),
        }
        for start, some in buckets(stored, filters, default_bucket(filters)).items()
    ]


def checkpoints(all_calls: Sequence[Call], filters: Filters) -> Rows:
    with_steps = [call for call in chosen(all_calls, filters) if call.steps]
    rows = []
    for (command, kind), some in grouped(with_steps, lambda call: (call.command, call.kind)).items():
        total = [call.duration for call in some if call.duration is not None]
        for name in {name for call in some for name, _, _ in call.steps}:
            steps = [(reached, step) for call in some for each, reached, step in call.steps if each == name]
            times = [step for _, step in steps]
            rows.append(
                {
                    "command": command,
                    "kind": kind,
                    "step": name,
                    "calls": len(steps),
                    **ranks(times, "p50_ms", "p95_ms", "p99_ms"),
                    "reached_ms": nearest_rank((reached for reached, _ in steps), 50),
                    "share": div(sum(times), sum(total) if total else None),
                    "slow": sum(step > 100 for step in times),
                }
            )
    return rows
