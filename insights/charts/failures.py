"""What fails."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from slashspan.insights import reports
from slashspan.insights.charts import shapes
from slashspan.insights.charts.drawing import GREY, LIMIT, OUTCOME_COLOURS, RED, Drawing
from slashspan.insights.charts.registry import NO_CALLS, chart, distinct, names, ranked_height
from slashspan.insights.wording import command_name, milliseconds, percent, plural

if TYPE_CHECKING:
    from slashspan.insights.result import Result


@chart(reports.outcomes)
def outcomes(result: Result[Any]) -> Drawing:
    if not result.rows:
        return NO_CALLS
    ok = next((row for row in result.rows if row.outcome == "ok"), None)
    total = plural(sum(row.calls for row in result.rows), "call")
    labels = [row.outcome or "unknown" for row in result.rows]
    sentence = f"{percent(ok.share)} of {total} ended well" if ok else f"None of {total} ended well"
    colour = {
        "field": shapes.LABEL,
        "type": "nominal",
        "legend": None,
        "scale": {"domain": labels, "range": [OUTCOME_COLOURS.get(label, GREY) for label in labels]},
    }
    spec = shapes.bars(result, result.rows, labels, "calls")
    spec["layer"][0]["encoding"]["color"] = colour
    return Drawing(sentence, spec, ranked_height(result.rows))


@chart(reports.errors)
def errors(result: Result[Any]) -> Drawing:
    ran = [row for row in result.rows if row.ran]
    if not ran:
        return NO_CALLS
    shown = [row for row in ran if row.errors][:LIMIT]
    if not shown:
        return Drawing(f"None of {plural(sum(row.ran for row in ran), 'call')} failed", None)
    top = shown[0]
    sentence = (
        f"{command_name(top)} fails most clearly: {percent(top.error_rate)} of {plural(top.ran, 'call')} "
        f"({percent(top.low)} to {percent(top.high)})"
    )
    spec = shapes.intervals(result, shown, names(shown), middle="error_rate", low="low", high="high")
    return Drawing(sentence, spec, ranked_height(shown))


@chart(reports.error_types)
def error_types(result: Result[Any]) -> Drawing:
    failed = [row for row in result.rows if row.outcome == "error"]
    if not failed:
        return Drawing("No exceptions", None)
    shown = failed[:LIMIT]
    labels = [_error_label(row) for row in shown]
    top = shown[0]
    sentence = f"Most frequent exception: {top.error_type or 'unknown'} in {command_name(top)}, {top.calls:,} times"
    new = [row.new_in for row in failed if row.new_in]
    sentence += f"; {len(new):,} of {plural(len(failed), 'exception')} new in {new[0]}" if new else ""
    return Drawing(sentence, shapes.bars(result, shown, distinct(labels), "calls", colour=RED), ranked_height(shown))


def _error_label(row: Any) -> str:
    label = f"{row.error_type.rpartition('.')[2] or 'unknown'} · {command_name(row)}"
    return f"{label} · new" if row.new_in else label


@chart(reports.releases)
def releases(result: Result[Any]) -> Drawing:
    rows = [row for row in result.rows if row.error_rate is not None][-LIMIT:]
    if not rows:
        return Drawing("No release is known: set service.version", None)
    last = rows[-1]
    sentence = f"{percent(last.error_rate)} of the calls fail in {last.release}{_clearly(last.error_verdict)}"
    if last.p95_ms is not None:
        sentence += f"; p95 is {milliseconds(last.p95_ms)}{_clearly(last.p95_verdict)}"
    labels = distinct([row.release for row in rows])
    spec = shapes.intervals(result, rows, labels, middle="error_rate", low="low", high="high")
    return Drawing(sentence, spec, ranked_height(rows))


def _clearly(verdict: str | None) -> str:
    return f", clearly {verdict} than before" if verdict in ("worse", "better") else ""
