"""What is used, and when."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from slashspan.insights import reports
from slashspan.insights.charts import shapes
from slashspan.insights.charts.drawing import KIND_COLOURS, LIMIT, ROW_HEIGHT, Drawing, values
from slashspan.insights.charts.registry import NO_CALLS, chart, names, ranked_height
from slashspan.insights.wording import command_name, percent, plural

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from slashspan.insights.result import Result

WEEKDAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


@chart(reports.calls)
def calls(result: Result[Any]) -> Drawing:
    total = sum(row.calls for row in result.rows)
    if not total:
        return NO_CALLS
    data = values(result)
    ends = _bucket_ends([row["start"] for row in data])
    data = [{**row, "end": ends[row["start"]], "series": row["kind"] or "legacy"} for row in data if row["calls"]]
    busiest: dict[datetime, int] = {}
    for row in result.rows:
        busiest[row.start] = busiest.get(row.start, 0) + row.calls
    start, most = max(busiest.items(), key=lambda item: item[1])
    hourly = min(ends.values()) - min(ends) <= 3_600_000
    when = f"{start:%a %d %b, %H:%M}" if hourly else f"{start:%a %d %b}"
    sentence = (
        f"{plural(total, 'call')}, most of them ({most:,}) on {when}" if len(busiest) > 1 else plural(total, "call")
    )
    return Drawing(sentence, shapes.bars_over_time(result, data, "calls", KIND_COLOURS))


def _bucket_ends(starts: Sequence[float]) -> dict[float, float]:
    """The end of each bucket: where the next one starts."""
    ordered = sorted(set(starts))
    if len(ordered) < 2:
        return {start: start + 86_400_000 for start in ordered}
    return dict(zip(ordered, [*ordered[1:], 2 * ordered[-1] - ordered[-2]], strict=True))


@chart(reports.commands)
def commands(result: Result[Any]) -> Drawing:
    used = [row for row in result.rows if row.calls]
    if not used:
        return NO_CALLS
    top, shown = used[0], used[:LIMIT]
    sentence = f"{command_name(top)} is used most: {percent(top.share)} of {plural(sum(r.calls for r in used), 'call')}"
    return Drawing(sentence, shapes.bars(result, shown, names(shown), "calls"), ranked_height(shown))


@chart(reports.hours)
def hours(result: Result[Any]) -> Drawing:
    if not any(row.calls for row in result.rows):
        return NO_CALLS
    top = max(result.rows, key=lambda row: row.mean or 0.0)
    data = [{**row, "day": WEEKDAYS[row["weekday"]]} for row in values(result)]
    x = {"field": "hour", "type": "ordinal", "axis": {"title": None, "labelAngle": 0}}
    y = {"field": "day", "type": "ordinal", "sort": list(WEEKDAYS), "axis": {"title": None}}
    sentence = f"Busiest on {WEEKDAYS[top.weekday]} from {top.hour:02}:00, with {top.mean:,.1f} calls in the hour"
    return Drawing(sentence, shapes.heat_map(result, data, x=x, y=y, field="mean"), 7 * ROW_HEIGHT)
