"""The web application: a page whose charts, tables and tiles are asked for one by one."""

from __future__ import annotations

import asyncio
import contextlib
import json
from dataclasses import dataclass
from datetime import datetime, timezone
from importlib import resources
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web

from slashspan.errors import ConfigurationError
from slashspan.insights.charts import CHARTS
from slashspan.insights.dashboard import security, vega
from slashspan.insights.dashboard.address import PERIODS, State, StoredIds, as_it_is
from slashspan.insights.dashboard.banner import findings
from slashspan.insights.dashboard.live import Live
from slashspan.insights.dashboard.pool import ReaderPool
from slashspan.insights.pages.environment import environment
from slashspan.insights.pages.sections import SECTIONS
from slashspan.insights.pages.tiles import tiles
from slashspan.insights.readers.base import ReadError
from slashspan.insights.reports import REPORTS, recent, totals
from slashspan.insights.wording import cell, command_name

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Collection

    from slashspan.insights.readers.base import Reader
    from slashspan.insights.result import Result

TABLE_ROWS: Final = 200
LIVE_ROWS: Final = 20
STATIC: Final = {"page.css": "text/css", "page.js": "text/javascript"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The options of `slashspan dashboard`."""

    title: str = "Commands"
    zone: str = "UTC"
    hosts: Collection[str] = security.LOOPBACK_NAMES
    token: str | None = None
    stored_ids: StoredIds = as_it_is
    """Under which ids the calls of a user are stored."""
    trace_link: str | None = None
    """An address with `{trace_id}` in it, to the trace of a call."""


class Dashboard:
    """The handlers, and what they share."""

    def __init__(self, connect: Callable[[], Reader], options: Options) -> None:
        self._options = options
        self._pool = ReaderPool(connect)
        self._live = Live(self._pool)
        self._script: asyncio.Task[bytes] | None = None
        self._templates = environment("slashspan.insights.dashboard")
        self._templates.globals["command_name"] = command_name
        self._templates.globals["cell"] = cell

    def application(self) -> web.Application:
        app = web.Application(middlewares=[security.protect(hosts=self._options.hosts, token=self._options.token)])
        app.add_routes(
            [
                web.get("/", self._answered(self.page)),
                web.get("/summary", self._answered(self.summary)),
                web.get("/charts/{name}", self._answered(self.chart)),
                web.get("/tables/{name}.csv", self._answered(self.table)),
                web.get("/live", self._answered(self.live)),
                web.get("/static/vega.js", self.vega),
                web.get("/static/{name}", self.static),
                web.route("*", "/login", self.login),
            ]
        )
        app.cleanup_ctx.append(self._running)
        app.on_shutdown.append(self._ending)
        return app

    async def _running(self, _: web.Application) -> AsyncIterator[None]:
        live = asyncio.create_task(self._live.run())
        yield
        tasks = [live, *([self._script] if self._script else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._pool.close()

    async def _ending(self, _: web.Application) -> None:
        self._live.close()

    def _answered(
        self, handler: Callable[[web.Request, State], Awaitable[web.StreamResponse]]
    ) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def answered(request: web.Request) -> web.StreamResponse:
            try:
                return await handler(request, self._state(request))
            except ConfigurationError as error:
                if request.path == "/":  # typed by a person
                    return web.Response(text=f"{error}\n", status=400)
                return web.json_response({"error": str(error)}, status=400)
            except ReadError as error:
                return web.json_response({"error": str(error)}, status=503)

        return answered

    def _state(self, request: web.Request) -> State:
        return State.parse(request.query, zone=self._options.zone, stored_ids=self._options.stored_ids)

    def _render(self, name: str, **values: Any) -> str:
        return self._templates.get_template(name).render(**values)

    async def page(self, _: web.Request, state: State) -> web.StreamResponse:
        text = self._render(
            "page.html.j2", title=self._options.title, state=state, periods=PERIODS, sections=SECTIONS, charts=CHARTS
        )
        return web.Response(text=text, content_type="text/html")

    async def summary(self, _: web.Request, state: State) -> web.StreamResponse:
        """Banner and tiles, or what to do where there is nothing to show."""
        async with self._pool.reader() as reader, reader.snapshot():
            now = (await totals(reader, state.filters)).rows[0]
            previous = state.filters.previous()
            before = (await totals(reader, previous)).rows[0] if previous else None
            found = await findings(reader, state.filters) if now.calls else []
            last = None if now.calls else (await totals(reader, state.filters.without_period())).rows[0].last
        text = self._render(
            "summary.html.j2",
            tiles=tiles(now, before),
            findings=found,
            calls=now.calls,
            last=last,
            state=state,
            moment=datetime.now(timezone.utc).astimezone(state.filters.tz),
        )
        return web.Response(text=text, content_type="text/html")

    async def chart(self, request: web.Request, state: State) -> web.StreamResponse:
        chart = CHARTS.get(request.match_info["name"])
        if chart is None:
            raise web.HTTPNotFound(text="there is no such chart\n")
        async with self._pool.reader() as reader:
            result: Result[Any] = await chart.report(reader, state.filters)
        drawing = chart.draw(result)
        shown = result.head(TABLE_ROWS)
        body = {
            "sentence": drawing.sentence,
            "spec": drawing.sized("container", text="currentColor") if drawing.spec else None,
            "table": self._render("table.html.j2", result=shown, state=state, definition=chart.report.definition),
        }
        return web.Response(text=json.dumps(body, allow_nan=False), content_type="application/json")

    async def table(self, request: web.Request, state: State) -> web.StreamResponse:
        report = REPORTS.get(request.match_info["name"])
        if report is None:
            raise web.HTTPNotFound(text="there is no such table\n")
        async with self._pool.reader() as reader:
            result = await report(reader, state.filters)
        disposition = {"Content-Disposition": f'attachment; filename="{report.name}.csv"'}
        return web.Response(text=result.to_csv(), content_type="text/csv", charset="utf-8", headers=disposition)

    async def live(self, request: web.Request, state: State) -> web.StreamResponse:
        """Server-sent events: `calls` with the list of the latest ones, `problem` with a sentence."""
        response = web.StreamResponse(headers={**security.HEADERS, "Content-Type": "text/event-stream"})
        await response.prepare(request)
        with contextlib.suppress(ConnectionResetError):
            while not self._live.closed:
                await response.write(await self._event(state))
                while not await self._live.changed():
                    await response.write(b": still there\n\n")
        return response

    async def _event(self, state: State) -> bytes:
        problem = self._live.problem
        if not problem:
            try:
                async with self._pool.reader() as reader:
                    rows = (await recent(reader, state.filters, count=LIVE_ROWS)).rows
                html = self._render("calls.html.j2", rows=rows, trace_link=self._options.trace_link, state=state)
                return _event("calls", html)
            except ReadError as error:
                problem = str(error)
        return _event("problem", problem)

    async def vega(self, _: web.Request) -> web.StreamResponse:
        if self._script is None:  # made once, also for several pages that are opened meanwhile
            self._script = asyncio.create_task(vega.bundle())
        try:
            script = await asyncio.shield(self._script)
        except ConfigurationError as error:
            return web.Response(status=503, text=f"{error}\n")
        return web.Response(
            body=script, content_type="text/javascript", headers={"Cache-Control": "private, max-age=86400"}
        )

    async def static(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["name"]
        if name not in STATIC:
            raise web.HTTPNotFound(text="there is no such file\n")
        text = resources.files("slashspan.insights.dashboard").joinpath(f"static/{name}").read_text("utf-8")
        if name == "page.css":
            shared = resources.files("slashspan.insights.pages").joinpath("templates/common.css")
            text = shared.read_text("utf-8") + text
        return web.Response(text=text, content_type=STATIC[name], charset="utf-8")

    async def login(self, request: web.Request) -> web.StreamResponse:
        token = self._options.token
        if token is None:
            return security.see_other("/")
        wrong = False
        if request.method == "POST":
            shown = str((await request.post()).get("token", ""))
            answer = security.login(shown, token, secure=request.secure)
            if answer is not None:
                return answer
            wrong = True
        text = self._render("login.html.j2", title=self._options.title, wrong=wrong)
        return web.Response(text=text, content_type="text/html", status=401 if wrong else 200)


def _event(name: str, data: str) -> bytes:
    lines = "".join(f"data: {line}\n" for line in data.splitlines() or [""])
    return f"event: {name}\n{lines}\n".encode()
