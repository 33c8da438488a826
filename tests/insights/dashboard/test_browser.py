"""The page in Chromium: what is on it, and what a person can do with it.

Skipped without the dependency group `browser` or without Chromium; `.ci/run` installs both.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import re
import sqlite3
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, Final

import pytest

from slashspan import insights
from slashspan.insights import Filters
from slashspan.insights.dashboard.banner import RECENT
from slashspan.insights.pages.report import chart_names
from slashspan.insights.pages.tiles import last_stored, tiles
from slashspan.insights.sums import open_sums
from slashspan.insights.wording import cell
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

    from aiohttp.test_utils import TestClient


@pytest.fixture(scope="module")
def dsn(tmp_path_factory: pytest.TempPathFactory) -> str:
    return store_history(tmp_path_factory.mktemp("history") / "calls.db")


class Visitor:
    """A page of the browser, and everything that its console said."""

    def __init__(self, page: Any, client: TestClient[Any, Any]) -> None:
        self.page = page
        self.port = client.port
        self._client = client
        self._address = str(client.make_url("")).rstrip("/")
        self.said: list[str] = []
        page.set_default_timeout(WAIT)
        page.on("console", lambda message: self.said.append(message.text))
        page.on("pageerror", lambda error: self.said.append(str(error)))
        page.on("dialog", lambda dialog: self.said.append(f"dialog: {dialog.message}"))

    async def go(self, path: str) -> None:
        await self.page.goto(self._address + path)
        await self.page.locator("#summary[data-state=drawn]").wait_for()

    async def close(self) -> None:
        """The server; the browser stays."""
        await self._client.close()

    async def draw_all(self) -> None:
        """Scroll, until every card has been drawn."""
        for card in await self.page.locator("[data-chart], [data-part]").all():
            await card.scroll_into_view_if_needed()
            await self.page.locator(f"#{await card.get_attribute('id')}[data-state=drawn]").wait_for()


@contextlib.asynccontextmanager
async def visit(dsn: str, *, width: int = 1280, scheme: str = "light", **options: Any) -> AsyncIterator[Visitor]:
    async with served(dsn, **options) as client, playwright.async_playwright() as driver:
        browser = await driver.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
        try:
            page = await browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
            yield Visitor(page, client)
        finally:
            await browser.close()


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
async def test_every_chart_is_drawn_readable_and_within_the_window(width: int, scheme: str, dsn: str) -> None:
    async with visit(dsn, width=width, scheme=scheme) as visitor:
        await visitor.go(f"/?{PERIOD}")
        await visitor.draw_all()
        page = visitor.page
        assert await page.locator(".plot svg").count() == len(list(chart_names(recent_filters())))
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
        commands = (await insights.commands(reader, recent_filters(), unused=False)).rows
        end = recent_filters().end
        pipeline = await insights.pipeline(reader, dataclasses.replace(recent_filters(), since=end - RECENT))
    async with visit(dsn) as visitor:
        await visitor.go(f"/?{PERIOD}")
        page = visitor.page
        shown = [" ".join((await tile.inner_text()).split()) for tile in await page.locator(".tiles li").all()]
        expected = [
            " ".join(f"{tile.label} {tile.value} {tile.change}".split())
            for tile in tiles(now, before, (), last_stored(pipeline))
        ]
        assert shown == expected
        table = page.locator("#command-table")
        cells = table.locator("tbody tr td:nth-child(3)")
        await cells.first.wait_for()
        assert await cells.all_inner_texts() == [f"{row.calls:,}" for row in commands]
        for label, key, place in (
            ("users", lambda row: -row.users, 5),
            ("command", lambda row: row.command.casefold(), 1),
            ("last used", lambda row: -row.last.timestamp(), 15),
        ):
            await table.locator("th button", has_text=re.compile(f"^{label}$")).click()
            shown = await table.locator(f"tbody td:nth-child({place})").all_inner_texts()
            column = insights.commands.columns[place - 1]
            values = [cell(getattr(row, column.name), column.unit) for row in sorted(commands, key=key)]
            assert shown == values, label
        assert await table.locator("th[aria-sort=descending]").inner_text() == "last used"


async def test_filters_are_reached_and_removed_with_the_keyboard(dsn: str) -> None:
    async with visit(dsn) as visitor:
        await visitor.go(f"/?{PERIOD}")
        page = visitor.page
        await page.keyboard.press("Tab")
        assert await page.evaluate("document.activeElement.textContent") == "To the numbers"
        await page.locator("#filter summary").focus()
        await page.keyboard.press("Enter")
        await page.locator("#command-choices option[value=leaderboard]").wait_for(state="attached")
        assert await page.evaluate("document.activeElement.name") == "command"
        await page.keyboard.type("queue")
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
        table = visitor.page.locator("#command-table")
        await table.get_by_text("and 9,800 more").wait_for()
        await table.get_by_role("searchbox").fill('it\'s "7777"')
        await table.get_by_text("more, which are").wait_for(state="detached")
        link = table.locator("tbody a").first
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


@pytest.mark.parametrize("width", [390, 1000, 1280])
async def test_menus_open_within_the_window_and_can_be_read(width: int, dsn: str) -> None:
    async with visit(dsn, width=width, scheme="dark") as visitor:
        await visitor.go(f"/?{PERIOD}&kind=slash")
        page = visitor.page
        for menu in await page.locator("details.menu").all():
            await menu.locator("summary").click()
            box = await menu.locator("form").bounding_box()
            assert box is not None
            assert box["x"] >= 0
            assert box["x"] + box["width"] <= width
            found = await axe.Axe().run(page, options={"runOnly": ["wcag2a", "wcag2aa"]})
            assert found.violations_count == 0, found.generate_report()
            await page.keyboard.press("Escape")
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")


async def test_a_period_of_ones_own_is_chosen_with_the_keyboard_on_the_clock_of_the_zone(dsn: str) -> None:
    async with visit(dsn) as visitor:
        await visitor.go("/?zone=Europe/Berlin&command=queue")
        page = visitor.page
        await page.locator("nav .menu summary").press("Enter")
        await page.get_by_label("from").fill("2026-11-06T19:00")
        await page.get_by_label("until").fill("2026-11-20T19:00")
        await page.get_by_role("button", name="Show").press("Enter")
        await page.locator("nav .menu[data-current] summary", has_text="06 Nov to 20 Nov 2026").wait_for()
        assert "command=queue" in page.url
        async with insights.connect(dsn) as reader:
            (now,) = (await insights.totals(reader, recent_filters(commands=("queue",)))).rows
        await page.locator("#summary[data-state=drawn]").wait_for()
        assert f"{now.calls:,}" in await page.locator(".tiles li").first.inner_text()
        await page.locator("nav .menu summary").press("Enter")
        await page.keyboard.press("Escape")  # closes the menu, and does not remove the filter
        assert not await page.get_by_label("from").is_visible()
        assert "command=queue" in page.url


async def test_what_is_found_stays_found_when_new_calls_come(tmp_path: Path) -> None:
    dsn = f"sqlite:///{tmp_path / 'calls.db'}"
    now = int(datetime.now(timezone.utc).timestamp() * 1e6)
    rows = sample(31, seed=1)
    for number, row in enumerate(rows):
        row.kind, row.outcome, row.called_at = "slash", "ok", now - number * 1000
        row.command = f"command{number % 30:02}"
    write_rows(dsn, rows[:-1])
    async with visit(dsn) as visitor:
        await visitor.go("/")
        table = visitor.page.locator("#command-table")
        await table.get_by_role("searchbox").fill("COMMAND0")
        shown = table.locator("tbody tr:visible")
        await table.locator("tbody tr:visible", has_text="command11").wait_for(state="detached")
        assert await shown.count() == 10
        await table.locator("th button", has_text=re.compile("^command$")).click()
        assert await shown.first.locator("td").first.inner_text() == "command00"
        await asyncio.to_thread(write_rows, dsn, rows[-1:])
        await table.locator("tr", has_text="command00").locator("td", has_text=re.compile("^2$")).first.wait_for()
        assert await shown.count() == 10
        assert await table.get_by_role("searchbox").input_value() == "COMMAND0"
        assert await table.locator("th[aria-sort=ascending]").inner_text() == "command"


async def test_the_releases_that_are_compared_are_in_the_address(dsn: str) -> None:
    async with visit(dsn) as visitor:
        await visitor.go("/?since=2026-10-01&until=2026-11-20T18:00Z")
        page = visitor.page
        pair = page.locator("#comparison select")
        await page.locator("#comparison").scroll_into_view_if_needed()
        await pair.first.wait_for()
        names = await pair.first.locator("option").all_inner_texts()
        assert [await each.input_value() for each in await pair.all()] == [names[-1], names[-2]]
        await pair.first.select_option(names[-2])
        await page.wait_for_url(f"**after={names[-2]}*#comparison")
        await pair.first.wait_for()
        assert await pair.first.input_value() == names[-2]
        assert visitor.said == []


async def test_a_command_in_a_table_leads_to_a_page_about_it(dsn: str) -> None:
    trace_link = "https://traces.example/{trace_id}"
    async with visit(dsn, trace_link=trace_link) as visitor:
        await visitor.go("/?since=2026-10-10&until=2026-11-20T18:00Z")
        page = visitor.page
        await page.locator("#command-table").get_by_role("link", name="leaderboard").click()
        await page.locator("h1", has_text="leaderboard").wait_for()
        await visitor.draw_all()
        assert (await page.locator("#duration-histogram h3").inner_text()).startswith("Half of ")
        assert (await page.locator("#checkpoints h3").inner_text()).startswith("The longest step is rows_fetched")
        failed = page.locator("#failed tbody tr")
        assert await failed.count() > 0
        assert not [text for text in await failed.all_inner_texts() if "\tok\t" in text]
        link = await failed.first.locator("td:last-child a").get_attribute("href")
        async with insights.connect(dsn) as reader:
            filters = Filters(since=datetime(2026, 10, 10, tzinfo=timezone.utc), until=recent_filters().until)
            filters = dataclasses.replace(filters, commands=("leaderboard",))
            (newest,) = (await insights.recent(reader, filters, count=1, only_failed=True)).rows
        assert link == trace_link.replace("{trace_id}", newest.trace_id or "")
        found = await axe.Axe().run(page, options={"runOnly": ["wcag2a", "wcag2aa"]})
        assert found.violations_count == 0, found.generate_report()
        assert visitor.said == []


async def test_a_tile_leads_to_its_section_and_a_chart_is_downloaded_as_a_picture(dsn: str) -> None:
    async with visit(dsn) as visitor:
        await visitor.go(f"/?{PERIOD}")
        page = visitor.page
        await page.locator(".tiles a", has_text="errors").click()
        assert page.url.endswith("#fails")
        await page.locator("#errors[data-state=drawn]").wait_for()
        async with page.expect_download() as downloading:
            await page.locator("#errors").get_by_text("PNG").click()
        download = await downloading.value
        assert download.suggested_filename == "errors.png"
        content = await asyncio.to_thread((await download.path()).read_bytes)
        assert content.startswith(b"\x89PNG")
        assert visitor.said == []


async def test_the_latest_calls_can_be_held_and_limited_to_those_that_failed(tmp_path: Path) -> None:
    dsn = f"sqlite:///{tmp_path / 'calls.db'}"
    now = int(datetime.now(timezone.utc).timestamp() * 1e6)
    rows = sample(3, seed=1)
    for number, row in enumerate(rows):
        row.kind, row.called_at, row.outcome = "slash", now + number, ("ok", "error", "ok")[number]
    write_rows(dsn, rows[:2])
    async with visit(dsn) as visitor:
        await visitor.go("/")
        page = visitor.page
        latest = page.locator("#latest tbody tr")
        await latest.nth(1).wait_for()
        await page.get_by_role("button", name="Pause").click()
        async with page.expect_response("**/summary*"):  # what comes next is shown everywhere else
            await asyncio.to_thread(write_rows, dsn, rows[2:])
        assert await latest.count() == 2
        await page.get_by_role("button", name="Go on").click()
        await latest.nth(2).wait_for()
        await page.get_by_role("link", name="not ok").click()
        await latest.first.wait_for()
        assert await latest.count() == 1
        assert "error" in await latest.first.inner_text()


async def test_the_last_numbers_stay_while_the_store_is_away(tmp_path: Path) -> None:
    path = tmp_path / "calls.db"
    dsn = store_history(path, days=2)
    async with visit(dsn) as visitor:
        await visitor.go("/?since=2026-11-01&until=2026-11-20T18:00Z")
        page = visitor.page
        await page.locator("#live", has_text=re.compile("^live$")).wait_for()
        await page.locator("#calls[data-state=drawn]").wait_for()
        sentence = await page.locator("#calls h3").inner_text()
        with contextlib.closing(sqlite3.connect(path)) as connection:
            connection.execute("ALTER TABLE command_calls RENAME TO elsewhere")
        await page.locator("#live.off", has_text="not live").wait_for()
        assert re.match(r"as of \d\d:\d\d: .*slashspan migrate", await page.locator("#state").inner_text())
        assert await page.locator("#calls h3").inner_text() == sentence
        assert await page.locator("#calls .plot svg").count() == 1
        with contextlib.closing(sqlite3.connect(path)) as connection:
            connection.execute("ALTER TABLE elsewhere RENAME TO command_calls")
        await page.locator("#live:not(.off)").wait_for()
        assert await page.locator("#state").inner_text() == ""


async def test_a_server_that_is_gone_is_a_grey_dot_and_the_page_goes_on_when_it_is_back(tmp_path: Path) -> None:
    dsn = store_history(tmp_path / "calls.db", days=2)
    async with visit(dsn) as visitor:
        await visitor.go("/?since=2026-11-01&until=2026-11-20T18:00Z")
        page = visitor.page
        live = page.locator("#live:not(.off)")
        await live.wait_for()
        await page.locator("#calls[data-state=drawn]").wait_for()
        port = visitor.port
        await visitor.close()
        await page.locator("#live.off", has_text="reconnecting").wait_for()
        assert "Is it still running?" in await page.locator("#state").inner_text()
        assert await page.locator("#calls .plot svg").count() == 1
        async with served(dsn, port=port):
            await live.wait_for()
            assert await page.locator("#state").inner_text() == ""


async def test_the_page_says_how_far_the_sums_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("slashspan.insights.sums.snapshot.NEW_ROWS", 10)
    dsn = store_history(tmp_path / "calls.db", days=3)
    with open_sums(dsn) as sums:
        sums.install("UTC")
    async with visit(dsn) as visitor:
        await visitor.go("/?since=2026-11-01&until=2026-11-20T18:00Z")
        notice = visitor.page.locator("#building")
        await notice.get_by_text("day 0 of 4").wait_for()
        await visitor.page.locator("#calls[data-state=drawn]").wait_for()  # usable meanwhile
        await asyncio.to_thread(_refresh, dsn)
        await notice.wait_for(state="hidden")
        assert visitor.said == []


def _refresh(dsn: str) -> None:
    with open_sums(dsn) as sums:
        sums.refresh()


async def test_a_page_about_a_user_says_how_to_export_and_erase_what_is_stored(dsn: str) -> None:
    async with visit(dsn) as visitor:
        await visitor.go("/?user=80351110224678912")
        text = await visitor.page.locator("main").inner_text()
        assert "slashspan export 80351110224678912" in text
        assert "slashspan forget 80351110224678912" in text


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
