"""What the page's cards ask for: a chart, its table, CSV, PNG."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from aiohttp import web

from slashspan.insights.charts import CHARTS
from slashspan.insights.dashboard.pictures import Pictures, TooManyError
from slashspan.insights.dashboard.tables import table_of
from slashspan.insights.pages.sections import options_of
from slashspan.insights.reports import REPORTS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from slashspan.insights.charts import Drawing
    from slashspan.insights.dashboard.address import State
    from slashspan.insights.dashboard.site import Site
    from slashspan.insights.result import Result


class Cards:
    """Each card by itself: a slow question holds up nothing else."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._pictures = Pictures()

    async def _drawn(self, request: web.Request, state: State) -> tuple[Result[Any], Drawing]:
        chart = CHARTS.get(request.match_info["name"])
        if chart is None:
            raise web.HTTPNotFound(text="there is no such chart\n")
        async with self._site.pool.reader() as reader:
            return await chart.read(reader, state.filters, **options_of(chart.name, self._site.options.funnel))

    async def chart(self, request: web.Request, state: State) -> web.StreamResponse:
        """The chart's sentence, its specification, and its table as HTML."""
        result, drawing = await self._drawn(request, state)
        body = {
            "sentence": drawing.sentence,
            "spec": drawing.sized("container", text="currentColor") if drawing.spec else None,
            "table": self._table(result, state, {}),
        }
        return web.Response(text=json.dumps(body, allow_nan=False), content_type="application/json")

    async def picture(self, request: web.Request, state: State) -> web.StreamResponse:
        """The chart as PNG, titled by its sentence."""
        result, drawing = await self._drawn(request, state)
        if drawing.spec is None:
            raise web.HTTPNotFound(text=f"{drawing.sentence}: there is nothing to draw\n")
        try:
            picture = await self._pictures.png(drawing)
        except TooManyError as error:
            return web.json_response({"error": str(error)}, status=503, headers={"Retry-After": "5"})
        if picture is None:
            return web.json_response({"error": "the picture could not be drawn; the log says why"}, status=503)
        disposition = {"Content-Disposition": f'attachment; filename="{result.report}.png"'}
        return web.Response(body=picture, content_type="image/png", headers=disposition)

    def _table(self, result: Result[Any], state: State, asked: Mapping[str, str]) -> str:
        definition = "" if "plain" in asked else REPORTS[result.report].definition
        return self._site.render("table.html.j2", table=table_of(result, asked), state=state, definition=definition)

    async def _result(self, request: web.Request, state: State) -> Result[Any]:
        report = REPORTS.get(request.match_info["name"])
        if report is None:
            raise web.HTTPNotFound(text="there is no such table\n")
        async with self._site.pool.reader() as reader:
            return await report(reader, state.filters, **options_of(report.name, self._site.options.funnel))

    async def table(self, request: web.Request, state: State) -> web.StreamResponse:
        """As HTML; the address may have `find`, `sort` and `down`, and `plain`, which leaves the definition out."""
        result = await self._result(request, state)
        return web.Response(text=self._table(result, state, request.query), content_type="text/html")

    async def csv(self, request: web.Request, state: State) -> web.StreamResponse:
        """All rows."""
        result = await self._result(request, state)
        disposition = {"Content-Disposition": f'attachment; filename="{result.report}.csv"'}
        return web.Response(text=result.to_csv(), content_type="text/csv", charset="utf-8", headers=disposition)
