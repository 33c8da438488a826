"""`slashspan report`: all charts and their tables as one file that needs neither scripts nor a network."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, Final

from slashspan.insights.charts import CHARTS
from slashspan.insights.charts.picture import inline_svg
from slashspan.insights.pages.environment import environment
from slashspan.insights.pages.sections import options_of, sections_of
from slashspan.insights.pages.tiles import last_stored, tiles
from slashspan.insights.pages.trend import trend
from slashspan.insights.reports import pipeline, totals
from slashspan.insights.wording import cell

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from slashspan.insights.filters import Filters
    from slashspan.insights.pages.trend import Point
    from slashspan.insights.readers.base import Reader
    from slashspan.insights.reports.usage import TotalsRow
    from slashspan.insights.result import Result

TABLE_ROWS: Final = 100
"""Of the table behind a chart."""
NARROW: Final = 600
WIDE: Final = 1230
"""Width of a chart in one column and in two, in pixels."""


@dataclass(frozen=True, slots=True)
class Numbers:
    """Everything that a report file shows, of one state of the table."""

    totals: Result[TotalsRow]
    before: Result[TotalsRow] | None
    points: Sequence[Point]
    results: dict[str, Result[Any]]
    contexts: dict[str, Any]
    """What is drawn beside them."""
    funnel: tuple[str, ...] = ()
    """Its steps; empty: there is none."""


async def numbers(
    reader: Reader,
    filters: Filters,
    progress: Callable[[str], None] = lambda _: None,
    *,
    funnel: Sequence[str] = (),
) -> Numbers:
    """`progress` is called with the name of each report before it runs. `funnel`: steps of one. Raises ReadError."""
    async with reader.snapshot():
        now = await totals(reader, filters)
        previous = filters.previous()
        before = await totals(reader, previous) if previous else None
        points = await trend(reader, filters)
        results, contexts = {}, {}
        for name in chart_names(filters, funnel):
            progress(name)
            results[name] = await CHARTS[name].report(reader, filters, **options_of(name, funnel))
            contexts[name] = await CHARTS[name].context(reader, filters)
        return Numbers(now, before, points, results, contexts, tuple(funnel))


def chart_names(filters: Filters, funnel: Sequence[str] = ()) -> Iterator[str]:
    """In the order of the page."""
    return (name for _, _, names in sections_of(filters, funnel) for name in names)


def render(found: Numbers, *, title: str, now: datetime | None = None) -> str:
    """The file's text. Raises ConfigurationError without jinja2 or vl-convert."""
    filters = found.totals.filters
    row = found.totals.rows[0]
    before = found.before.rows[0] if found.before else None
    sections = [
        {
            "name": name,
            "heading": heading,
            # Two columns: where the charts do not fill them, the first one takes both.
            "charts": [
                _chart(found.results[chart], found.contexts[chart], wide=place == 0 and len(charts) % 2 == 1)
                for place, chart in enumerate(charts)
            ],
        }
        for name, heading, charts in sections_of(filters, found.funnel)
    ]
    moment = (now or datetime.now(timezone.utc)).astimezone(filters.tz)
    return str(
        environment()
        .get_template("report.html.j2")
        .render(
            title=title,
            since=filters.since.astimezone(filters.tz) if filters.since else row.first,
            until=filters.end.astimezone(filters.tz),
            zone=filters.zone,
            chosen=_chosen(filters),
            made=moment,
            tiles=tiles(row, before, found.points, last_stored(found.results[pipeline.name])),
            sections=sections,
            calls=row.calls,
        )
    )


def _chart(result: Result[Any], context: Any, *, wide: bool) -> dict[str, Any]:
    drawing = CHARTS[result.report].draw(result, context)
    shown = result.head(TABLE_ROWS)
    return {
        "name": result.report,
        "sentence": drawing.sentence,
        "title": result.title,
        "definition": CHARTS[result.report].report.definition,
        "wide": wide,
        "svg": inline_svg(drawing, width=WIDE if wide else NARROW) if drawing.spec else "",
        "columns": result.columns,
        "rows": [[cell(getattr(row, each.name), each.unit) for each in result.columns] for row in shown.rows],
        "left_out": shown.left_out,
    }


def _chosen(filters: Filters) -> list[str]:
    """The filters in words, except the period."""
    names = ("commands", "kinds", "guilds", "shards", "environments", "releases", "bots")
    # The page may go to somebody who must not learn whose pseudonym an id is.
    users = ["users: chosen by their ids"] if filters.users else []
    return [
        *users,
        *(f"{name}: {', '.join(map(str, getattr(filters, name)))}" for name in names if getattr(filters, name)),
    ]
