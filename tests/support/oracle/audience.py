"""Where, in which language, what came next, and with which release."""

from __future__ import annotations

import math
from collections import defaultdict
from datetime import timedelta
from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING

from slashspan.semconv import Kind
from tests.support.oracle.shared import (
    Rows,
    chosen,
    count,
    div,
    errors_of,
    grouped,
    interval,
    nearest_rank,
    ranks,
    users,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from slashspan.insights import Filters
    from tests.support.call_history import Call


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
    calls = [
        call
        for call in chosen(all_calls, filters, commands=STEPS, kinds=filters.kinds or (*Kind.ALL, ""))
        if call.user is not None and (filters.kinds or call.kind != Kind.AUTOCOMPLETE)
    ]
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
        fast, slow = p95_bounds([call.duration for call in some if call.duration is not None])
        before = rows[-1] if rows else None
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
                "p95_low_ms": fast,
                "p95_high_ms": slow,
                "error_verdict": before and verdict(before["low"], before["high"], low, high),
                "p95_verdict": before and verdict(before["p95_low_ms"], before["p95_high_ms"], fast, slow),
            }
        )
    return rows


def verdict(low_before: float | None, high_before: float | None, low: float | None, high: float | None) -> str:
    if low is not None and high_before is not None and low > high_before:
        return "worse"
    return "better" if high is not None and low_before is not None and high < low_before else "unclear"


def p95_bounds(durations: list[float]) -> tuple[float | None, float | None]:
    """The values at the highest and at the lowest place that the true p95 is beyond in at most 2.5 % of the cases, each
    rounded outwards to a power of 1.01 / 0.99."""
    low, high = places(len(durations))
    ordered = sorted(durations)
    base = 1.01 / 0.99

    def rounded(place: int, to: Callable[[float], int]) -> float | None:
        if not 1 <= place <= len(ordered):
            return None
        value = ordered[place - 1]
        return base ** to(math.log(value, base)) if value >= 1e-6 else 0.0 if to is math.floor else 1e-6

    return rounded(low, math.floor), rounded(high, math.ceil)


@lru_cache
def places(size: int) -> tuple[int, int]:
    """By the binomial distribution, in whole numbers."""
    p95, tail = Fraction(19, 20), Fraction(1, 40)
    chances = [math.comb(size, k) * p95**k * (1 - p95) ** (size - k) for k in range(size + 1)]
    low = max(place for place in range(size + 1) if sum(chances[:place]) <= tail)
    return low, min(place for place in range(size + 2) if sum(chances[place:]) <= tail)
