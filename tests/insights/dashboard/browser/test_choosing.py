"""A person chooses what the page is about: filters, a period, releases; and shows the token."""

from __future__ import annotations

from typing import TYPE_CHECKING

from slashspan import insights
from tests.support.history import recent_filters
from tests.support.visitors import IN_BROWSER, PERIOD

if TYPE_CHECKING:
    from tests.support.visitors import Visit

pytestmark = IN_BROWSER


async def test_filters_are_reached_and_removed_with_the_keyboard(dsn: str, visit: Visit) -> None:
    async with visit(dsn, charts=False) as visitor:
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
        await page.locator("#summary[data-state=drawn]").wait_for()  # the script listens to keys
        await page.evaluate("document.activeElement.blur()")
        await page.keyboard.press("Escape")
        await page.locator(".chips").wait_for(state="detached")
        assert "command=" not in page.url


async def test_menus_open_within_the_window_and_can_be_read(dsn: str, visit: Visit) -> None:
    async with visit(dsn, scheme="dark", charts=False) as visitor:
        await visitor.go(f"/?{PERIOD}&kind=slash")
        page = visitor.page
        for width in (390, 1000, 1280):
            await page.set_viewport_size({"width": width, "height": 900})
            for menu in await page.locator("details.menu").all():
                await menu.locator("summary").click()
                box = await menu.locator("form").bounding_box()
                assert box is not None
                assert box["x"] >= 0
                assert box["x"] + box["width"] <= width
                if width == 390:
                    await visitor.assert_accessible("details.menu[open]")
                await page.keyboard.press("Escape")
            assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")


async def test_a_period_of_ones_own_is_chosen_with_the_keyboard_on_the_clock_of_the_zone(
    dsn: str, visit: Visit
) -> None:
    async with visit(dsn, charts=False) as visitor:
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


async def test_the_releases_that_are_compared_are_in_the_address(dsn: str, visit: Visit) -> None:
    async with visit(dsn, charts=False) as visitor:
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


async def test_the_token_is_asked_for_and_remembered(dsn: str, visit: Visit) -> None:
    async with visit(dsn, token="a-token-of-many-letters", charts=False) as visitor:
        page = visitor.page
        await page.goto(visitor.address + "/")
        await page.locator("input[name=token]").fill("wrong")
        await page.keyboard.press("Enter")
        await page.get_by_text("That is not the token").wait_for()
        await page.locator("input[name=token]").fill("a-token-of-many-letters")
        await page.keyboard.press("Enter")
        await page.locator("#summary[data-state=drawn]").wait_for()
        assert "slashspan_token" not in await page.evaluate("document.cookie")
