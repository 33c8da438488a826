"""What several reports need: which calls count, their percentiles, intervals and buckets."""

from __future__ import annotations

import math
from collections import defaultdict
from datetime import date, datetime, timedelta, timezone
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar

from slashspan.insights.filters import COMMAND_KINDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from zoneinfo import ZoneInfo

    from slashspan.insights import Filters
    from tests.support.call_history import Call

K = TypeVar("K")
Rows = list[dict[str, Any]]
UTC = timezone.utc


def chosen(calls: Sequence[Call], filters: Filters, **without: Any) -> list[Call]:
    """The calls that the filters let through, in the order of time; `since=None` leaves out a condition."""

    def has(name: str, *values: Any) -> bool:
        wanted = without[name] if name in without else getattr(filters, name)
        return not wanted or any(value in wanted for value in values)

    since = without.get("since", filters.since)
    kinds = without.get("kinds", filters.kinds) or COMMAND_KINDS
    return sorted(
        (
            call
            for call in calls
            if (since is None or call.at >= since)
            and (filters.until is None or call.at < filters.until)
            and call.kind in kinds
            and has("commands", call.command)
            and has("guilds", call.guild)
            and has("users", call.user)
            and has("shards", call.shard)
            and has("environments", call.environment)
            and has("releases", call.release)
            and has("bots", call.service, str(call.application))
        ),
        key=lambda call: (call.at, call.kind == "", call.id),  # an old bot's rows are inserted last
    )


def nearest_rank(values: Iterable[float | None], percent: int) -> float | None:
    ordered = sorted(value for value in values if value is not None)
    return ordered[math.ceil(percent * len(ordered) / 100) - 1] if ordered else None


def ranks(values: Sequence[float | None], *names: str) -> dict[str, float | None]:
    return {name: nearest_rank(values, percent) for name, percent in zip(names, (50, 95, 99), strict=False)}


def div(part: float | None, whole: float | None) -> float | None:
    return None if not whole or part is None else part / whole


def interval(errors: int, ran: int) -> tuple[float | None, float | None]:
    """The two solutions p of (errors/ran − p)² = z² p (1 − p) / ran: the definition of Wilson's interval."""
    if not ran:
        return None, None
    z2, share = 1.959963984540054**2, errors / ran
    a, b, c = 1 + z2 / ran, -(2 * share + z2 / ran), share * share
    root = math.sqrt(max(0.0, b * b - 4 * a * c))
    return (-b - root) / (2 * a), (-b + root) / (2 * a)


def grouped(calls: Iterable[Call], key: Callable[[Call], K]) -> dict[K, list[Call]]:
    found: dict[K, list[Call]] = defaultdict(list)
    for call in calls:
        found[key(call)].append(call)
    return found


def count(calls: Iterable[Call], outcome: str) -> int:
    return sum(call.outcome == outcome for call in calls)


def users(calls: Iterable[Call]) -> set[int]:
    return {call.user for call in calls if call.user is not None}


def errors_of(calls: Sequence[Call]) -> dict[str, Any]:
    ok, failed = count(calls, "ok"), count(calls, "error")
    return {"errors": failed, "error_rate": div(failed, ok + failed)}


def late(call: Call, seconds: int) -> bool:
    return call.outcome == "expired" or (call.ack or 0) > seconds * 1000


def is_interaction(call: Call) -> bool:
    return call.kind not in ("prefix", "")


def local(call: Call, filters: Filters) -> datetime:
    return call.at.astimezone(filters.tz)


def last_moment(calls: Sequence[Call], filters: Filters) -> datetime:
    """Up to when there are buckets."""
    last = max(call.at for call in calls)
    return max(last, filters.end - timedelta(microseconds=1)) if filters.since or filters.until else last


def first_moment(calls: Sequence[Call], filters: Filters) -> datetime:
    return min([call.at for call in calls] + ([filters.since] if filters.since else []))


def hour_of(moment: datetime, filters: Filters) -> datetime:
    """The beginning of the local hour."""
    return _hour_of(moment.astimezone(UTC).replace(second=0, microsecond=0), filters.tz)


@lru_cache(100_000)
def _hour_of(minute: datetime, zone: ZoneInfo) -> datetime:
    while minute.astimezone(zone).minute:
        minute -= timedelta(minutes=1)
    return minute


def start_of(day: date, filters: Filters) -> datetime:
    """The first minute of a local day, looked for from the day before on."""
    moment = datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(hours=15)
    while moment.astimezone(filters.tz).date() < day:
        moment += timedelta(minutes=15)
    return moment


def buckets(calls: Sequence[Call], filters: Filters, bucket: str) -> dict[datetime, list[Call]]:
    """Calls by the beginning of their bucket, in UTC, empty buckets too."""
    if not calls:
        return {}

    def start(moment: datetime) -> datetime:
        if bucket == "hour":
            return hour_of(moment, filters)
        day = moment.astimezone(filters.tz).date()
        if bucket == "week":
            day -= timedelta(day.isoweekday() - 1)
        return start_of(day.replace(day=1) if bucket == "month" else day, filters)

    found: dict[datetime, list[Call]] = {}
    moment = hour_of(first_moment(calls, filters), filters)
    while moment <= last_moment(calls, filters):
        found.setdefault(start(moment), [])
        moment += timedelta(minutes=30 if bucket == "hour" else 360)
    found.setdefault(start(last_moment(calls, filters)), [])
    for call in calls:
        found[start(call.at)].append(call)
    return dict(sorted(found.items()))


def default_bucket(filters: Filters) -> str:
    return "hour" if filters.since and filters.end - filters.since <= timedelta(hours=49) else "day"
