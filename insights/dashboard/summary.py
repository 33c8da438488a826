"""The head of the page: what is wrong, and the tiles."""

from __future__ import annotations

import dataclasses
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from aiohttp import web

from slashspan.insights.dashboard.banner import RECENT, findings
from slashspan.insights.filters import ALL_KINDS, Filters
from slashspan.insights.pages.tiles import last_stored, tiles
from slashspan.insights.pages.trend import trend
from slashspan.insights.reports import pipeline, totals

if TYPE_CHECKING:
    from slashspan.insights.dashboard.address import State
    from slashspan.insights.dashboard.site import Site


class Summary:
    """Banner and tiles, or what to do where there is nothing to show; and what filters there can be."""

    def __init__(self, site: Site) -> None:
        self._site = site

    async def summary(self, _: web.Request, state: State) -> web.StreamResponse:
        """As HTML, of one state of the table."""
        async with self._site.pool.reader() as reader, reader.snapshot():
            now = (await totals(reader, state.filters)).rows[0]
            previous = state.filters.previous()
            before = (await totals(reader, previous)).rows[0] if previous else None
            found = await findings(reader, state.filters) if now.calls else []
            points = await trend(reader, state.filters)
            end = state.filters.end
            stored = await pipeline(reader, dataclasses.replace(state.filters, since=end - RECENT, until=end))
            last = None if now.calls else (await totals(reader, state.filters.without_period())).rows[0].last
        text = self._site.render(
            "summary.html.j2",
            tiles=tiles(now, before, points, last_stored(stored)),
            findings=found,
            calls=now.calls,
            last=last,
            state=state,
            moment=datetime.now(timezone.utc).astimezone(state.filters.tz),
        )
        return web.Response(text=text, content_type="text/html")

    async def choices(self, _: web.Request, state: State) -> web.StreamResponse:
        """What the filters can be set to in this period, each in its order, as JSON."""
        filters = Filters(
            since=state.filters.since, until=state.filters.until, zone=state.filters.zone, kinds=ALL_KINDS
        )
        async with self._site.pool.reader() as reader:
            rows = await reader.query("choices", filters)
        found = {
            "command": {row["command"] for row in rows},
            "bot": {row["service_name"] or str(row["application_id"] or "") for row in rows},
            "environment": {row["environment"] for row in rows},
            "release": {row["release"] for row in rows},
        }
        return web.json_response({name: sorted(filter(None, values)) for name, values in found.items()})
