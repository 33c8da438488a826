"""A chart before it is drawn: a Vega-Lite specification, and a sentence that says what it shows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timezone
from typing import TYPE_CHECKING, Any, Final

from slashspan.insights.wording import cell

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from slashspan.insights.filters import Filters
    from slashspan.insights.readers.base import Reader
    from slashspan.insights.reports.registry import Report
    from slashspan.insights.result import Column, Result, Unit

    Beside = Callable[[Reader, Filters], Awaitable[Any]]

Spec = dict[str, Any]
SCHEMA: Final = "https://vega.github.io/schema/vega-lite/v6.json"
VEGA_LITE: Final = "6.4"
WIDTH: Final = 720
"""Of a picture, in pixels; on a page a chart is as wide as its place."""
ROW_HEIGHT: Final = 22
PLOT_HEIGHT: Final = 240
LIMIT: Final = 15
"""Bars and rows of a ranking; the table behind a chart has all."""

BLUE, ORANGE, GREEN, PURPLE = "#3b82f6", "#d97706", "#16a34a", "#a855f7"
RED, TEAL, PINK, GREY = "#dc2626", "#0891b2", "#db2777", "#7c8594"
"""Each has a contrast of at least 3:1 on white and on #16181d (WCAG 2.2, 1.4.11), so one palette does for both."""
SERIES: Final = (BLUE, ORANGE, GREEN, PURPLE, RED, TEAL, PINK, GREY)
TEXT: Final = "the colour of text"
"""In a specification, in place of a colour: what is drawn over bars of all colours."""
KIND_COLOURS: Final = {
    "slash": BLUE,
    "prefix": ORANGE,
    "component": GREEN,
    "modal": PINK,
    "user_menu": TEAL,
    "message_menu": PURPLE,
    "autocomplete": GREY,
    "legacy": GREY,
}
OUTCOME_COLOURS: Final = {
    "ok": GREEN,
    "error": RED,
    "rejected": ORANGE,
    "expired": PINK,
    "unhandled": PURPLE,
    "not_found": TEAL,
    "cancelled": BLUE,
    "interrupted": GREY,
    "unknown": GREY,
}


@dataclass(frozen=True, slots=True)
class Drawing:
    """What a chart shows of one result."""

    sentence: str
    """Its title, without a full stop. Contains names that users wrote: to be escaped."""
    spec: Spec | None
    """Vega-Lite with its data, without title, width and colours of text; None if there is nothing to draw."""
    height: int = PLOT_HEIGHT
    """Of the plot, in pixels."""

    def sized(self, width: int | str, *, text: str, title: bool = False) -> Spec:
        """The complete specification: `width` in pixels or `container`, `text` the colour of text and axes."""
        assert self.spec is not None
        spec: Spec = {
            "$schema": SCHEMA,
            "description": self.sentence,
            "width": width,
            "height": self.height,
            "autosize": {"type": "fit-x", "contains": "padding"},
            "config": config(text),
            **_coloured(self.spec, text),
        }
        if title:
            spec["title"] = {"text": self.sentence, "anchor": "start", "limit": width, "offset": 12}
        return spec


@dataclass(frozen=True, slots=True)
class Chart:
    """One function for every place that shows the chart: page, report, picture and Discord."""

    report: Report[..., Any]
    """The report whose result it draws, and whose name it has."""
    function: Callable[..., Drawing]
    beside: Beside | None = None
    """Reads what is drawn beside the result, if there is something."""

    @property
    def name(self) -> str:
        return self.report.name

    async def context(self, reader: Reader, filters: Filters) -> Any:
        """What belongs beside the result, for `draw`. Raises ReadError."""
        return await self.beside(reader, filters) if self.beside else None

    async def read(self, reader: Reader, filters: Filters, /, **options: Any) -> tuple[Result[Any], Drawing]:
        """The report's result, and its drawing with everything. `options` are those of the report. Raises ReadError."""
        result = await self.report(reader, filters, **options)
        return result, self.draw(result, await self.context(reader, filters))

    def draw(self, result: Result[Any], context: Any = None) -> Drawing:
        """Without a context, the result alone."""
        return self.function(result) if context is None else self.function(result, context)


def _coloured(part: Any, text: str) -> Any:
    """A part of a specification with the colour of text in place of `TEXT`."""
    if isinstance(part, dict):
        return {key: value if key == "values" else _coloured(value, text) for key, value in part.items()}
    if isinstance(part, list):
        return [_coloured(each, text) for each in part]
    return text if part == TEXT else part


def config(text: str) -> Spec:
    """No background, the reader's own sans-serif font, quiet lines."""
    label = {"labelColor": text, "titleColor": text, "labelFontSize": 11, "titleFontSize": 11, "titleFontWeight": 400}
    return {
        "background": None,
        "font": "system-ui, sans-serif",
        "view": {"stroke": None},
        "title": {"color": text, "fontSize": 14, "fontWeight": 600},
        "text": {"color": text},
        "axis": {
            **label,
            "domain": False,
            "ticks": False,
            "gridColor": text,
            "gridOpacity": 0.12,
            "labelPadding": 6,
            "labelLimit": 180,
        },
        "legend": {**label, "orient": "top", "title": None, "symbolType": "square", "offset": 4, "labelLimit": 160},
        "range": {"category": list(SERIES)},
        "rule": {"color": text},
    }


def values(result: Result[Any], rows: Sequence[Any] | None = None) -> list[Spec]:
    """The rows as Vega reads them.

    Times are milliseconds of the zone's wall clock, which a `utc` scale shows as they are, wherever the reader's
    browser is; beside each value is its text for tips, in `<name>_text`.
    """
    found = []
    for row in result.rows if rows is None else rows:
        entry: Spec = {}
        for column in result.columns:
            value = getattr(row, column.name)
            entry[column.name] = plain(value, column.unit)
            entry[f"{column.name}_text"] = cell(value, column.unit)
        found.append(entry)
    return found


def plain(value: Any, unit: Unit) -> Any:
    if isinstance(value, datetime):
        return wall_clock(value)
    if isinstance(value, date):
        return wall_clock(datetime(value.year, value.month, value.day, tzinfo=timezone.utc))
    return str(value) if unit == "id" and value is not None else value


def wall_clock(moment: datetime) -> float:
    """Milliseconds since 1970 as if the moment's own clock showed UTC."""
    return moment.replace(tzinfo=timezone.utc).timestamp() * 1000


FORMATS: Final[dict[str, str]] = {"count": ",d", "ms": ",.4~r", "share": ".1%", "ratio": ",.1f"}
"""As d3 writes numbers, by unit."""


def tooltip(columns: Sequence[Column], *more: Spec) -> list[Spec]:
    """All columns, readable."""
    return [*more, *(_tip(each) for each in columns)]


def _tip(column: Column) -> Spec:
    return {"field": f"{column.name}_text", "title": column.label, "type": "nominal"}
