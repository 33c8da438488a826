"""The reports in plain Python, each from its definition and the calls themselves; slow, and as simple as possible."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
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
    return sorted(
        (
            call
            for call in calls
            if (since is None or call.at >= since)
            and (filters.until is None or call.at < filters.until)
            and call.kind in (filters.kinds or COMMAND_KINDS)
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
    return [
        {
            "error_type": type_ or "",
            "command": command,
            "kind": kind,
            "outcome": outcome,
            "calls": len(some),
            "users": len(users(some)),
            "first": some[0].at,
            "last": some[-1].at,
        }
        for (type_, command, kind, outcome), some in grouped(
            failed, lambda call: (call.error_type, call.command, call.kind, call.outcome)
        ).items()
    ]


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


def pipeline(all_calls: Sequence[Call], filters: Filters) -> Rows:
    stored = [call for call in chosen(all_calls, filters) if call.lag is not None]
    return [
        {
            "start": start,
            "calls": len(some),
            **ranks([call.lag for call in some], "p50_ms", "p95_ms", "p99_ms"),
            "longest_ms": max((call.lag or 0.0 for call in some), default=None),
            "late": sum((call.lag or 0) > 60_000 for call in some),
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


def guilds(all_calls: Sequence[Call], filters: Filters) -> Rows:
    calls = chosen(all_calls, filters)

    def place(call: Call) -> tuple[str, int | None]:
        return ("guild" if call.guild is not None else "dm" if call.kind else "unknown"), call.guild

    return [
        {
            "place": where,
            "guild_id": guild,
            "calls": len(some),
            "share": len(some) / len(calls),
            "users": len(users(some)),
        }
        for (where, guild), some in grouped(calls, place).items()
    ]


def locales(all_calls: Sequence[Call], filters: Filters) -> Rows:
    rows = []
    for whose in ("user", "guild"):
        found = grouped(chosen(all_calls, filters), lambda call: call.locale if whose == "user" else call.guild_locale)  # noqa: B023
        known = {code: some for code, some in found.items() if code is not None}
        total = sum(len(users(some)) for some in known.values())
        rows += [
            {
                "whose": whose,
                "locale": code,
                "users": len(users(some)),
                "share": div(len(users(some)), total),
                "calls": len(some),
            }
            for code, some in known.items()
        ]
    return rows


def next_commands(all_calls: Sequence[Call], filters: Filters) -> Rows:
    calls = [call for call in chosen(all_calls, filters, commands=()) if call.user is not None]
    pairs: dict[tuple[str, str], list[tuple[str | None, str | None, float | None]]] = defaultdict(list)
    for some in grouped(calls, lambda call: call.user).values():
        for call, later in zip(some, [*some[1:], None], strict=True):
            gap = (later.at - call.at) / timedelta(milliseconds=1) if later else None
            if later is None or gap is None or gap > 1_800_000:
                pairs[call.command, call.kind].append((None, None, None))
            else:
                pairs[call.command, call.kind].append((later.command, later.kind, gap))
    rows = []
    for (command, kind), follow in pairs.items():
        for after in {pair[:2] for pair in follow}:
            same = [pair for pair in follow if pair[:2] == after]
            if filters.commands and not {command, after[0]} & set(filters.commands):
                continue
            rows.append(
                {
                    "command": command,
                    "kind": kind,
                    "next_command": after[0],
                    "next_kind": after[1],
                    "calls": len(same),
                    "share": len(same) / len(follow),
                    "gap_p50_ms": nearest_rank((pair[2] for pair in same), 50),
                }
            )
    return rows


STEPS = ("setup", "play", "leaderboard")


def funnel(all_calls: Sequence[Call], filters: Filters) -> Rows:
    calls = [call for call in chosen(all_calls, filters, commands=STEPS) if call.user is not None]
    reached = [set() for _ in STEPS]  # type: list[set[int | None]]
    for user, some in grouped(calls, lambda call: call.user).items():
        for start in range(len(some)):
            step = 0
            for call in some[start:]:
                if (
                    call.at - some[start].at <= timedelta(minutes=30)
                    and step < len(STEPS)
                    and call.command == STEPS[step]
                ):
                    reached[step].add(user)
                    step += 1
                elif call is some[start]:
                    break
    counts = [len(some) for some in reached]
    return [
        {
            "step": n + 1,
            "command": name,
            "users": counts[n],
            "share": div(counts[n], counts[0]),
            "step_share": div(counts[n], counts[max(0, n - 1)]),
        }
        for n, name in enumerate(STEPS)
    ]


def releases(all_calls: Sequence[Call], filters: Filters) -> Rows:
    found = grouped((call for call in chosen(all_calls, filters) if call.release), lambda call: call.release)
    rows: Rows = []
    for release, some in sorted(found.items(), key=lambda each: (each[1][0].at, each[0])):
        low, high = interval(count(some, "error"), count(some, "ok") + count(some, "error"))
        verdict = None
        if rows:
            known = None not in (low, high, rows[-1]["low"], rows[-1]["high"])
            verdict = (
                "worse"
                if known and low > rows[-1]["high"]
                else "better"
                if known and high < rows[-1]["low"]
                else "unclear"
            )
        rows.append(
            {
                "release": release,
                "first": some[0].at,
                "last": some[-1].at,
                "calls": len(some),
                "users": len(users(some)),
                **errors_of(some),
                "low": low,
                "high": high,
                **ranks([call.duration for call in some], "p50_ms", "p95_ms"),
                "verdict": verdict,
            }
        )
    return rows


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


ORACLE: dict[str, Callable[..., Rows]] = {
    "totals": totals,
    "calls": calls_,
    **{
        each.__name__.replace("_", "-"): each
        for each in (
            *(commands, hours, errors, error_types, outcomes, durations, acknowledgements, arrival, checkpoints),
            *(active_users, stickiness, retention, lifecycle, calls_per_user, power_users),
            *(guilds, locales, next_commands, funnel, releases, pipeline, recent),
        )
    },
}
"""By the name of the report."""
