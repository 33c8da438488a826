"""How recording does at the moment, as far as the table says it, and what reports read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from aiohttp import web

from slashspan.insights.dashboard.banner import RECENT
from slashspan.insights.filters import ALL_KINDS, Filters
from slashspan.insights.pages.tiles import last_stored
from slashspan.insights.reports import pipeline
from slashspan.insights.sums.reader import SummedReader
from slashspan.insights.wording import cell, milliseconds, plural

if TYPE_CHECKING:
    from slashspan.insights.dashboard.address import State
    from slashspan.insights.dashboard.site import Site
    from slashspan.insights.readers.base import Reader

NONE: Final = "none: all rows are read. `slashspan rollup build` makes them"


class Recording:
    """Of all calls, whatever the filters: a queue has no commands."""

    def __init__(self, site: Site) -> None:
        self._site = site

    async def recording(self, _: web.Request, state: State) -> web.StreamResponse:
        """As HTML."""
        end = state.filters.end
        filters = Filters(since=end - RECENT, until=end, zone=state.filters.zone, kinds=ALL_KINDS)
        async with self._site.pool.reader() as reader:
            row = last_stored(await pipeline(reader, filters, bucket="day"))
            sums = await sums_in_words(reader)
        values = {
            "Rows in the last hour": f"{row.calls:,}",
            "Stored within": f"{milliseconds(row.p50_ms)} for half of them, {milliseconds(row.longest_ms)} for all",
            "Later than a minute": f"{row.late:,}",
            "Rows in a batch": cell(row.batch_rows, "ratio"),
            "Rows that wait": cell(row.waiting, "ratio"),
            "Sums": sums,
        }
        return web.Response(text=self._site.render("recording.html.j2", values=values), content_type="text/html")


async def sums_in_words(reader: Reader) -> str:
    """Whether reports are answered from sums. Raises ReadError."""
    found = await reader.sums() if isinstance(reader, SummedReader) else None
    if found is None:
        return NONE
    days = f"days in {', '.join(sorted(found.zones))}" if found.zones else "hours only"
    if found.is_behind:
        return f"{days}; too much has changed since: all rows are read"
    changed = len(found.changed_ever() or ())
    rest = [plural(found.above, "newer row")] if found.above else []
    rest += [plural(changed, "changed hour")] if changed else []
    return f"{days}; {' and '.join(rest)} are read beside them" if rest else f"{days}, up to date"
