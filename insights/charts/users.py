"""How many people come, and come back."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from slashspan.insights import reports
from slashspan.insights.charts import shapes
from slashspan.insights.charts.drawing import ROW_HEIGHT, SERIES, TEAL, Drawing, values
from slashspan.insights.charts.registry import NO_CALLS, chart, ranked_height
from slashspan.insights.wording import percent, plural

if TYPE_CHECKING:
    from slashspan.insights.result import Result


@chart(reports.active_users)
def active_users(result: Result[Any]) -> Drawing:
    if not result.rows or not any(row.mau for row in result.rows):
        return NO_CALLS
    last = result.rows[-1]
    sentence = f"{plural(last.dau, 'user')} on {last.day:%d %b}, {last.wau:,} in 7 days, {last.mau:,} in 30 days"
    return Drawing(sentence, shapes.lines(result, "day", ("mau", "wau", "dau"), unit="count"))


@chart(reports.stickiness)
def stickiness(result: Result[Any]) -> Drawing:
    known = [row for row in result.rows if row.stickiness is not None]
    if not known:
        return NO_CALLS
    sentence = f"A user of the last 30 days came on {known[-1].stickiness * 30:.1f} of them"
    return Drawing(sentence, shapes.lines(result, "day", ("stickiness",), unit="share"))


@chart(reports.retention)
def retention(result: Result[Any]) -> Drawing:
    known = [row for row in result.rows if row.share is not None]
    if not known:
        return NO_CALLS
    second = [row for row in known if row.week == 1]
    size = sum(row.size for row in second)
    sentence = (
        f"{percent(sum(row.active for row in second) / size)} of {plural(size, 'new user')} came back in the next week"
        if size
        else "No cohort is a week old yet"
    )
    data = [
        {**entry, "cohort": f"{row.cohort:%d %b %Y}", "users": row.size}
        for entry, row in zip(values(result, known), known, strict=True)
    ]
    cohorts = list(dict.fromkeys(entry["cohort"] for entry in data))
    x = {"field": "week", "type": "ordinal", "axis": {"title": "weeks later", "labelAngle": 0}}
    y = {"field": "cohort", "type": "ordinal", "sort": cohorts, "axis": {"title": None}}
    spec = shapes.heat_map(result, data, x=x, y=y, field="share", number=True)
    return Drawing(sentence, spec, ROW_HEIGHT * max(len(cohorts), 2))


@chart(reports.lifecycle)
def lifecycle(result: Result[Any]) -> Drawing:
    colours = {"new": SERIES[0], "returning": SERIES[2], "back": SERIES[3]}
    totals = {name: sum(getattr(row, field) for row in result.rows) for name, field in _LIFECYCLE.items()}
    if not any(totals.values()):
        return NO_CALLS
    day = timedelta(days=1) / timedelta(milliseconds=1)
    data = [
        {**row, "start": row["day"], "end": row["day"] + day, "series": name, "users": row[field]}
        for row in values(result)
        for name, field in _LIFECYCLE.items()
    ]
    new, back = plural(totals["new"], "new user"), plural(totals["back"], "time")
    sentence = f"{new}; {back} somebody came back after a month or more"
    return Drawing(sentence, shapes.bars_over_time(result, data, "users", colours))


_LIFECYCLE: Final = {"new": "new", "returning": "returning", "back": "resurrected"}


@chart(reports.calls_per_user)
def calls_per_user(result: Result[Any]) -> Drawing:
    users = sum(row.users for row in result.rows)
    if not users:
        return NO_CALLS
    labels = [f"{r.at_least:,}" if r.at_least == r.at_most else f"{r.at_least:,}–{r.at_most:,}" for r in result.rows]
    once = sum(row.users for row in result.rows if row.at_most == 1)
    sentence = f"{percent(once / users)} of {plural(users, 'user')} made a single call"
    return Drawing(sentence, shapes.bars(result, result.rows, labels, "users", colour=TEAL), ranked_height(result.rows))


@chart(reports.power_users)
def power_users(result: Result[Any]) -> Drawing:
    if not result.rows:
        return NO_CALLS
    labels = [f"top {row.top:.0%}".replace("%", " %") for row in result.rows]
    tenth = next((row for row in result.rows if abs(row.top - 0.1) < 1e-9), result.rows[0])
    sentence = f"The most active {tenth.top:.0%} made {percent(tenth.share)} of the calls".replace("0% ", "0 % ")
    return Drawing(sentence, shapes.bars(result, result.rows, labels, "share", colour=TEAL), ranked_height(result.rows))
