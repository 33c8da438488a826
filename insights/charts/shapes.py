"""The few shapes that all charts have. Each returns a specification without data of its own names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from slashspan.insights.charts.drawing import BLUE, FORMATS, SERIES, Spec, tooltip, values
from slashspan.insights.wording import cell

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from slashspan.insights.result import Column, Result

LABEL: Final = "label"
"""Field of a row's name on an axis."""
SERIES_FIELD: Final = "series"
CALLS_FOR: Final = {"p99_ms": 100, "p95_ms": 20}
"""Calls without which a percentile is not drawn."""
VALUE: Final = "value"


_AXIS_FORMATS: Final = {**FORMATS, "share": ".1~%", "ratio": "~r"}
_POWERS: Final = [10.0**power for power in range(-3, 11)]
_DAY: Final = 86_400_000
_STEP: Final = 1.4
"""How wide the first and the last step of a histogram are drawn, which have no end."""


def number_axis(title: str | None, unit: str, *, log: bool = False, **scale: Any) -> Spec:
    """A quantitative channel without its field."""
    axis: Spec = {"title": title, "format": _AXIS_FORMATS[unit], "tickCount": 5}
    if unit == "count":
        axis["tickMinStep"] = 1
    if log:
        axis["values"] = _POWERS
    return {"type": "quantitative", "axis": axis, "scale": {"type": "log" if log else "linear", **scale}}


def time_axis(moments: Sequence[float]) -> Spec:
    """A channel for wall-clock milliseconds."""
    hours = bool(moments) and max(moments) - min(moments) <= 2 * _DAY
    axis = {
        "title": None,
        "grid": False,
        "format": "%a %H:%M" if hours else "%-d %b",
        "labelOverlap": True,
        "tickCount": 8,
    }
    return {"type": "temporal", "scale": {"type": "utc"}, "axis": axis}


def rank_axis() -> Spec:
    """A channel for names, in the order of the data."""
    return {"field": LABEL, "type": "nominal", "sort": None, "axis": {"title": None, "grid": False}}


def bars(
    result: Result[Any],
    rows: Sequence[Any],
    labels: Sequence[str],
    field: str,
    *,
    colour: Any = BLUE,
) -> Spec:
    """Horizontal bars in the order of `rows`, each with its number."""
    column = _column(result, field)
    data = [{**row, LABEL: label} for row, label in zip(values(result, rows), labels, strict=True)]
    bar = {"mark": {"type": "bar", "cornerRadiusEnd": 2}, "encoding": {"color": {"value": colour}}}
    number = {
        "mark": {"type": "text", "align": "left", "dx": 4, "fontSize": 11},
        "encoding": {"text": {"field": field, "type": "quantitative", "format": FORMATS[column.unit]}},
    }
    return {
        "data": {"values": data},
        "encoding": {
            "y": rank_axis(),
            "x": {"field": field, **number_axis(_title(column), column.unit, zero=True)},
            "tooltip": tooltip(result.columns),
        },
        "layer": [bar, number],
    }


def bars_over_time(
    result: Result[Any], data: Sequence[Spec], field: str, colours: Mapping[str, str], *, more: Sequence[str] = ()
) -> Spec:
    """Stacked bars from `start` to `end` of each bucket, by `series`, whose order is that of `colours`. `more`: further
    entries of the legend, which have a colour, too."""
    present = [name for name in colours if name in more or any(row[SERIES_FIELD] == name for row in data)]
    return {
        "data": {"values": [{**row, "order": present.index(row[SERIES_FIELD])} for row in data]},
        "mark": {"type": "bar", "binSpacing": 1},
        "encoding": {
            "x": {"field": "start", **time_axis([row["start"] for row in data])},
            "x2": {"field": "end"},
            "y": {"field": field, "aggregate": "sum", "stack": "zero", **number_axis(None, "count")},
            "color": series(present, [colours[name] for name in present]),
            "order": {"field": "order", "type": "quantitative"},
            "tooltip": tooltip(
                [each for each in result.columns if each.name in ("start", "day")],
                {"field": SERIES_FIELD, "type": "nominal", "title": "which"},
                {"field": field, "type": "quantitative", "title": "number", "format": ",d"},
            ),
        },
    }


def lines(
    result: Result[Any], time: str, fields: Sequence[str], *, unit: str, title: str | None = None, log: bool = False
) -> Spec:
    """One line for each column, over time. Gaps stay gaps."""
    chosen = [_column(result, name) for name in fields]
    data = [
        {**row, SERIES_FIELD: column.label, VALUE: row[column.name]}
        for row in values(result)
        for column in chosen
        if not log or row[column.name] is None or row[column.name] > 0
    ]
    return {
        "data": {"values": data},
        "mark": {
            "type": "line",
            "point": {"size": 24, "filled": True},
            "strokeWidth": 2,
            "invalid": "break-paths-show-domains",
        },
        "encoding": {
            "x": {"field": time, **time_axis([row[time] for row in data])},
            "y": {"field": VALUE, **number_axis(title, unit, log=log)},
            "color": series([column.label for column in chosen], SERIES),
            "tooltip": tooltip(result.columns),
        },
    }


def intervals(
    result: Result[Any], rows: Sequence[Any], labels: Sequence[str], *, middle: str, low: str, high: str
) -> Spec:
    """A dot for each row with the line on which its true value lies."""
    column = _column(result, middle)
    data = [{**row, LABEL: label} for row, label in zip(values(result, rows), labels, strict=True)]
    return {
        "data": {"values": data},
        "encoding": {"y": rank_axis(), "tooltip": tooltip(result.columns)},
        "layer": [
            {
                "mark": {"type": "rule", "strokeWidth": 2, "opacity": 0.5},
                "encoding": {
                    "x": {"field": low, **number_axis(_title(column), column.unit, zero=True)},
                    "x2": {"field": high},
                },
            },
            {
                "mark": {"type": "point", "filled": True, "size": 70, "color": SERIES[4]},
                "encoding": {"x": {"field": middle, "type": "quantitative"}},
            },
        ],
    }


def dumbbells(result: Result[Any], rows: Sequence[Any], labels: Sequence[str], fields: Sequence[str]) -> Spec:
    """A dot for each percentile, on a line for each row. The scale is logarithmic: they differ by orders of magnitude.

    A percentile of too few calls is one of them, and says nothing: it is left out.
    """
    chosen = [_column(result, name) for name in fields]
    data = []
    for row, entry, label in zip(rows, values(result, rows), labels, strict=True):
        shown = [
            column for column in chosen if (entry[column.name] or 0) > 0 and row.calls >= CALLS_FOR.get(column.name, 0)
        ]
        ends = {"low": entry[shown[0].name], "high": entry[shown[-1].name]} if shown else {}
        data += [
            {**entry, **ends, LABEL: label, SERIES_FIELD: column.label, VALUE: entry[column.name]} for column in shown
        ]
    scale = number_axis("ms, logarithmic", "ms", log=True, nice=True)
    shapes = {"domain": [column.label for column in chosen], "range": ["circle", "diamond", "triangle-right"]}
    return {
        "data": {"values": data},
        "encoding": {"y": rank_axis(), "tooltip": tooltip(result.columns)},
        "layer": [
            {
                "transform": [{"filter": f"datum.{SERIES_FIELD} === {chosen[0].label!r}"}],
                "mark": {"type": "rule", "strokeWidth": 2, "opacity": 0.4},
                "encoding": {"x": {"field": "low", **scale}, "x2": {"field": "high"}},
            },
            {
                "mark": {"type": "point", "filled": True, "size": 70},
                "encoding": {
                    "x": {"field": VALUE, "type": "quantitative"},
                    "color": series([column.label for column in chosen], SERIES),
                    "shape": {"field": SERIES_FIELD, "type": "nominal", "scale": shapes},
                },
            },
        ],
    }


def histogram(result: Result[Any], marks: Mapping[str, float]) -> Spec:
    """Bars from `at_least_ms` to `at_most_ms` on a logarithmic scale; `marks`: vertical lines with their names."""
    data = values(result)
    for entry in data:  # neither 0 nor infinity has a place on the scale
        entry["low"] = entry["at_least_ms"] or entry["at_most_ms"] / _STEP
        entry["high"] = entry["at_most_ms"] or entry["at_least_ms"] * _STEP
    scale = number_axis("ms, logarithmic", "ms", log=True, nice=False)
    layers: list[Spec] = [
        {
            "mark": {"type": "bar", "binSpacing": 1, "color": BLUE},
            "encoding": {
                "x": {"field": "low", **scale},
                "x2": {"field": "high"},
                "y": {"field": "calls", **number_axis(None, "count", zero=True)},
                "y2": {"datum": 0},
                "tooltip": tooltip(result.columns),
            },
        }
    ]
    rows = [{"at": at, "name": name, "text": cell(at, "ms")} for name, at in marks.items()]
    x = {"field": "at", "type": "quantitative"}
    tips = [{"field": "text", "type": "nominal", "title": "at most"}, {"field": "name", "type": "nominal"}]
    for mark, more in (
        ({"type": "rule", "strokeWidth": 1.5}, {}),
        (
            {"type": "text", "align": "left", "baseline": "top", "dx": 4, "fontSize": 11},
            {"y": {"value": 0}, "text": {"field": "name", "type": "nominal"}},
        ),
    ):
        layers.append({"data": {"values": rows}, "mark": mark, "encoding": {"x": x, "tooltip": tips, **more}})
    return {"data": {"values": data}, "layer": layers if rows else layers[:1]}


def waterfall(result: Result[Any], rows: Sequence[Any], labels: Sequence[str]) -> Spec:
    """For each step a bar up to when half of the calls reach it, as long as its p50, and a line as long as its p95."""
    data = [{**row, LABEL: label} for row, label in zip(values(result, rows), labels, strict=True)]
    for entry in data:
        end = entry["reached_ms"] if entry["reached_ms"] is not None else entry["p50_ms"]
        begin = max(0.0, end - entry["p50_ms"])
        entry.update(begin=begin, end=begin + entry["p50_ms"], late=begin + entry["p95_ms"])
    scale = number_axis("ms since the receipt: p50 as a bar, p95 as a line", "ms", zero=True)
    return {
        "data": {"values": data},
        "encoding": {"y": rank_axis(), "tooltip": tooltip(result.columns)},
        "layer": [
            {
                "mark": {"type": "rule", "strokeWidth": 2, "color": SERIES[1]},
                "encoding": {"x": {"field": "begin", **scale}, "x2": {"field": "late"}},
            },
            {
                "mark": {"type": "bar", "color": BLUE, "height": {"band": 0.6}, "cornerRadius": 2},
                "encoding": {"x": {"field": "begin", "type": "quantitative"}, "x2": {"field": "end"}},
            },
        ],
    }


def heat_map(result: Result[Any], data: Sequence[Spec], *, x: Spec, y: Spec, field: str, number: bool = False) -> Spec:
    """Cells whose opacity is their value, so that they work on light and on dark."""
    column = _column(result, field)
    cells: Spec = {
        "mark": {"type": "rect", "cornerRadius": 2, "color": BLUE},
        "encoding": {
            "opacity": {
                "field": field,
                "type": "quantitative",
                "scale": {"domainMin": 0, "range": [0.06, 0.7]},
                "legend": None,
            }
        },
    }
    text: Spec = {
        "mark": {"type": "text", "fontSize": 10},
        "encoding": {
            "text": {"field": field, "type": "quantitative", "format": {"share": ".0%"}.get(column.unit, ",.0f")}
        },
    }
    return {
        "data": {"values": list(data)},
        "encoding": {"x": x, "y": y, "tooltip": tooltip(result.columns)},
        "layer": [cells, text] if number else [cells],
    }


def series(names: Sequence[str], colours: Sequence[str]) -> Spec:
    """The colour channel; without a legend where there is nothing to distinguish."""
    scale = {"domain": list(names), "range": list(colours[: len(names)])}
    return {"field": SERIES_FIELD, "type": "nominal", "scale": scale, **({"legend": None} if len(names) < 2 else {})}


def _column(result: Result[Any], name: str) -> Column:
    return next(each for each in result.columns if each.name == name)


def _title(column: Column) -> str:
    return f"{column.label}, ms" if column.unit == "ms" else column.label
