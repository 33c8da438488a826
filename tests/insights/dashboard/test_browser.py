"""The page in Chromium: what is on it, and what a person can do with it.

Skipped without the dependency group `browser` or without Chromium; `.ci/run` installs both.
"""

from __future__ import annotations

import asyncio
import contextlib
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, Final

import pytest

from slashspan import insights
from slashspan.insights.pages.report import chart_names
from slashspan.insights.pages.tiles import tiles
from tests.support.chromium import ARGUMENTS, CHROMIUM
from tests.support.dashboards import served
from tests.support.history import recent_filters, store_history
from tests.support.rows import sample
from tests.support.stored_rows import write_rows

playwright = pytest.importorskip("playwright.async_api", reason="the group `browser` is not installed")
axe = pytest.importorskip("axe_playwright_python.async_playwright", reason="the group `browser` is not installed")
pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed: apt-get install chromium"),
    pytest.mark.timeout(300),
]
PERIOD: Final = "since=2026-11-06T18:00Z&until=2026-11-20T18:00Z&zone=Europe/Berlin"
"""Of `recent_filters`."""
EVIL: Final = "<script>alert(1)</script>"
WAIT: Final = 120_000.0

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


@pytest.fixture(scope="module")
def dsn(tmp_path_factory: pytest.TempPathFactory) -> str:
    return store_history(tmp_path_factory.mktemp("history") / "calls.db")


class Visitor:
    """A page of the browser, and everything that its console said."""

    def __init__(self, page: Any, address: str) -> None:
        self.page = page
        self._address = address
        self.said: list[str] = []
        page.set_default_timeout(WAIT)
        page.on("console", lambda message: self.said.append(message.text))
        page.on("pageerror", lambda error: self.said.append(str(error)))
        page.on("dialog", lambda dialog: self.said.append(f"dialog: {dialog.message}"))

    async def go(self, path: str) -> None:
        await self.page.goto(self._address + path)
        await self.page.locator("#summary[data-state=drawn]").wait_for()

    async def draw_all(self) -> None:
        """Scroll, until every card has been drawn."""
        for card in await self.page.locator("[data-chart]").all():
            await card.scroll_into_view_if_needed()
            await self.page.locator(f"#{await card.get_attribute('id')}[data-state=drawn]").wait_for()


@contextlib.asynccontextmanager
async def visit(dsn: str, *, width: int = 1280, scheme: str = "light", **options: Any) -> AsyncIterator[Visitor]:
    async with served(dsn, **options) as client, playwright.async_playwright() as driver:
        browser = await driver.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
        try:
            page = await browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
            yield Visitor(page, str(client.make_url("")).rstrip("/"))
        finally:
            await browser.close()


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
async def test_every_chart_is_drawn_readable_and_within_the_window(width: int, scheme: str, dsn: str) -> None:
    async with visit(dsn, width=width, scheme=scheme) as visitor:
        await visitor.go(f"/?{PERIOD}")
        await visitor.draw_all()
        page = visitor.page
        assert await page.locator(".plot svg").count() == len(list(chart_names()))
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        tops = await page.evaluate(
            "[...document.querySelectorAll('.cards')].map(grid => [...grid.children].map(card => {"
            "const box = card.getBoundingClientRect(); return [Math.round(box.top), Math.round(box.height)] }))"
        )
        for grid in tops:
            heights: dict[int, int] = {}
            for top, height in grid:
                assert heights.setdefault(top, height) == height  # cards of a line have one height
        found = await axe.Axe().run(page, options={"runOnly": ["wcag2a", "wcag2aa"]})
        assert found.violations_count == 0, found.generate_report()
        assert visitor.said == []


async def test_the_numbers_are_those_of_the_reports(dsn: str) -> None:
    async with insights.connect(dsn) as reader:
        (now,) = (await insights.totals(reader, recent_filters())).rows
        previous = recent_filters().previous()
        assert previous is not None
        (before,) = (await insights.totals(reader, previous)).rows
        commands = (await insights.commands(reader, recent_filters())).rows
    async with visit(dsn) as visitor:
        await visitor.go(f"/?{PERIOD}")
        page = visitor.page
        shown = [" ".join((await tile.inner_text()).split()) for tile in await page.locator(".tiles li").all()]
        expected = [" ".join(f"{tile.label} {tile.value} {tile.change}".split()) for tile in tiles(now, before)]
        assert shown == expected
        await page.locator("#commands [data-toggle]").click()
        cells = page.locator("#commands tbody tr td:nth-child(3)")
        await cells.first.wait_for()
        assert await cells.all_inner_texts() == [f"{row.calls:,}" for row in commands]
        await page.locator("#commands th button", has_text="users").click()
        texts = await page.locator("#commands tbody td:nth-child(5)").all_inner_texts()
        users = [int(text.replace(",", "")) for text in texts]
        assert users == sorted(users, reverse=True)


async def test_filters_are_reached_and_removed_with_the_keyboard(dsn: str) -> None:
    async with visit(dsn) as visitor:
        await visitor.go(f"/?{PERIOD}")
        page = visitor.page
        await page.keyboard.press("Tab")
        assert await page.evaluate("document.activeElement.textContent") == "To the numbers"
        await page.locator("input[name=command]").fill("queue")
        await page.keyboard.press("Enter")
        await page.locator(".chips a", has_text="command: queue").wait_for()
        assert "command=queue" in page.url
        await page.evaluate("document.activeElement.blur()")
        await page.keyboard.press("Escape")
        await page.locator(".chips").wait_for(state="detached")
        assert "command=" not in page.url


async def test_a_chart_shows_its_numbers_under_the_pointer(dsn: str) -> None:
    async with visit(dsn) as visitor:
        await visitor.go(f"/?{PERIOD}")
        await visitor.page.locator("#commands .plot svg path[aria-label*=queue]").first.hover()
        tip = visitor.page.locator("#tip")
        await tip.wait_for()
        assert "queue" in await tip.inner_text()
        assert visitor.said == []


async def test_what_users_wrote_is_shown_as_text_and_new_calls_come_by_themselves(tmp_path: Path) -> None:
    dsn = f"sqlite:///{tmp_path / 'calls.db'}"
    now = int(datetime.now(timezone.utc).timestamp() * 1e6)
    rows = sample(2, seed=1)
    for number, row in enumerate(rows):
        row.kind, row.outcome, row.called_at, row.command, row.player_name = "slash", "ok", now + number, EVIL, EVIL
    write_rows(dsn, rows[:1])
    async with visit(dsn) as visitor:
        await visitor.go("/")
        await visitor.draw_all()
        latest = visitor.page.locator("#latest tbody tr")
        await latest.first.wait_for()
        assert await latest.count() == 1
        assert EVIL in await latest.first.inner_text()
        assert EVIL in await visitor.page.locator("#commands h3").inner_text()
        await asyncio.to_thread(write_rows, dsn, rows[1:])
        await latest.nth(1).wait_for()
        assert visitor.said == []


async def test_ten_thousand_commands_and_names_with_quotes_fit_the_page(tmp_path: Path) -> None:
    dsn = f"sqlite:///{tmp_path / 'calls.db'}"
    now = int(datetime.now(timezone.utc).timestamp() * 1e6)
    rows = sample(10_000, seed=1)
    for number, row in enumerate(rows):
        row.kind, row.outcome, row.called_at = "slash", "ok", now - number
        row.command = f'it\'s "{number}" ' + "x" * 60
    write_rows(dsn, rows)
    async with visit(dsn, width=390) as visitor:
        await visitor.go("/")
        await visitor.draw_all()
        assert await visitor.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert "9,800 more" in await visitor.page.locator("#commands .table").inner_html()
        await visitor.page.locator("#commands [data-toggle]").click()
        link = visitor.page.locator("#commands tbody a").first
        name = await link.inner_text()
        await link.click()
        await visitor.page.locator(".chips a", has_text=f"command: {name}").wait_for()
        await visitor.page.locator(".tiles li", has_text="calls").filter(has_text="1").first.wait_for()
        assert visitor.said == []


async def test_a_failing_card_can_be_tried_again(tmp_path: Path) -> None:
    dsn = store_history(tmp_path / "calls.db", days=2)
    async with visit(dsn) as visitor:
        failing = True

        async def answer(route: Any) -> None:
            if failing:
                await route.fulfill(status=503, json={"error": "the database is away"})
            else:
                await route.continue_()

        await visitor.page.route("**/charts/hours*", answer)
        await visitor.go("/?since=2026-11-01&until=2026-11-20T18:00Z")
        card = visitor.page.locator("#hours")
        await card.scroll_into_view_if_needed()
        await card.get_by_text("the database is away").wait_for()
        await visitor.page.locator("#calls[data-state=drawn]").wait_for()  # the rest is there
        failing = False
        await card.get_by_role("button", name="Retry").click()
        await visitor.page.locator("#hours[data-state=drawn]").wait_for()


async def test_the_token_is_asked_for_and_remembered(dsn: str) -> None:
    async with visit(dsn, token="a-token-of-many-letters") as visitor:
        page = visitor.page
        await page.goto(visitor._address + "/")
        await page.locator("input[name=token]").fill("wrong")
        await page.keyboard.press("Enter")
        await page.get_by_text("That is not the token").wait_for()
        await page.locator("input[name=token]").fill("a-token-of-many-letters")
        await page.keyboard.press("Enter")
        await page.locator("#summary[data-state=drawn]").wait_for()
        assert "slashspan_token" not in await page.evaluate("document.cookie")
