"""The web application: a page whose charts, tables and tiles are asked for one by one."""

from __future__ import annotations

import asyncio
from importlib import resources
from typing import TYPE_CHECKING, Final

from aiohttp import web

from slashspan.errors import ConfigurationError
from slashspan.insights.charts import CHARTS
from slashspan.insights.dashboard import security, vega
from slashspan.insights.dashboard.address import PERIODS, described
from slashspan.insights.dashboard.cards import Cards
from slashspan.insights.dashboard.comparison import Comparison
from slashspan.insights.dashboard.live import Live
from slashspan.insights.dashboard.pool import ReaderPool
from slashspan.insights.dashboard.recording import Recording
from slashspan.insights.dashboard.site import Options, Site
from slashspan.insights.dashboard.stream import Stream
from slashspan.insights.dashboard.summary import Summary
from slashspan.insights.dashboard.upkeep import Upkeep
from slashspan.insights.pages.sections import sections_of
from slashspan.insights.readers.base import ReadError
from slashspan.semconv import Kind

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from slashspan.insights.dashboard.address import State
    from slashspan.insights.dashboard.site import Handler
    from slashspan.insights.readers.base import Reader

STATIC: Final = {
    "page.css": "text/css",
    **{f"{name}.js": "text/javascript" for name in ("page", "cards", "charts", "dom", "live", "tables")},
}


class Dashboard:
    """The routes, and what runs beside them."""

    def __init__(self, connect: Callable[[], Reader], options: Options) -> None:
        self._options = options
        self._pool = ReaderPool(connect)
        self._live = Live(self._pool)
        self._site = Site(options, self._pool)
        self._script: asyncio.Task[bytes] | None = None

    def application(self) -> web.Application:
        app = web.Application(middlewares=[security.protect(hosts=self._options.hosts, token=self._options.token)])
        cards, summary, stream = Cards(self._site), Summary(self._site), Stream(self._site, self._live)
        app.add_routes(
            [
                web.get("/", self._answered(self.page)),
                web.get("/summary", self._answered(summary.summary)),
                web.get("/charts/{name}", self._answered(cards.chart)),
                web.get("/pictures/{name}.png", self._answered(cards.picture)),
                web.get("/tables/{name}.csv", self._answered(cards.csv)),
                web.get("/tables/{name}", self._answered(cards.table)),
                web.get("/failed", self._answered(stream.failed)),
                web.get("/recording", self._answered(Recording(self._site).recording)),
                web.get("/comparison", self._answered(Comparison(self._site).compare)),
                web.get("/choices", self._answered(summary.choices)),
                web.get("/live", self._answered(stream.stream)),
                web.get("/static/vega.js", self.vega),
                web.get("/static/{name}", self.static),
                web.route("*", "/login", self.login),
            ]
        )
        app.cleanup_ctx.append(self._running)
        app.on_shutdown.append(self._ending)
        return app

    async def _running(self, _: web.Application) -> AsyncIterator[None]:
        running = [asyncio.create_task(self._live.run())]
        if self._options.catch_up is not None:
            upkeep = Upkeep(self._pool, self._live.heard, self._options.catch_up)
            running.append(asyncio.create_task(upkeep.run()))
        yield
        tasks = [*running, *([self._script] if self._script else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._pool.close()

    async def _ending(self, _: web.Application) -> None:
        self._live.close()

    def _answered(self, handler: Handler) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def answered(request: web.Request) -> web.StreamResponse:
            try:
                return await handler(request, self._site.state(request))
            except ConfigurationError as error:
                if request.path == "/":  # typed by a person
                    return web.Response(text=f"{error}\n", status=400)
                return web.json_response({"error": str(error)}, status=400)
            except ReadError as error:
                return web.json_response({"error": str(error)}, status=503)

        return answered

    async def page(self, _: web.Request, state: State) -> web.StreamResponse:
        filters = state.filters
        text = self._site.render(
            "page.html.j2",
            title=self._options.title,
            state=state,
            periods=PERIODS,
            since=filters.since and filters.since.astimezone(filters.tz),
            until=filters.until and filters.until.astimezone(filters.tz),
            described=described(filters),
            kinds=Kind.ALL,
            users=[value for name, value in state.pairs if name == "user"],
            sections=sections_of(filters, self._options.funnel),
            charts=CHARTS,
        )
        return web.Response(text=text, content_type="text/html")

    async def vega(self, _: web.Request) -> web.StreamResponse:
        if self._script is None:  # made once, also for several pages that are opened meanwhile
            self._script = asyncio.create_task(vega.bundle())
        try:
            script = await asyncio.shield(self._script)
        except ConfigurationError as error:
            self._script = None
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
        text = self._site.render("login.html.j2", title=self._options.title, wrong=wrong)
        return web.Response(text=text, content_type="text/html", status=401 if wrong else 200)
