"""What is on the page, and what a person can do with it."""

from __future__ import annotations

import asyncio
import dataclasses
import re
from datetime import datetime, timezone
from typing import TYPE_CHECKING

import pytest

from slashspan import insights
from slashspan.insights import Filters
from slashspan.insights.dashboard.banner import RECENT
from slashspan.insights.pages.report import chart_names
from slashspan.insights.pages.tiles import last_stored, tiles
from slashspan.insights.wording import cell
from tests.support.history import recent_filters
from tests.support.rows import sample
from tests.support.stored_rows import write_rows
from tests.support.visitors import IN_BROWSER, PERIOD

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.visitors import Visit

pytestmark = IN_BROWSER


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
async def test_every_chart_is_drawn_readable_and_within_the_window(
    width: int, scheme: str, dsn: str, visit: Visit
) -> None:
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
        await visitor.assert_accessible()
        assert visitor.said == []


async def test_the_numbers_are_those_of_the_reports(dsn: str, visit: Visit) -> None:
    async with insights.connect(dsn) as reader:
        (now,) = (await insights.totals(reader, recent_filters())).rows
        previous = recent_filters().previous()
        assert previous is not None
        (before,) = (await insights.totals(reader, previous)).rows
        commands = (await insights.commands(reader, recent_filters(), unused=False)).rows
        end = recent_filters().end
        pipeline = await insights.pipeline(reader, dataclasses.replace(recent_filters(), since=end - RECENT))
    async with visit(dsn, charts=False) as visitor:
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


async def test_a_tile_leads_to_charts_which_show_numbers_under_the_pointer_and_can_be_downloaded(
    dsn: str, visit: Visit
) -> None:
    async with visit(dsn) as visitor:
        await visitor.go(f"/?{PERIOD}")
        page = visitor.page
        await page.locator("#commands .plot svg path[aria-label*=queue]").first.hover()
        tip = page.locator("#tip")
        await tip.wait_for()
        assert "queue" in await tip.inner_text()
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


async def test_a_command_in_a_table_leads_to_a_page_about_it(dsn: str, visit: Visit) -> None:
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
        await visitor.assert_accessible()
        assert visitor.said == []


async def test_a_page_about_a_user_says_how_to_export_and_erase_what_is_stored(dsn: str, visit: Visit) -> None:
    async with visit(dsn, charts=False) as visitor:
        await visitor.go("/?user=80351110224678912")
        text = await visitor.page.locator("main").inner_text()
        assert "slashspan export 80351110224678912" in text
        assert "slashspan forget 80351110224678912" in text


async def test_thousands_of_commands_and_names_with_quotes_fit_the_page(tmp_path: Path, visit: Visit) -> None:
    dsn = f"sqlite:///{tmp_path / 'calls.db'}"
    now = int(datetime.now(timezone.utc).timestamp() * 1e6)
    rows = sample(3000, seed=1)
    for number, row in enumerate(rows):
        row.kind, row.outcome, row.called_at = "slash", "ok", now - number
        row.command = f'it\'s "{number}" ' + "x" * 60
    write_rows(dsn, rows)
    async with visit(dsn, width=390) as visitor:
        await visitor.go("/")
        await visitor.draw_all()
        assert await visitor.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        table = visitor.page.locator("#command-table")
        await table.get_by_text("and 2,800 more").wait_for()
        await table.get_by_role("searchbox").fill('it\'s "2777"')
        await table.get_by_text("more, which are").wait_for(state="detached")
        link = table.locator("tbody a").first
        name = await link.inner_text()
        await link.click()
        await visitor.page.locator(".chips a", has_text=f"command: {name}").wait_for()
        await visitor.page.locator(".tiles li", has_text="calls").filter(has_text="1").first.wait_for()
        assert visitor.said == []
