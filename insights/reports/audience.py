"""Who uses it, and what they do next."""

from __future__ import annotations

import dataclasses
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from math import ceil
from typing import TYPE_CHECKING, Final

from slashspan.errors import ConfigurationError
from slashspan.insights.filters import ALL_KINDS
from slashspan.insights.reports.registry import report
from slashspan.insights.reports.shared import moment, ranks, ratio
from slashspan.insights.result import column
from slashspan.semconv import Kind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from slashspan.insights.filters import Filters
    from slashspan.insights.readers.base import Reader

TOP_SHARES: Final = (0.01, 0.05, 0.10, 0.25, 0.50, 1.0)
"""The most active users, as shares of all users."""
WITHIN: Final = timedelta(minutes=30)
"""Calls that are further apart do not belong together."""
STEP_KINDS: Final = tuple(kind for kind in ALL_KINDS if kind != Kind.AUTOCOMPLETE)
"""What can be a step of a funnel: the autocompletion of a command has its name, but is no call of it."""


@dataclass(frozen=True, slots=True)
class GuildsRow:
    place: str = column("text", "where", "guild, dm, or unknown: an old bot did not record it")
    guild_id: int | None = column("id", "guild", "The guild's id; null outside guilds")
    calls: int = column("count", "calls", "All calls")
    share: float | None = column("share", "share", "Share of all calls")
    users: int = column("count", "users", "Different users")


@report("Guilds and direct messages", GuildsRow)
async def guilds(reader: Reader, filters: Filters) -> list[GuildsRow]:
    """Calls and users of each guild, most calls first; direct messages are one row."""
    found = await reader.query("guilds", filters)
    total = sum(row["calls"] for row in found)
    rows = [
        GuildsRow(row["place"], row["guild_id"], row["calls"], ratio(row["calls"], total), row["users"])
        for row in found
    ]
    return sorted(rows, key=lambda row: (-row.calls, row.place, row.guild_id or 0))


@dataclass(frozen=True, slots=True)
class LocalesRow:
    whose: str = column("text", "whose", "user or guild")
    locale: str = column("name", "locale", "Discord's locale code")
    users: int = column("count", "users", "Different users who called with it")
    share: float | None = column("share", "share", "Share of the users, among those with the same `whose`")
    calls: int = column("count", "calls", "All calls")


@report("Languages", LocalesRow)
async def locales(reader: Reader, filters: Filters) -> list[LocalesRow]:
    """Users by their own locale and by that of the guild in which they called, most users first. A user of
    several counts in each. Prefix commands have no user's locale, direct messages no guild's."""
    rows = []
    for whose, name in (("user", "locale"), ("guild", "guild_locale")):
        found = await reader.query("locales", filters, {"locale": name})
        total = sum(row["users"] for row in found)
        some = [LocalesRow(whose, row["code"], row["users"], ratio(row["users"], total), row["calls"]) for row in found]
        rows += sorted(some, key=lambda row: (-row.users, -row.calls, row.locale))
    return rows


@dataclass(frozen=True, slots=True)
class CallsPerUserRow:
    at_least: int = column("count", "from", "Smallest number of calls of such a user")
    at_most: int = column("count", "to", "Largest number of calls")
    users: int = column("count", "users", "Users with that many calls in the period")
    calls: int = column("count", "calls", "All their calls")


@report("Calls per user", CallsPerUserRow)
async def calls_per_user(reader: Reader, filters: Filters) -> list[CallsPerUserRow]:
    """A histogram: how many users made 1, 2, 3 to 5, 6 to 10, 11 to 20, … calls in the period."""
    found = {row["calls"]: row["users"] for row in await reader.query("user_calls", filters)}
    rows, low = [], 1
    for high in _upper_bounds(max(found, default=0)):
        inside = {calls: users for calls, users in found.items() if low <= calls <= high}
        rows.append(
            CallsPerUserRow(low, high, sum(inside.values()), sum(calls * users for calls, users in inside.items()))
        )
        low = high + 1
    return rows


def _upper_bounds(largest: int) -> list[int]:
    """1, 2, 5, 10, 20, 50, … until one is not smaller than `largest`."""
    found: list[int] = []
    while largest and (not found or found[-1] < largest):
        found.append((1, 2, 5)[len(found) % 3] * 10 ** (len(found) // 3))
    return found


@dataclass(frozen=True, slots=True)
class PowerUsersRow:
    top: float = column("share", "top", "The most active users, as a share of all users")
    users: int = column("count", "users", "How many they are, rounded up")
    calls: int = column("count", "calls", "Their calls")
    share: float | None = column("share", "share", "Share of all calls with a known user")


@report("Share of the most active users", PowerUsersRow)
async def power_users(reader: Reader, filters: Filters) -> list[PowerUsersRow]:
    """How much of the use is by the most active 1, 5, 10, 25 and 50 % of the users of the period."""
    found = sorted(((row["calls"], row["users"]) for row in await reader.query("user_calls", filters)), reverse=True)
    users = sum(count for _, count in found)
    total = sum(calls * count for calls, count in found)
    rows = []
    for top in TOP_SHARES if users else ():
        wanted = left = ceil(round(top * users, 6))
        sum_ = 0
        for calls, count in found:
            sum_ += calls * min(count, left)
            left -= min(count, left)
        rows.append(PowerUsersRow(top, wanted, sum_, ratio(sum_, total)))
    return rows


@dataclass(frozen=True, slots=True)
class NextCommandsRow:
    command: str = column("name", "command", "Qualified name")
    kind: str = column("text", "kind", "Kind; empty: written by an old bot")
    next_command: str | None = column("name", "next", "What the same user called next; null: nothing in time")
    next_kind: str | None = column("text", "its kind", "Kind of the next command")
    calls: int = column("count", "calls", "How often")
    share: float | None = column("share", "share", "Share of all calls of the first command by known users")
    gap_p50_ms: float | None = column("ms", "p50 gap", "Median time between the two calls")


@report("What comes next", NextCommandsRow)
async def next_commands(reader: Reader, filters: Filters, *, within: timedelta = WITHIN) -> list[NextCommandsRow]:
    """The next call of the same user after each call, if it comes within 30 minutes and in the period; otherwise
    nothing. Most frequent pairs first. With commands in the filters: the pairs that contain one of them."""
    found = await reader.query(
        "next_commands", dataclasses.replace(filters, commands=()), within_us=within // timedelta(microseconds=1)
    )
    totals: Counter[tuple[str, str]] = Counter()
    for row in found:
        totals[row["kind"], row["command"]] += row["calls"]
    wanted = set(filters.commands)
    rows = [
        NextCommandsRow(
            command=row["command"],
            kind=row["kind"],
            next_command=row["next_command"],
            next_kind=row["next_kind"],
            calls=row["calls"],
            share=ratio(row["calls"], totals[row["kind"], row["command"]]),
            gap_p50_ms=ranks(row["gaps"]).p50,
        )
        for row in found
        if not wanted or wanted & {row["command"], row["next_command"]}
    ]
    return sorted(
        rows, key=lambda row: (-row.calls, row.command, row.kind, row.next_command or "", row.next_kind or "")
    )


@dataclass(frozen=True, slots=True)
class FunnelRow:
    step: int = column("count", "step", "Number of the step, from 1")
    command: str = column("name", "command", "Qualified name")
    users: int = column("count", "users", "Users who got this far")
    share: float | None = column("share", "of all", "Share of the users of the first step")
    step_share: float | None = column("share", "of step before", "Share of the users of the step before")


@report("How far users get", FunnelRow)
async def funnel(
    reader: Reader, filters: Filters, *, steps: Sequence[str] = (), within: timedelta = WITHIN
) -> list[FunnelRow]:
    """Users who called the first of `steps`, those of them who called the second after it, and so on, all within 30
    minutes of the first. Other calls may be in between. A user counts once, as far as the best of the attempts got.
    Unless kinds are chosen, a step may be a button or a modal, too. Without `steps`, the commands of the filters are
    the steps. Raises ConfigurationError for fewer than two."""
    steps = tuple(steps) or filters.commands
    if len(steps) < 2:
        raise ConfigurationError(
            "a funnel needs at least two steps in their order: --command setup --command play, or "
            "SLASHSPAN_FUNNEL=setup,play"
        )
    kinds, commands = filters.kinds or STEP_KINDS, tuple(dict.fromkeys(steps))
    found = await reader.query("funnel", dataclasses.replace(filters, kinds=kinds, commands=commands))
    reached = [0] * len(steps)
    limit = within // timedelta(microseconds=1)
    for _, events in groupby(found, key=lambda row: row["user_id"]):
        for step in range(_furthest([(row["at_us"], row["command"]) for row in events], steps, limit)):
            reached[step] += 1
    before = [reached[0], *reached]
    return [
        FunnelRow(step + 1, name, reached[step], ratio(reached[step], reached[0]), ratio(reached[step], before[step]))
        for step, name in enumerate(steps)
    ]


def _furthest(events: Sequence[tuple[int, str]], steps: Sequence[str], limit: int) -> int:
    """The most steps that any attempt of a user got. For each step the latest start of an attempt that has reached it
    is enough: one that began earlier has no time that this one has not."""
    begins: list[int | None] = [None] * len(steps)
    best = 0
    for at, name in events:
        for step in range(len(steps) - 1, -1, -1):
            if steps[step] != name:
                continue
            began = at if step == 0 else begins[step - 1]
            if began is not None and at - began <= limit:
                begins[step] = began
                best = max(best, step + 1)
    return best


@dataclass(frozen=True, slots=True)
class RecentRow:
    at: datetime | None = column("time", "at", "When the gateway delivered it")
    command: str = column("name", "command", "Qualified name")
    kind: str = column("text", "kind", "Kind")
    outcome: str = column("text", "outcome", "Outcome")
    error_type: str | None = column("name", "error", "Qualified name of the exception")
    duration_ms: float | None = column("ms", "took", "From receipt to end")
    ack_ms: float | None = column("ms", "ack", "From receipt to the first acknowledgement")
    user_id: int | None = column("id", "user id", "The user; null if dropped")
    user_name: str = column("name", "user", "The user's name then; empty if dropped")
    guild_id: int | None = column("id", "guild", "The guild; null in a DM")
    trace_id: str | None = column("text", "trace", "32 hex digits")


@report("Latest calls", RecentRow)
async def recent(reader: Reader, filters: Filters, *, count: int = 20, only_failed: bool = False) -> list[RecentRow]:
    """The latest calls of the period, newest first. With `only_failed`, those whose outcome is known and not `ok`."""
    only = "outcome NOT IN ('', 'ok')" if only_failed else "1 = 1"
    return [
        RecentRow(
            at=moment(row["called_at"], filters),
            command=row["command"],
            kind=row["kind"],
            outcome=row["outcome"],
            error_type=row["error_type"],
            duration_ms=row["duration_ms"],
            ack_ms=row["ack_ms"],
            user_id=row["user_id"],
            user_name=row["player_name"],
            guild_id=row["guild_id"],
            trace_id=row["trace_id"],
        )
        for row in await reader.query("recent", filters, {"only": only}, count=count)
    ]
