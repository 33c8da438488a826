"""What was used, and when."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from tests.support.oracle.shared import (
    Rows,
    buckets,
    chosen,
    count,
    default_bucket,
    div,
    errors_of,
    grouped,
    is_interaction,
    late,
    local,
    nearest_rank,
    ranks,
    users,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from slashspan.insights import Filters
    from tests.support.call_history import Call


def totals(all_calls: Sequence[Call], filters: Filters) -> Rows:
    calls = chosen(all_calls, filters)
    asked = [call for call in calls if is_interaction(call)]
    return [
        {
            "calls": len(calls),
            "users": len(users(calls)),
            "guilds": len({call.guild for call in calls} - {None}),
            "ok": count(calls, "ok"),
            **errors_of(calls),
            "rejected": count(calls, "rejected"),
            **ranks([call.duration for call in calls], "p50_ms", "p95_ms", "p99_ms"),
            "ack_p95_ms": nearest_rank((call.ack for call in calls), 95),
            "interactions": len(asked),
            "over_3s": sum(late(call, 3) for call in asked),
            "never": sum(call.ack is None and call.outcome != "expired" for call in asked),
            "first": min((call.at for call in calls), default=None),
            "last": max((call.at for call in calls), default=None),
        }
    ]


def calls_(all_calls: Sequence[Call], filters: Filters, bucket: str | None = None) -> Rows:
    calls = chosen(all_calls, filters)
    return [
        {
            "start": start,
            "kind": kind,
            "calls": len(some),
            "ok": count(some, "ok"),
            "errors": count(some, "error"),
            "rejected": count(some, "rejected"),
        }
        for start, inside in buckets(calls, filters, bucket or default_bucket(filters)).items()
        for kind in sorted({call.kind for call in calls})
        for some in [[call for call in inside if call.kind == kind]]
    ]


def commands(all_calls: Sequence[Call], filters: Filters) -> Rows:
    calls = chosen(all_calls, filters)
    rows = [
        {
            "command": command,
            "kind": kind,
            "calls": len(some),
            "share": len(some) / len(calls),
            "users": len(users(some)),
            "ok": count(some, "ok"),
            **errors_of(some),
            "rejected": count(some, "rejected"),
            **ranks([call.duration for call in some], "p50_ms", "p95_ms", "p99_ms"),
            "ack_p95_ms": nearest_rank((call.ack for call in some), 95),
            "over_3s": sum(is_interaction(call) and late(call, 3) for call in some),
            "last": max(call.at for call in some),
        }
        for (command, kind), some in grouped(calls, lambda call: (call.command, call.kind)).items()
    ]
    rows.sort(key=lambda row: (-row["calls"], row["command"], row["kind"]))
    earlier = chosen(all_calls, filters, since=None, guilds=(), users=(), shards=(), releases=())
    used = {call.command for call in calls} | {""}
    empty = dict.fromkeys(("error_rate", "p50_ms", "p95_ms", "p99_ms", "ack_p95_ms"))
    zero = {"share": 0.0, **dict.fromkeys(("calls", "users", "ok", "errors", "rejected", "over_3s"), 0)}
    before = {call.command: call for call in earlier} if filters.since else {}
    return rows + [
        {"command": name, "kind": last.kind, **empty, **zero, "last": last.at}
        for name, last in sorted(before.items())
        if name not in used
    ]


def hours(all_calls: Sequence[Call], filters: Filters) -> Rows:
    calls = chosen(all_calls, filters)
    if not calls:
        return []
    often: Counter[tuple[int, int]] = Counter()
    for start in buckets(calls, filters, "hour"):
        often[start.astimezone(filters.tz).weekday(), start.astimezone(filters.tz).hour] += 1
    sums = Counter((local(call, filters).weekday(), local(call, filters).hour) for call in calls)
    return [
        {"weekday": day, "hour": hour, "calls": sums[day, hour], "mean": div(sums[day, hour], often[day, hour])}
        for day in range(7)
        for hour in range(24)
    ]


def recent(all_calls: Sequence[Call], filters: Filters) -> Rows:
    return [
        {
            "at": call.at,
            "command": call.command,
            "kind": call.kind,
            "outcome": call.outcome,
            "error_type": call.error_type,
            "duration_ms": call.duration,
            "ack_ms": call.ack,
            "user_id": call.user,
            "user_name": call.name,
            "guild_id": call.guild,
            "trace_id": call.trace,
        }
        for call in chosen(all_calls, filters)[::-1][:20]
    ]
