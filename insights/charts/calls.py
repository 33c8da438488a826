"""Calls over time, with the same days or hours before, and the releases of the bot."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from slashspan.insights import reports
from slashspan.insights.charts import shapes
from slashspan.insights.charts.drawing import KIND_COLOURS, TEXT, Drawing, Spec, values, wall_clock
from slashspan.insights.charts.registry import NO_CALLS, chart
from slashspan.insights.reports.shared import default_bucket, moment
from slashspan.insights.wording import plural

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from slashspan.insights.filters import Filters
    from slashspan.insights.readers.base import Reader
    from slashspan.insights.result import Result

NAMED: Final = 6
"""With more releases their names would cover each other; tips have them."""
_MILLISECOND: Final = timedelta(milliseconds=1)


@dataclasses.dataclass(frozen=True, slots=True)
class Context:
    """What is drawn beside the calls of the period."""

    shift: timedelta
    """A multiple of weeks, so that the same days of the week are compared; of days where hours are shown."""
    before: Result[Any]
    """`calls` of the period that is earlier by `shift`."""
    releases: Mapping[str, datetime]
    """The first call of each release that is new in the period."""


async def context(reader: Reader, filters: Filters) -> Context | None:
    """None if the period has no beginning. Raises ReadError."""
    if filters.since is None or filters.since >= filters.end:
        return None
    unit = timedelta(days=1) if default_bucket(filters) == "hour" else timedelta(days=7)
    shift = unit * max(1, round((filters.end - filters.since) / unit))
    earlier = dataclasses.replace(
        filters, since=_moved(filters.since, shift, filters), until=_moved(filters.end, shift, filters)
    )
    before = await reports.calls(reader, earlier)
    rows = await reader.query("release_starts", dataclasses.replace(filters, since=earlier.since, until=filters.end))
    found = ((row["release"], moment(row["first_at"], filters)) for row in rows)
    firsts = sorted((first, release) for release, first in found if first)
    # What was in use when the table or the longer period began is not new.
    new = {release: first for first, release in firsts[1:] if first >= filters.since}
    return Context(shift, before, new)


def _moved(at: datetime, shift: timedelta, filters: Filters) -> datetime:
    """The same time of the day on the zone's clock."""
    return at.astimezone(filters.tz) - shift


@chart(reports.calls, context)
def calls(result: Result[Any], beside: Context | None = None) -> Drawing:
    total = sum(row.calls for row in result.rows)
    if not total:
        return NO_CALLS
    data = values(result)
    ends = _bucket_ends([row["start"] for row in data])
    data = [{**row, "end": ends[row["start"]], "series": row["kind"] or "legacy"} for row in data if row["calls"]]
    busiest = _by_start(result)
    start, most = max(busiest.items(), key=lambda item: item[1])
    hourly = min(ends.values()) - min(ends) <= 3_600_000
    when = f"{start:%a %d %b, %H:%M}" if hourly else f"{start:%a %d %b}"
    sentence = (
        f"{plural(total, 'call')}, most of them ({most:,}) on {when}" if len(busiest) > 1 else plural(total, "call")
    )
    line = _before(beside, ends) if beside else []
    colours = {**KIND_COLOURS, line[0]["series"]: TEXT} if line else KIND_COLOURS
    bars = shapes.bars_over_time(result, data, "calls", colours, more=[row["series"] for row in line[:1]])
    layers = [{key: bars.pop(key) for key in ("mark", "encoding")}]
    layers += [_line(line)] if line else []
    layers += _rules(beside.releases) if beside else []
    return Drawing(sentence, {**bars, "layer": layers})


def _by_start(result: Result[Any]) -> dict[datetime, int]:
    found: dict[datetime, int] = {}
    for row in result.rows:
        found[row.start] = found.get(row.start, 0) + row.calls
    return found


def _bucket_ends(starts: Sequence[float]) -> dict[float, float]:
    """The end of each bucket: where the next one starts."""
    ordered = sorted(set(starts))
    if len(ordered) < 2:
        return {start: start + 86_400_000 for start in ordered}
    return dict(zip(ordered, [*ordered[1:], 2 * ordered[-1] - ordered[-2]], strict=True))


def _before(beside: Context, ends: Mapping[float, float]) -> list[Spec]:
    """A point in the middle of each bucket of the period, from the first with calls on: the table may begin there."""
    days = beside.shift // timedelta(days=1)
    name = f"{days} days before" if days > 1 else "a day before"
    points: list[Spec] = []
    for start, count in sorted(_by_start(beside.before).items()):
        place = wall_clock(start) + beside.shift / _MILLISECOND
        if place in ends and (count or points):
            points.append(
                {
                    "start": (place + ends[place]) / 2,
                    "start_text": f"{start:%Y-%m-%d %H:%M}",
                    "series": name,
                    "before": count,
                }
            )
    return points


def _line(points: list[Spec]) -> Spec:
    return {
        "data": {"values": points},
        "mark": {"type": "line", "strokeDash": [4, 4], "strokeWidth": 1.5},
        "encoding": {
            "x": {"field": "start", "type": "temporal"},
            "y": {"field": "before", "type": "quantitative"},
            "color": {"datum": points[0]["series"]},
            "tooltip": {"field": "before", "type": "quantitative", "title": points[0]["series"], "format": ",d"},
        },
    }


def _rules(releases: Mapping[str, datetime]) -> list[Spec]:
    """A vertical line at the first call of each release."""
    if not releases:
        return []
    rows = [
        {"at": wall_clock(first), "release": release, "first": f"{first:%Y-%m-%d %H:%M}"}
        for release, first in releases.items()
    ]
    x = {"field": "at", "type": "temporal"}
    tips = [{"field": name, "type": "nominal"} for name in ("release", "first")]
    rule: Spec = {
        "data": {"values": rows},
        "mark": {"type": "rule", "strokeWidth": 1.5},
        "encoding": {"x": x, "tooltip": tips},
    }
    text: Spec = {
        "data": {"values": rows},
        "mark": {"type": "text", "align": "left", "baseline": "top", "dx": 4, "fontSize": 11, "limit": 90},
        "encoding": {"x": x, "y": {"value": 0}, "text": {"field": "release", "type": "nominal"}, "tooltip": tips},
    }
    return [rule, text] if len(rows) <= NAMED else [rule]
