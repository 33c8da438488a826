"""The dashboard as a person sees it: a page of Chromium, and the server that it asks."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Final, Protocol

import pytest

from tests.support.chromium import CHROMIUM
from tests.support.dashboards import served

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from contextlib import AbstractAsyncContextManager

    from aiohttp.test_utils import TestClient

IN_BROWSER: Final = [
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed: apt-get install chromium"),
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.timeout(300),
]
"""Marks of tests that use the fixture `visit`: they run in the event loop of the browser, which they share."""
PERIOD: Final = "since=2026-11-06T18:00Z&until=2026-11-20T18:00Z&zone=Europe/Berlin"
"""Of `recent_filters`."""
NO_CHART: Final = {"spec": None, "sentence": "No calls.", "table": ""}
WAIT: Final = 120_000.0
"""Milliseconds."""
_GUIDELINES: Final = {"runOnly": ["wcag2a", "wcag2aa"], "resultTypes": ["violations"]}
"""Without details of what is right: those of a page full of charts take axe longer than the rules."""


class Visitor:
    """A page of the browser, and everything that its console said."""

    def __init__(self, page: Any, client: TestClient[Any, Any]) -> None:
        self.page = page
        self.port = client.port
        self.address = str(client.make_url("")).rstrip("/")
        self._client = client
        self.said: list[str] = []
        page.set_default_timeout(WAIT)
        page.on("console", lambda message: self.said.append(message.text))
        page.on("pageerror", lambda error: self.said.append(str(error)))
        page.on("dialog", lambda dialog: self.said.append(f"dialog: {dialog.message}"))

    async def go(self, path: str) -> None:
        await self.page.goto(self.address + path)
        await self.page.locator("#summary[data-state=drawn]").wait_for()

    async def close(self) -> None:
        """The server; the browser stays."""
        await self._client.close()

    async def draw_all(self) -> None:
        """Scroll, until every card has been drawn."""
        for card in await self.page.locator("[data-chart], [data-part]").all():
            await card.scroll_into_view_if_needed()
            await self.page.locator(f"#{await card.get_attribute('id')}[data-state=drawn]").wait_for()

    async def assert_accessible(self, within: str | None = None) -> None:
        """By the rules of WCAG 2 that axe checks; of the whole page, or of what the selector matches."""
        axe = pytest.importorskip("axe_playwright_python.async_playwright")
        found = await axe.Axe().run(self.page, context=within, options=_GUIDELINES)
        assert found.violations_count == 0, found.generate_report()


class Visit(Protocol):
    """A server of a page about `dsn`, with `options`, and a visitor whose browser has neither cookies nor a cache.

    `charts`: whether there are any, which takes longer than the rest of the page. Without, each says that it has no
    calls.
    """

    def __call__(
        self, dsn: str, *, width: int = 1280, scheme: str = "light", charts: bool = True, **options: Any
    ) -> AbstractAsyncContextManager[Visitor]: ...


def visits_with(browser: Any) -> Visit:
    """Each visit is a new page of the browser, which stays open."""

    @contextlib.asynccontextmanager
    async def visit(
        dsn: str, *, width: int = 1280, scheme: str = "light", charts: bool = True, **options: Any
    ) -> AsyncIterator[Visitor]:
        async with served(dsn, **options) as client:
            page = await browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
            if not charts:
                await page.route("**/charts/*", lambda route: route.fulfill(json=NO_CHART))
            try:
                yield Visitor(page, client)
            finally:
                await page.close()

    return visit
