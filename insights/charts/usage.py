"""What is used, and when."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from slashspan.insights import reports
from slashspan.insights.charts import shapes
from slashspan.insights.charts.drawing import LIMIT, Drawing, values
from slashspan.insights.charts.registry import NO_CALLS, chart, names, ranked_height
from slashspan.insights.wording import command_name, percent, plural

if TYPE_CHECKING:
    from slashspan.insights.result import Result

WEEKDAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
HOUR_HEIGHT: Final = 32
"""Of a day in the week: as high as a ranking beside it."""


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
    x = {"field": "hour", "type": "ordinal", "axis": {"title": None, "labelAngle": 0, "labelOverlap": True}}
    y = {"field": "day", "type": "ordinal", "sort": list(WEEKDAYS), "axis": {"title": None}}
    sentence = f"Busiest on {WEEKDAYS[top.weekday]} from {top.hour:02}:00, with {top.mean:,.1f} calls in the hour"
    return Drawing(sentence, shapes.heat_map(result, data, x=x, y=y, field="mean"), 7 * HOUR_HEIGHT)
