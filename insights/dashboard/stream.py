"""Lists of the latest calls: those of the page's server-sent events, and those that failed."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Final

from aiohttp import web

from slashspan.insights.dashboard import security
from slashspan.insights.readers.base import ReadError
from slashspan.insights.reports import recent

if TYPE_CHECKING:
    from slashspan.insights.dashboard.address import State
    from slashspan.insights.dashboard.live import Live
    from slashspan.insights.dashboard.site import Site

ROWS: Final = 20
FAILED_ROWS: Final = 8


class Stream:
    """`calls` has the list of the latest ones, `problem` and `building` a sentence."""

    def __init__(self, site: Site, live: Live) -> None:
        self._site = site
        self._live = live

    async def stream(self, request: web.Request, state: State) -> web.StreamResponse:
        """Until the visitor or the server leaves."""
        live = self._live
        response = web.StreamResponse(headers={**security.HEADERS, "Content-Type": "text/event-stream"})
        await response.prepare(request)
        number, building = -1, ""
        with contextlib.suppress(ConnectionResetError), live.listening(lambda: request.transport is not None):
            while not live.closed:
                version = live.version
                if building != live.building:
                    building = live.building
                    await response.write(_event("building", building))
                if number != live.number:
                    number = live.number
                    await response.write(await self._calls(state))
                while not await live.changed(version):
                    await response.write(b": still there\n\n")
        return response

    async def failed(self, _: web.Request, state: State) -> web.StreamResponse:
        """The latest calls that failed, as HTML."""
        return web.Response(text=await self._list(state, count=FAILED_ROWS, only_failed=True), content_type="text/html")

    async def _calls(self, state: State) -> bytes:
        problem = self._live.problem
        if not problem:
            try:
                return _event("calls", await self._list(state, count=ROWS, only_failed=state.only_failed))
            except ReadError as error:
                problem = str(error)
        return _event("problem", problem)

    async def _list(self, state: State, *, count: int, only_failed: bool) -> str:
        async with self._site.pool.reader() as reader:
            rows = (await recent(reader, state.filters, count=count, only_failed=only_failed)).rows
        link = self._site.options.trace_link
        return self._site.render("calls.html.j2", rows=rows, trace_link=link, state=state)


def _event(name: str, data: str) -> bytes:
    lines = "".join(f"data: {line}\n" for line in data.splitlines() or [""])
    return f"event: {name}\n{lines}\n".encode()
