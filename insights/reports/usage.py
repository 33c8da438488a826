"""What is used, and when."""

from __future__ import annotations

import dataclasses
import json
from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from slashspan.insights.reports.registry import report
from slashspan.insights.reports.shared import (
    all_starts,
    bucket_column,
    bucket_start,
    default_bucket,
    moment,
    ranks,
    ratio,
)
from slashspan.insights.result import column

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from slashspan.insights.filters import Filters
    from slashspan.insights.readers.base import Reader
    from slashspan.insights.zones import Bucket


@dataclass(frozen=True, slots=True)
class TotalsRow:
    calls: int = column("count", "calls", "All calls")
    users: int = column("count", "users", "Different users; those whose id was dropped are left out")
    guilds: int = column("count", "guilds", "Different guilds")
    ok: int = column("count", "ok", "Calls with the outcome `ok`")
    errors: int = column("count", "errors", "Calls with the outcome `error`")
    rejected: int = column("count", "rejected", "Calls with the outcome `rejected`")
    error_rate: float | None = column("share", "error rate", "errors ÷ (ok + errors)")
    p50_ms: float | None = column("ms", "p50", "Half of the durations are at most this long")
    p95_ms: float | None = column("ms", "p95", "95 % of the durations")
    p99_ms: float | None = column("ms", "p99", "99 % of the durations")
    ack_p95_ms: float | None = column("ms", "ack p95", "95 % of the times to the first acknowledgement")
    interactions: int = column(
        "count", "interactions", "Calls that Discord wants answered within 3 s: no prefix commands"
    )
    over_3s: int = column("count", "> 3 s", "Interactions answered after 3 s")
    never: int = column("count", "never", "Interactions that were not answered at all")
    first: datetime | None = column("time", "first", "The first call")
    last: datetime | None = column("time", "last", "The last call")


@report("All calls in numbers", TotalsRow)
async def totals(reader: Reader, filters: Filters) -> list[TotalsRow]:
    """One row with the most important numbers of the period; `commands`, `errors`, `durations` and `acknowledgements`
    have their definitions. Always there, also without a call."""
    (row,) = await reader.query("totals", filters)
    counts = {name: row[name] or 0 for name in ("ok", "errors", "rejected", "interactions", "over_3s", "never")}
    durations, acks = ranks(row["durations"]), ranks(row["acks"])
    return [
        TotalsRow(
            calls=row["calls"],
            users=row["users"],
            guilds=row["guilds"],
            error_rate=ratio(counts["errors"], counts["ok"] + counts["errors"]),
            p50_ms=durations.p50,
            p95_ms=durations.p95,
            p99_ms=durations.p99,
            ack_p95_ms=acks.p95,
            first=moment(row["first_at"], filters) if row["calls"] else None,
            last=moment(row["last_at"], filters) if row["calls"] else None,
            **counts,
        )
    ]


@dataclass(frozen=True, slots=True)
class CallsRow:
    start: datetime = column("time", "from", "Beginning of the hour, day, week (Monday) or month")
    kind: str = column("text", "kind", "Kind of command; empty: written by an old bot")
    calls: int = column("count", "calls", "All calls")
    ok: int = column("count", "ok", "Calls with the outcome `ok`")
    errors: int = column("count", "errors", "Calls with the outcome `error`")
    rejected: int = column("count", "rejected", "Calls with the outcome `rejected`")


@report("Calls over time", CallsRow)
async def calls(reader: Reader, filters: Filters, *, bucket: Bucket | None = None) -> list[CallsRow]:
    """Calls per hour, day, week or month, by kind. Buckets without calls are there, with zeros, for each kind that
    occurs in the period. The first and the last bucket may be cut off by the period. Without `bucket`: hours for up
    to two days, days for longer periods."""
    bucket = bucket or default_bucket(filters)
    sums: dict[tuple[datetime, str], list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    for row in await reader.query("calls", filters, bucket_column(bucket)):
        total = sums[bucket_start(row["bucket"], bucket, filters), row["kind"]]
        for place, name in enumerate(("calls", "ok", "errors", "rejected")):
            total[place] += row[name]
    kinds = sorted({kind for _, kind in sums})
    starts = all_starts((start for start, _ in sums), bucket, filters)
    return [
        CallsRow(start.astimezone(filters.tz), kind, *sums.get((start, kind), (0, 0, 0, 0)))
        for start in starts
        for kind in kinds
    ]


@dataclass(frozen=True, slots=True)
class CommandRow:
    command: str = column("name", "command", "Qualified name; empty: no such command")
    kind: str = column("text", "kind", "Kind; empty: written by an old bot")
    calls: int = column("count", "calls", "All calls")
    share: float | None = column("share", "share", "Share of all calls")
    users: int = column("count", "users", "Different users")
    ok: int = column("count", "ok", "Calls with the outcome `ok`")
    errors: int = column("count", "errors", "Calls with the outcome `error`")
    rejected: int = column("count", "rejected", "Calls with the outcome `rejected`")
    error_rate: float | None = column("share", "error rate", "errors ÷ (ok + errors)")
    p50_ms: float | None = column("ms", "p50", "Half of the durations are at most this long")
    p95_ms: float | None = column("ms", "p95", "95 % of the durations")
    p99_ms: float | None = column("ms", "p99", "99 % of the durations")
    ack_p95_ms: float | None = column("ms", "ack p95", "95 % of the times to the first acknowledgement")
    over_3s: int = column("count", "> 3 s", "Interactions answered after 3 s")
    last: datetime | None = column("time", "last used", "The last call; for unused commands the last one ever")


@report("Most used and unused commands", CommandRow)
async def commands(
    reader: Reader, filters: Filters, *, unused: bool = True, registered: Sequence[str] = ()
) -> list[CommandRow]:
    """Calls, users, errors and durations of each command, most used first. With `unused`, also the commands that were
    called before the period and not in it, and those in `registered` (qualified names that the bot offers) that were
    not called, all with 0 calls. What was called before is looked up among all guilds, users, shards and
    releases."""
    found = await reader.query("commands", filters)
    total = sum(row["calls"] for row in found)
    rows = []
    for row in found:
        durations = ranks(row["durations"])
        rows.append(
            CommandRow(
                command=row["command"],
                kind=row["kind"],
                calls=row["calls"],
                share=ratio(row["calls"], total),
                users=row["users"],
                ok=row["ok"],
                errors=row["errors"],
                rejected=row["rejected"],
                error_rate=ratio(row["errors"], row["ok"] + row["errors"]),
                p50_ms=durations.p50,
                p95_ms=durations.p95,
                p99_ms=durations.p99,
                ack_p95_ms=ranks(row["acks"]).p95,
                over_3s=row["over_3s"],
                last=moment(row["last_at"], filters),
            )
        )
    rows.sort(key=lambda row: (-row.calls, row.command, row.kind))
    return [*rows, *(await _unused(reader, filters, {row.command for row in rows}, registered) if unused else ())]


async def _unused(reader: Reader, filters: Filters, used: set[str], registered: Iterable[str]) -> list[CommandRow]:
    before = dataclasses.replace(filters, since=None, guilds=(), users=(), shards=(), releases=())
    known: dict[str, tuple[str, datetime | None]] = dict.fromkeys(registered, ("", None))
    if filters.since:
        for row in await reader.query("known_commands", before, used=json.dumps(sorted(used))):
            known[row["command"]] = (row["kind"], moment(row["last_at"], filters))
    wanted = set(filters.commands or known)
    names = sorted(name for name in known if name and name in wanted and name not in used)
    nothing = (0, 0.0, 0, 0, 0, 0, None, None, None, None, None, 0)
    return [CommandRow(name, known[name][0], *nothing, known[name][1]) for name in names]


@dataclass(frozen=True, slots=True)
class HoursRow:
    weekday: int = column("count", "weekday", "0 is Monday, 6 is Sunday")
    hour: int = column("count", "hour", "0 to 23, on the zone's clock")
    calls: int = column("count", "calls", "All calls")
    mean: float | None = column("ratio", "mean", "Calls ÷ how often this hour of the week occurs in the period")


@report("Calls by hour and weekday", HoursRow)
async def hours(reader: Reader, filters: Filters) -> list[HoursRow]:
    """Mean number of calls in each of the 168 hours of a week. An hour that is partly in the period counts as a
    whole; one that the change of clocks skips does not count, and one that it repeats counts twice. Without `since`
    or `until` the period is from the first to the last call."""
    found = await reader.query("hours", filters)
    if not found:
        return []
    edges = [moment(row[name], filters) for row in found for name in ("first_at", "last_at")]
    starts = all_starts((edge.astimezone(timezone.utc) for edge in edges if edge), "hour", filters)
    local = [start.astimezone(filters.tz) for start in starts]
    often = Counter((each.weekday(), each.hour) for each in local)
    count = {(row["weekday"], row["hour"]): row["calls"] for row in found}
    return [
        HoursRow(*key, count.get(key, 0), ratio(count.get(key, 0), often[key]))
        for key in ((weekday, hour) for weekday in range(7) for hour in range(24))
    ]
