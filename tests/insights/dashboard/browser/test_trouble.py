"""What the page shows while its server or its store does not answer."""

from __future__ import annotations

import asyncio
import contextlib
import re
import sqlite3
from typing import TYPE_CHECKING, Any

from tests.support.dashboards import served
from tests.support.history import store_history
from tests.support.visitors import IN_BROWSER

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.visitors import Visit

pytestmark = IN_BROWSER
NOTHING_STALE = "#state:empty"


async def test_a_failing_card_can_be_tried_again(tmp_path: Path, visit: Visit) -> None:
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


async def test_the_last_numbers_stay_while_the_store_is_away(tmp_path: Path, visit: Visit) -> None:
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
        await page.locator(NOTHING_STALE).wait_for(state="attached")


async def test_a_server_that_is_gone_is_a_grey_dot_and_the_page_goes_on_when_it_is_back(
    tmp_path: Path, visit: Visit
) -> None:
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
            await page.locator(NOTHING_STALE).wait_for(state="attached")


async def test_an_answer_that_was_on_its_way_does_not_hide_that_the_server_is_gone(
    tmp_path: Path, visit: Visit
) -> None:
    async with visit(store_history(tmp_path / "calls.db", days=2), charts=False) as visitor:
        page, gone = visitor.page, asyncio.Event()

        async def answer_late(route: Any) -> None:
            answer = await route.fetch()
            await gone.wait()
            await route.fulfill(response=answer)

        await page.route("**/summary*", answer_late)
        await page.goto(visitor.address)
        await page.locator("#live:not(.off)").wait_for()
        await visitor.close()
        await page.locator("#state", has_text="Is it still running?").wait_for()
        gone.set()
        await page.locator("#summary[data-state=drawn]").wait_for()
        assert "Is it still running?" in await page.locator("#state").inner_text()


async def test_a_card_with_old_numbers_says_so_until_it_has_new_ones(tmp_path: Path, visit: Visit) -> None:
    async with visit(store_history(tmp_path / "calls.db", days=2), charts=False) as visitor:
        page = visitor.page

        async def fail(route: Any) -> None:
            await route.fulfill(status=503, json={"error": "the database is away"})

        await visitor.go("/?since=2026-11-01&until=2026-11-20T18:00Z")
        await page.locator("#calls[data-state=drawn]").wait_for()
        await page.route("**/charts/calls*", fail)
        await page.evaluate("import('/static/cards.js').then((cards) => cards.refreshAll())")
        stale = page.locator("#state", has_text="the database is away")
        await stale.wait_for()
        await page.evaluate("import('/static/cards.js').then((cards) => cards.loadSummary())")
        assert await stale.count() == 1
        await page.unroute("**/charts/calls*", fail)
        await page.evaluate("import('/static/cards.js').then((cards) => cards.refreshAll())")
        await page.locator(NOTHING_STALE).wait_for(state="attached")
