"""How long it takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from slashspan.insights import reports
from slashspan.insights.charts import shapes
from slashspan.insights.charts.drawing import LIMIT, ORANGE, RED, Drawing, Spec
from slashspan.insights.charts.registry import NO_CALLS, chart, distinct, names, ranked_height
from slashspan.insights.wording import command_name, milliseconds, percent, plural

if TYPE_CHECKING:
    from slashspan.insights.filters import Filters
    from slashspan.insights.readers.base import Reader
    from slashspan.insights.reports.usage import TotalsRow
    from slashspan.insights.result import Result


@chart(reports.durations)
def durations(result: Result[Any]) -> Drawing:
    rows = [row for row in result.rows if row.p95_ms is not None][:LIMIT]
    if not rows:
        return NO_CALLS
    top = rows[0]
    sentence = f"{command_name(top)} is slowest: 95 % of its calls take at most {milliseconds(top.p95_ms)}"
    return Drawing(
        sentence, shapes.dumbbells(result, rows, names(rows), ("p50_ms", "p95_ms", "p99_ms")), ranked_height(rows)
    )


async def _percentiles(reader: Reader, filters: Filters) -> TotalsRow:
    return (await reports.totals(reader, filters)).rows[0]


@chart(reports.duration_histogram, _percentiles)
def duration_histogram(result: Result[Any], total: TotalsRow | None = None) -> Drawing:
    if not result.rows:
        return NO_CALLS
    calls = sum(row.calls for row in result.rows)
    most = max(result.rows, key=lambda row: row.calls)
    upper = f"to {milliseconds(most.at_most_ms)}" if most.at_most_ms else "or longer"
    sentence = f"{percent(most.share)} of {plural(calls, 'call')} take {milliseconds(most.at_least_ms)} {upper}"
    marks: dict[str, float | None] = {}
    if total is not None and total.p95_ms is not None:
        half = milliseconds(total.p50_ms)
        sentence = f"Half of {plural(calls, 'call')} take at most {half}, 95 % at most {milliseconds(total.p95_ms)}"
        marks = {"p50": total.p50_ms, "p95": total.p95_ms, "p99": total.p99_ms}
    return Drawing(sentence, shapes.histogram(result, {name: at for name, at in marks.items() if at}))


@chart(reports.checkpoints)
def checkpoints(result: Result[Any]) -> Drawing:
    rows = [row for row in result.rows if row.p95_ms is not None]
    if not rows:
        return Drawing("No checkpoints in this period", None)
    if len(result.filters.commands) == 1:
        return _waterfall(result, sorted(rows, key=lambda row: (row.kind, row.reached_ms or 0.0)))
    shown, top = rows[:LIMIT], rows[0]
    labels = distinct([f"{command_name(row)} · {row.step}" for row in shown])
    slow = sum(row.slow for row in result.rows)
    sentence = (
        f"{plural(slow, 'step')} took longer than 100 ms, most of them {command_name(top)} · {top.step}"
        if slow
        else "No step took longer than 100 ms"
    )
    return Drawing(sentence, shapes.bars(result, shown, labels, "p95_ms", colour=ORANGE), ranked_height(shown))


def _waterfall(result: Result[Any], rows: list[Any]) -> Drawing:
    """The steps of one command, each where it begins and ends in half of the calls."""
    longest = max(rows, key=lambda row: row.p50_ms or 0.0)
    name = command_name(longest)
    share = f", {percent(longest.share)} of the time of {name}" if longest.share else ""
    sentence = f"The longest step is {longest.step}: half of them take at most {milliseconds(longest.p50_ms)}{share}"
    labels = distinct([row.step for row in rows])
    return Drawing(sentence, shapes.waterfall(result, rows, labels), ranked_height(rows))


@chart(reports.acknowledgements)
def acknowledgements(result: Result[Any]) -> Drawing:
    total = sum(row.calls for row in result.rows)
    if not total:
        return Drawing("No interactions in this period", None)
    late = sum((row.over_3s or 0.0) * row.calls for row in result.rows) / total
    never = sum((row.never or 0.0) * row.calls for row in result.rows) / total
    sentence = f"{percent(late)} of {plural(total, 'interaction')} were answered after 3 s, {percent(never)} never"
    shown = [row for row in result.rows if row.p95_ms is not None][:LIMIT]
    if not shown:
        return Drawing(sentence, None)
    spec = shapes.dumbbells(result, shown, names(shown), ("p50_ms", "p95_ms", "p99_ms"))
    spec["layer"].append(_THREE_SECONDS)
    return Drawing(sentence, spec, ranked_height(shown))


_THREE_SECONDS: Final[Spec] = {
    "data": {"values": [{"limit": 3000}]},
    "mark": {"type": "rule", "strokeDash": [4, 3], "strokeWidth": 1.5, "color": RED},
    "encoding": {"x": {"field": "limit", "type": "quantitative"}, "y": None, "tooltip": None},
}


@chart(reports.arrival)
def arrival(result: Result[Any]) -> Drawing:
    measured = [row for row in result.rows if row.calls]
    if not measured:
        return NO_CALLS
    negative = sum(row.negative for row in measured)
    worst = max(measured, key=lambda row: row.p95_ms or 0.0)
    sentence = f"95 % of the calls arrive within {milliseconds(worst.p95_ms)} of Discord's clock on the worst day"
    if negative:
        sentence = f"{plural(negative, 'call')} arrived before Discord sent them: this host's clock is behind"
    return Drawing(sentence, shapes.lines(result, "start", ("p50_ms", "p95_ms", "p99_ms"), unit="ms", title="ms"))


@chart(reports.pipeline)
def pipeline(result: Result[Any]) -> Drawing:
    rows = [row for row in result.rows if row.calls]
    if not rows:
        return NO_CALLS
    late = sum(row.late for row in rows)
    sentence = (
        f"{plural(late, 'row')} were stored more than a minute late"
        if late
        else f"Rows are stored within {milliseconds(max(row.longest_ms or 0.0 for row in rows))}"
    )
    return Drawing(
        sentence, shapes.lines(result, "start", ("p50_ms", "p95_ms"), unit="ms", title="ms, logarithmic", log=True)
    )
