"""How long it takes."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from slashspan.insights.reports.registry import report
from slashspan.insights.reports.shared import (
    all_starts,
    bucket_column,
    bucket_seconds,
    bucket_start,
    default_bucket,
    ranks,
    ratio,
)
from slashspan.insights.result import column
from slashspan.insights.sums.histograms import histogram_edges

if TYPE_CHECKING:
    from datetime import datetime

    from slashspan.insights.filters import Filters
    from slashspan.insights.readers.base import Reader, Row
    from slashspan.insights.zones import Bucket

SLOW_MS: Final = 100.0
"""A step longer than this is slow."""
LATE_MS: Final = 60_000.0
"""A row that is inserted later than this after its call is late."""
_EDGES: Final = histogram_edges()
HISTOGRAM_BIN: Final = (
    f"CASE {' '.join(f'WHEN duration_ms <= {edge!r} THEN {step}' for step, edge in enumerate(_EDGES))} "
    f"ELSE {len(_EDGES)} END"
)
"""SQL for the number of a duration's step in `duration_histogram`."""


@dataclass(frozen=True, slots=True)
class DurationsRow:
    command: str = column("name", "command", "Qualified name")
    kind: str = column("text", "kind", "Kind; empty: written by an old bot")
    calls: int = column("count", "calls", "Calls with a measured duration")
    p50_ms: float | None = column("ms", "p50", "Half of the calls took at most this long")
    p95_ms: float | None = column("ms", "p95", "95 % of the calls")
    p99_ms: float | None = column("ms", "p99", "99 % of the calls")
    longest_ms: float | None = column("ms", "longest", "The longest call")


@report("How long commands take", DurationsRow)
async def durations(reader: Reader, filters: Filters) -> list[DurationsRow]:
    """Time from the receipt to the end of the command, slowest (by p95) first. Percentiles are of the single calls, by
    nearest rank: the smallest duration that at least 95 % of the calls do not exceed. Calls without a measured duration
    are left out."""
    rows = [
        DurationsRow(row["command"], row["kind"], row["calls"], *ranks(row["ranks"]), row["longest"])
        for row in await reader.query("durations", filters)
    ]
    return sorted(rows, key=lambda row: (-(row.p95_ms or 0.0), row.command, row.kind))


@dataclass(frozen=True, slots=True)
class DurationHistogramRow:
    at_least_ms: float = column("ms", "from", "Calls that took longer than this; 0 is one of them")
    at_most_ms: float | None = column("ms", "to", "Calls that took at most this long; empty: however long")
    calls: int = column("count", "calls", "Calls with a measured duration between them")
    share: float | None = column("share", "share", "Share of all of these calls")


@report("How durations are spread", DurationHistogramRow)
async def duration_histogram(reader: Reader, filters: Filters) -> list[DurationHistogramRow]:
    """How many calls took how long, in steps that grow by 38 %, from the shortest to the longest call. The first step
    is up to 0.1 ms, the last one from 15 minutes on. Calls without a measured duration are left out."""
    rows = await reader.query("duration_histogram", filters, {"bin": HISTOGRAM_BIN})
    found = {row["bin"]: row["calls"] for row in rows}
    total = sum(found.values())
    steps = range(min(found, default=0), max(found, default=-1) + 1)
    edges = [0.0, *_EDGES]
    longest = [*_EDGES, None]
    return [
        DurationHistogramRow(edges[step], longest[step], found.get(step, 0), ratio(found.get(step, 0), total))
        for step in steps
    ]


@dataclass(frozen=True, slots=True)
class AcknowledgementsRow:
    command: str = column("name", "command", "Qualified name")
    kind: str = column("text", "kind", "Kind")
    calls: int = column("count", "calls", "Interactions: Discord wants an answer within 3 s")
    p50_ms: float | None = column("ms", "p50", "Half of the answers came within this time")
    p95_ms: float | None = column("ms", "p95", "95 % of the answers")
    p99_ms: float | None = column("ms", "p99", "99 % of the answers")
    over_2s: float | None = column("share", "> 2 s", "Share of the interactions answered after 2 s")
    over_3s: float | None = column(
        "share", "> 3 s", "Share of the interactions answered after 3 s, too late for Discord"
    )
    never: float | None = column("share", "never", "Share of the interactions that were not answered at all")


@report("Time to the first answer", AcknowledgementsRow)
async def acknowledgements(reader: Reader, filters: Filters) -> list[AcknowledgementsRow]:
    """Time from the receipt to the first acknowledgement, which Discord wants within 3 s; most late answers first. An
    answer that Discord refused as too late (outcome `expired`) counts as later than 3 s. Prefix commands need no answer
    and are left out, as are rows of old bots."""
    rows = [
        AcknowledgementsRow(
            row["command"],
            row["kind"],
            row["calls"],
            *ranks(row["ranks"]),
            *(ratio(row[name], row["calls"]) for name in ("over_2s", "over_3s", "never")),
        )
        for row in await reader.query("acknowledgements", filters)
    ]
    return sorted(rows, key=lambda row: (-(row.over_3s or 0.0), -(row.p95_ms or 0.0), row.command, row.kind))


@dataclass(frozen=True, slots=True)
class ArrivalRow:
    start: datetime = column("time", "from", "Beginning of the hour or day")
    calls: int = column("count", "calls", "Calls with a measured delay")
    p50_ms: float | None = column("ms", "p50", "Half of the delays are at most this long")
    p95_ms: float | None = column("ms", "p95", "95 % of the delays")
    p99_ms: float | None = column("ms", "p99", "99 % of the delays")
    negative: int = column("count", "negative", "Calls received before Discord sent them: a clock is wrong")


def _hour_or_day(bucket: Bucket | None, filters: Filters) -> Bucket:
    return "hour" if bucket == "hour" else "day" if bucket else default_bucket(filters)


async def _by_bucket(
    reader: Reader, filters: Filters, query: str, bucket: Bucket | None, **values: Any
) -> list[tuple[datetime, Row]]:
    """Rows of a query with percentiles of each hour or day, all of which are there."""
    bucket = _hour_or_day(bucket, filters)
    found = {
        bucket_start(row["bucket"], bucket, filters): row
        for row in await reader.query(query, filters, bucket_column(bucket), **values)
    }
    return [(start.astimezone(filters.tz), found.get(start, {})) for start in all_starts(found, bucket, filters)]


@report("How old calls are when they arrive", ArrivalRow)
async def arrival(reader: Reader, filters: Filters, *, bucket: Bucket | None = None) -> list[ArrivalRow]:
    """Time from Discord's timestamp of the interaction or message to its receipt, by hour or day. Two clocks measure
    it, so it can be negative: then one of them is wrong. Negative delays are in the percentiles, and counted."""
    return [
        ArrivalRow(start, row.get("calls", 0), *ranks(row.get("ranks")), row.get("negative", 0))
        for start, row in await _by_bucket(reader, filters, "arrival", bucket)
    ]


@dataclass(frozen=True, slots=True)
class PipelineRow:
    start: datetime = column("time", "from", "Beginning of the hour or day")
    calls: int = column("count", "rows", "Rows with a time of insertion")
    p50_ms: float | None = column("ms", "p50", "Half of the lags are at most this long")
    p95_ms: float | None = column("ms", "p95", "95 % of the lags")
    p99_ms: float | None = column("ms", "p99", "99 % of the lags")
    longest_ms: float | None = column("ms", "longest", "The longest lag")
    late: int = column("count", "late", "Rows that were inserted more than a minute after the call")
    batch_rows: float | None = column(
        "ratio",
        "batch",
        "Rows written at a time: rows ÷ different times of insertion; in SQLite a batch may have several",
    )
    waiting: float | None = column(
        "ratio", "waiting", "Rows that waited, on average over the time: the sum of their waits ÷ its length"
    )


@report("How late rows are stored", PipelineRow)
async def pipeline(
    reader: Reader, filters: Filters, *, bucket: Bucket | None = None, late_ms: float = LATE_MS
) -> list[PipelineRow]:
    """Time from the receipt of a call to the insertion of its row, by hour or day of the call. It contains the call's
    own duration and the wait for a batch; an outage shows as a long lag. A row waits from the end of its call to its
    insertion, in memory or in the spool; so the rows show how many waited (Little's law), but only once they have
    arrived. `slashspan spool` lists those that have not, and the exporter's metrics (docs/metrics.md) say the rest:
    how full the queue is now, how long a flush takes, what was retried or dropped."""
    bucket = _hour_or_day(bucket, filters)
    return [
        PipelineRow(
            start=start,
            calls=row.get("calls", 0),
            **dict(zip(("p50_ms", "p95_ms", "p99_ms"), ranks(row.get("ranks")), strict=True)),
            longest_ms=row.get("longest"),
            late=row.get("late", 0),
            batch_rows=ratio(row.get("calls"), row.get("batches")),
            waiting=ratio((row.get("waited_ms") or 0.0) / 1000, bucket_seconds(start, bucket, filters)),
        )
        for start, row in await _by_bucket(reader, filters, "pipeline", bucket, late_ms=late_ms)
    ]


@dataclass(frozen=True, slots=True)
class CheckpointsRow:
    command: str = column("name", "command", "Qualified name")
    kind: str = column("text", "kind", "Kind")
    step: str = column("name", "step", "Name of the checkpoint at its end")
    calls: int = column("count", "n", "How often it was reached")
    p50_ms: float | None = column("ms", "p50", "Half of the steps took at most this long")
    p95_ms: float | None = column("ms", "p95", "95 % of the steps")
    p99_ms: float | None = column("ms", "p99", "99 % of the steps")
    reached_ms: float | None = column("ms", "reached", "Median time from the receipt to the checkpoint")
    share: float | None = column("share", "share", "Share of the time of all the command's calls that have checkpoints")
    slow: int = column("count", "slow", "Steps that took longer than 100 ms")


@report("Slow steps of commands", CheckpointsRow)
async def checkpoints(reader: Reader, filters: Filters, *, slow_ms: float = SLOW_MS) -> list[CheckpointsRow]:
    """Each step that `slashspan.checkpoint` ends, most slow ones first: its time since the checkpoint before. The share
    is its total time ÷ the total duration of the command's calls that have checkpoints."""
    found = await reader.query("checkpoints", filters, slow_ms=slow_ms)
    totals: dict[tuple[str, str], float] = defaultdict(float)
    for row in found:
        totals[row["command"], row["kind"]] += row["total_ms"] or 0.0
    rows = []
    for row in (row for row in found if row["name"] is not None):
        reached = ranks(row["reached"])
        share = ratio(row["step_ms"], totals[row["command"], row["kind"]])
        names = (row["command"], row["kind"], row["name"])
        rows.append(CheckpointsRow(*names, row["calls"], *ranks(row["ranks"]), reached.p50, share, row["slow"]))
    return sorted(rows, key=lambda row: (-row.slow, -(row.p95_ms or 0.0), row.command, row.kind, row.step))
