"""Whether a release is better or worse than the one before."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from slashspan.insights.quantiles import bounding_places
from slashspan.insights.reports.registry import report
from slashspan.insights.reports.shared import Interval, moment, ranks, ratio, wilson
from slashspan.insights.result import column
from slashspan.insights.sums.histograms import bin_of, edges_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from slashspan.insights.filters import Filters
    from slashspan.insights.readers.base import Reader


@dataclass(frozen=True, slots=True)
class ReleasesRow:
    release: str = column("name", "release", "`service.version` of the bot")
    first: datetime | None = column("time", "first", "The first call in the period")
    last: datetime | None = column("time", "last", "The last call in the period")
    calls: int = column("count", "calls", "All calls")
    users: int = column("count", "users", "Different users")
    errors: int = column("count", "errors", "Calls with the outcome `error`")
    error_rate: float | None = column("share", "error rate", "errors ÷ (ok + errors)")
    low: float | None = column("share", "at least", "Lower bound of the true error rate, with 95 % confidence (Wilson)")
    high: float | None = column("share", "at most", "Upper bound of the true error rate, with 95 % confidence (Wilson)")
    p50_ms: float | None = column("ms", "p50", "Half of the durations are at most this long")
    p95_ms: float | None = column("ms", "p95", "95 % of the durations are at most this long")
    p95_low_ms: float | None = column(
        "ms", "p95 at least", "Lower bound of the true p95, with 95 % confidence (order statistics), to 2 %"
    )
    p95_high_ms: float | None = column(
        "ms", "p95 at most", "Upper bound of the true p95; none if fewer than 72 durations are known"
    )
    error_verdict: str | None = column("text", "errors", "Against the release before: worse, better or unclear")
    p95_verdict: str | None = column("text", "p95", "Against the release before: worse, better or unclear")


@report("Releases", ReleasesRow)
async def releases(reader: Reader, filters: Filters) -> list[ReleasesRow]:
    """Calls, errors and durations of each release, in the order of their first call. A verdict is `worse` or `better`
    only if the intervals of the error rate, or of p95, of this release and of the one before do not overlap. Rows
    without a version are left out."""
    found = sorted(await reader.query("releases", filters), key=lambda row: (row["first_at"], row["release"]))
    bounds = await _p95_bounds(reader, filters, {row["release"]: row["timed"] for row in found})
    rows: list[ReleasesRow] = []
    for row in found:
        ran = row["ok"] + row["errors"]
        error_rate = wilson(row["errors"], ran)
        p95_bounds = bounds.get(row["release"], Interval(None, None))
        p50, p95, _ = ranks(row["ranks"])
        before = rows[-1] if rows else None
        rows.append(
            ReleasesRow(
                release=row["release"],
                first=moment(row["first_at"], filters),
                last=moment(row["last_at"], filters),
                calls=row["calls"],
                users=row["users"],
                errors=row["errors"],
                error_rate=ratio(row["errors"], ran),
                low=error_rate.low,
                high=error_rate.high,
                p50_ms=p50,
                p95_ms=p95,
                p95_low_ms=p95_bounds.low,
                p95_high_ms=p95_bounds.high,
                error_verdict=verdict(Interval(before.low, before.high), error_rate) if before else None,
                p95_verdict=verdict(Interval(before.p95_low_ms, before.p95_high_ms), p95_bounds) if before else None,
            )
        )
    return rows


async def _p95_bounds(reader: Reader, filters: Filters, timed: Mapping[str, int]) -> dict[str, Interval]:
    """Between which durations the true p95 of each release lies. `timed`: how many durations it has.

    The bounds are the edges of the sums' bins, so that sums and rows say the same.
    """
    places = {release: bounding_places(count) for release, count in timed.items() if count}
    if not places:
        return {}
    names = {f"release_{number}": release for number, release in enumerate(places)}
    expressions = {
        side: f"CASE release {' '.join(f'WHEN :{name} THEN {places[each][n]}' for name, each in names.items())} END"
        for n, side in enumerate(("low", "high"))
    }
    found = {
        (row["release"], row["place"]): row["duration_ms"]
        for row in await reader.query("release_places", filters, expressions, **names)
    }

    def edge(release: str, side: int) -> float | None:
        duration = found.get((release, places[release][side]))
        return None if duration is None else edges_of(bin_of(duration))[side]

    return {release: Interval(edge(release, 0), edge(release, 1)) for release in places}


def verdict(before: Interval, now: Interval) -> str:
    """Longer or more often is worse."""
    if now.low is not None and before.high is not None and now.low > before.high:
        return "worse"
    return "better" if now.high is not None and before.low is not None and now.high < before.low else "unclear"
