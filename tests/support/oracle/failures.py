"""What failed."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING

from tests.support.oracle.shared import Rows, chosen, count, errors_of, grouped, interval, users

if TYPE_CHECKING:
    from collections.abc import Sequence

    from slashspan.insights import Filters
    from tests.support.call_history import Call


def errors(all_calls: Sequence[Call], filters: Filters) -> Rows:
    rows = []
    for (command, kind), some in grouped(chosen(all_calls, filters), lambda call: (call.command, call.kind)).items():
        ran = count(some, "ok") + count(some, "error")
        low, high = interval(count(some, "error"), ran)
        more = {"rejected": count(some, "rejected"), "calls": len(some), "ran": ran, "low": low, "high": high}
        rows.append({"command": command, "kind": kind, **errors_of(some), **more})
    return rows


def outcomes(all_calls: Sequence[Call], filters: Filters) -> Rows:
    calls = chosen(all_calls, filters)
    sums = Counter(call.outcome for call in calls)
    rows = [{"outcome": name, "calls": n, "share": n / len(calls)} for name, n in sums.items()]
    return sorted(rows, key=lambda row: (-row["calls"], row["outcome"]))


def error_types(all_calls: Sequence[Call], filters: Filters) -> Rows:
    failed = [call for call in chosen(all_calls, filters) if call.outcome == "error" or call.error_type is not None]
    before = filters.since and filters.since.astimezone(filters.tz) - timedelta(days=30)
    everywhere = chosen(all_calls, filters, since=before, guilds=(), users=(), shards=(), releases=())
    first = {call.release: call.at for call in reversed(everywhere) if call.release}
    newest = max(first, key=lambda release: (first[release], release), default="")

    def new_in(*error: str | None) -> str | None:
        """All calls that ended so are of the release that began last, and that is not the only one."""
        seen = {c.release for c in everywhere if (c.error_type, c.command, c.kind, c.outcome) == error}
        return newest if len(first) > 1 and seen == {newest} else None

    return [
        {
            "error_type": type_ or "",
            "command": command,
            "kind": kind,
            "outcome": outcome,
            "calls": len(some),
            "users": len(users(some)),
            "new_in": new_in(type_, command, kind, outcome),
            "first": some[0].at,
            "last": some[-1].at,
        }
        for (type_, command, kind, outcome), some in grouped(
            failed, lambda call: (call.error_type, call.command, call.kind, call.outcome)
        ).items()
    ]
