"""An open page shows what is new."""

from __future__ import annotations

import asyncio
import re
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Final

from slashspan.insights.sums import open_sums
from tests.support.history import store_history
from tests.support.rows import sample
from tests.support.stored_rows import write_rows
from tests.support.visitors import IN_BROWSER

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from tests.support.visitors import Visit

pytestmark = IN_BROWSER
EVIL: Final = "<script>alert(1)</script>"
REFRESH_MS: Final = 15_000
"""After so long at the latest, tiles and charts have what is new."""


async def test_what_users_wrote_is_shown_as_text_and_new_calls_come_by_themselves(tmp_path: Path, visit: Visit) -> None:
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


async def test_what_is_found_stays_found_when_new_calls_come(tmp_path: Path, visit: Visit) -> None:
    dsn = f"sqlite:///{tmp_path / 'calls.db'}"
    now = int(datetime.now(timezone.utc).timestamp() * 1e6)
    rows = sample(31, seed=1)
    for number, row in enumerate(rows):
        row.kind, row.outcome, row.called_at = "slash", "ok", now - number * 1000
        row.command = f"command{number % 30:02}"
    write_rows(dsn, rows[:-1])
    async with visit(dsn, charts=False) as visitor:
        await visitor.page.clock.install()
        await visitor.go("/")
        table = visitor.page.locator("#command-table")
        await table.get_by_role("searchbox").fill("COMMAND0")
        shown = table.locator("tbody tr:visible")
        await table.locator("tbody tr:visible", has_text="command11").wait_for(state="detached")
        assert await shown.count() == 10
        await table.locator("th button", has_text=re.compile("^command$")).click()
        assert await shown.first.locator("td").first.inner_text() == "command00"
        await visitor.page.locator("#live", has_text=re.compile("^live$")).wait_for()
        await asyncio.to_thread(write_rows, dsn, rows[-1:])
        await visitor.page.clock.fast_forward(REFRESH_MS)
        await table.locator("tr", has_text="command00").locator("td", has_text=re.compile("^2$")).first.wait_for()
        assert await shown.count() == 10
        assert await table.get_by_role("searchbox").input_value() == "COMMAND0"
        assert await table.locator("th[aria-sort=ascending]").inner_text() == "command"


async def test_the_latest_calls_can_be_held_and_limited_to_those_that_failed(tmp_path: Path, visit: Visit) -> None:
    dsn = f"sqlite:///{tmp_path / 'calls.db'}"
    now = int(datetime.now(timezone.utc).timestamp() * 1e6)
    rows = sample(3, seed=1)
    for number, row in enumerate(rows):
        row.kind, row.called_at, row.outcome = "slash", now + number, ("ok", "error", "ok")[number]
    write_rows(dsn, rows[:2])
    async with visit(dsn, charts=False) as visitor:
        page = visitor.page
        await page.clock.install()
        await visitor.go("/")
        latest = page.locator("#latest tbody tr")
        await latest.nth(1).wait_for()
        await page.get_by_role("button", name="Pause").click()
        async with page.expect_response("**/summary*"):  # what comes next is shown everywhere else
            await asyncio.to_thread(write_rows, dsn, rows[2:])
            await page.clock.fast_forward(REFRESH_MS)
        assert await latest.count() == 2
        await page.get_by_role("button", name="Go on").click()
        await latest.nth(2).wait_for()
        await page.get_by_role("link", name="not ok").click()
        await latest.first.wait_for()
        assert await latest.count() == 1
        assert "error" in await latest.first.inner_text()


async def test_the_page_says_how_far_the_sums_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, visit: Visit
) -> None:
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
