"""How the dashboard shows each report: Grafana's JSON for one panel."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from slashspan.insights.reports import REPORTS
from slashspan.insights.reports.latency import LATE_MS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from slashspan.insights.result import Column
    from tools.grafana.fragments import Source
    from tools.grafana.queries import Query

Json = dict[str, Any]
WIDTH: Final = 24
"""Of Grafana's grid."""
UNITS: Final = {"count": "short", "ms": "ms", "share": "percentunit", "ratio": "short", "time": "dateTimeAsIso"}
"""By a column's unit; other columns are text."""
DISCORD_MS: Final = 3000.0
"""Discord waits so long for the first answer."""
WARN_MS: Final = 2000.0
OUTCOME_WORDS: Final = {"type": "value", "options": {"": {"text": "unknown (an old bot)", "index": 0}}}


def steps(*limits: tuple[float, str], base: str = "text") -> Json:
    """Grafana's thresholds: a colour from each value on."""
    first: list[Json] = [{"color": base, "value": None}]
    return {"mode": "absolute", "steps": first + [{"color": colour, "value": value} for value, colour in limits]}


_ANSWER: Final = steps((WARN_MS, "orange"), (DISCORD_MS, "red"))
_ANY: Final = steps((1e-9, "red"))
"""Red if there is one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """How a report is shown."""

    type: str = "table"
    width: int = WIDTH
    height: int = 9
    options: Mapping[str, Any] = field(default_factory=dict)
    custom: Mapping[str, Any] = field(default_factory=dict)
    thresholds: Mapping[str, Json] = field(default_factory=dict)
    """By column; "": of the panel."""
    more: Mapping[str, Any] = field(default_factory=dict)
    """Further keys of the panel."""
    note: str = ""
    """What differs from the report."""


_LEGEND: Final = {"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi"}}
_NO_GAPS: Final = "An hour or a day without calls is left out."
_BARS: Final = {
    "drawStyle": "bars",
    "barAlignment": 1,
    "fillOpacity": 80,
    "lineWidth": 0,
    "stacking": {"mode": "normal", "group": "A"},
}
_LINES: Final = {"drawStyle": "line", "lineWidth": 2, "showPoints": "auto", "spanNulls": False}
_LIMIT: Final = {**_LINES, "thresholdsStyle": {"mode": "dashed"}}

VIEWS: Final[Mapping[str, View]] = {
    "totals": View(
        type="stat",
        height=4,
        options={
            "reduceOptions": {"values": False, "calcs": ["lastNotNull"], "fields": ""},
            "colorMode": "value",
            "graphMode": "none",
            "textMode": "value_and_name",
        },
        thresholds={"ack_p95_ms": _ANSWER, "over_3s": _ANY},
    ),
    "calls": View(type="timeseries", width=12, options=_LEGEND, custom=_BARS, note=_NO_GAPS),
    "commands": View(
        width=12,
        thresholds={"ack_p95_ms": _ANSWER, "over_3s": _ANY},
        note="Commands that were not called in the period are left out.",
    ),
    "outcomes": View(
        type="bargauge",
        width=6,
        options={
            "displayMode": "basic",
            "orientation": "horizontal",
            "reduceOptions": {"values": True, "calcs": ["lastNotNull"], "fields": "/^calls$/"},
        },
    ),
    "errors": View(width=18),
    "error-types": View(note="Which of them are new is not looked up."),
    "durations": View(width=12),
    "checkpoints": View(width=12),
    "acknowledgements": View(
        width=12,
        thresholds={
            **dict.fromkeys(("p50_ms", "p95_ms", "p99_ms"), _ANSWER),
            "over_3s": _ANY,
        },
    ),
    "arrival": View(
        type="timeseries",
        width=12,
        options=_LEGEND,
        custom=_LIMIT,
        thresholds={"": steps((DISCORD_MS, "red"))},
        note=_NO_GAPS,
    ),
    "active-users": View(type="timeseries", width=12, options=_LEGEND, custom=_LINES),
    "retention": View(
        width=12,
        custom={"cellOptions": {"type": "color-background"}},
        more={
            "timeFrom": "12w",
            "transformations": [
                {
                    "id": "groupingToMatrix",
                    "options": {"rowField": "cohort", "columnField": "week", "valueField": "share"},
                }
            ],
        },
        note="Shows 12 weeks if the period ends now; columns are the weeks since the first call.",
    ),
    "guilds": View(),
    "releases": View(note="The bounds of p95 and the verdict on it are left out: `slashspan stats releases` has them."),
    "pipeline": View(
        type="timeseries",
        options=_LEGEND,
        custom=_LIMIT,
        thresholds={"": steps((LATE_MS, "red"))},
        note=_NO_GAPS,
    ),
    "recent": View(height=12, thresholds={"ack_ms": _ANSWER}),
}
"""By the name of the report."""


def datasource(source: Source) -> Json:
    """Which one is a variable."""
    return {"type": source.type, "uid": "${datasource}"}


def panel(source: Source, query: Query, name: str, number: int, x: int, y: int) -> Json:
    """The panel of a report, at this place of the grid."""
    report, view = REPORTS[name], VIEWS[name]
    shown = [column for column in report.columns if column.name in query.columns]
    overrides = [_override(each, view) for each in shown if each.name not in query.names]
    return {
        "id": number,
        "type": view.type,
        "title": report.title,
        "description": _description(" ".join(report.definition.split()), view.note, shown),
        "gridPos": {"x": x, "y": y, "w": view.width, "h": view.height},
        "datasource": datasource(source),
        "targets": [
            {
                "refId": "A",
                "datasource": datasource(source),
                **source.target(query.sql, is_series=query.is_series),
            }
        ],
        "options": dict(view.options),
        "fieldConfig": {"defaults": _defaults(source, query, name, view), "overrides": overrides},
        **view.more,
    }


def _defaults(source: Source, query: Query, name: str, view: View) -> Json:
    found: Json = {"custom": dict(view.custom), "thresholds": view.thresholds.get("", steps())}
    if name == "retention":  # after the transformation its columns are weeks
        found |= {"unit": "percentunit", "min": 0, "max": 1, "color": {"mode": "continuous-blues"}}
    elif view.type == "bargauge":
        found |= {"min": 0, "color": {"mode": "palette-classic"}, "mappings": [OUTCOME_WORDS]}
    elif view.type == "timeseries":
        series_unit = "ms" if any(column.endswith("_ms") for column in query.columns) else "short"
        found |= {"unit": series_unit, "color": {"mode": "palette-classic"}}
        if source.series_name and "metric" in query.names.values():
            found["displayName"] = source.series_name
    else:
        found["color"] = {"mode": "thresholds"}
    return found


def _override(column: Column, view: View) -> Json:
    properties: list[Json] = [{"id": "displayName", "value": column.label}]
    if column.unit in UNITS:
        properties.append({"id": "unit", "value": UNITS[column.unit]})
    if column.name in view.thresholds:
        properties.append({"id": "thresholds", "value": view.thresholds[column.name]})
        if view.type == "table":
            properties.append({"id": "custom.cellOptions", "value": {"type": "color-text"}})
    return {"matcher": {"id": "byName", "options": column.name}, "properties": properties}


def _description(definition: str, note: str, columns: list[Column]) -> str:
    """Markdown: the report's definition, and that of each column."""
    lines = [f"- {column.label}: {column.meaning}" for column in columns]
    return "\n\n".join([definition, *([note] if note else []), "\n".join(lines)])
