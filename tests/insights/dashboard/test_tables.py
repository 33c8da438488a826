"""Tables whose rows are too many for the page are searched and sorted by the server."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from slashspan.insights.dashboard.tables import ROWS
from tests.support.dashboards import served
from tests.support.rows import sample
from tests.support.stored_rows import write_rows

if TYPE_CHECKING:
    from pathlib import Path

MANY = ROWS + 50


@pytest.fixture(scope="module")
def dsn(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Commands from c000 on, each slower than the one before, the first without a duration."""
    dsn = f"sqlite:///{tmp_path_factory.mktemp('tables') / 'calls.db'}"
    rows = sample(MANY, seed=1)
    for number, row in enumerate(rows):
        row.kind, row.outcome, row.command = "slash", "ok", f"c{number:03}"
        row.duration_ms = float(number) or None
    write_rows(dsn, rows)
    return dsn


async def names(dsn: str, query: str) -> tuple[list[str], str]:
    async with served(dsn) as client:
        text = await (await client.get(f"/tables/commands?since=all&{query}")).text()
    return re.findall(r"<td><a [^>]*>(c\d+)</a>", text), text


async def test_the_slowest_of_all_are_shown_and_not_those_of_the_first_rows(dsn: str) -> None:
    found, text = await names(dsn, "sort=p95_ms&down=true")
    assert found == [f"c{number:03}" for number in range(MANY - 1, MANY - 1 - ROWS, -1)]
    assert 'data-left-out="50"' in text


@pytest.mark.parametrize("down", ["true", "false"])
async def test_what_is_not_known_comes_last(down: str, dsn: str) -> None:
    found, _ = await names(dsn, f"sort=p95_ms&down={down}&find=c00")
    known = [f"c{number:03}" for number in range(1, 10)]
    assert found == [*(reversed(known) if down == "true" else known), "c000"]


async def test_a_name_is_found_wherever_it_is(dsn: str) -> None:
    found, text = await names(dsn, "find=%20C249%20")
    assert found == ["c249"]
    assert "left-out" not in text
    assert 'type="search"' in text


async def test_a_column_that_does_not_exist_changes_nothing(dsn: str) -> None:
    assert (await names(dsn, "sort=__class__"))[0] == (await names(dsn, ""))[0]


async def test_commands_without_a_call_in_the_period_are_apart_and_say_when_they_were_last_used(tmp_path: Path) -> None:
    dsn = f"sqlite:///{tmp_path / 'calls.db'}"
    rows = sample(3, seed=1)
    for row, name in zip(rows, ("old", "new", "<b>older</b>"), strict=True):
        row.kind, row.outcome, row.command = "slash", "ok", name
        row.called_at = (1_700_000_000 + (name == "new") * 86_400 * 30) * 1_000_000
    write_rows(dsn, rows)
    async with served(dsn) as client:
        text = await (await client.get("/tables/commands?since=2023-12-01&until=2024-01-01")).text()
        every = await (await client.get("/tables/commands?since=all")).text()
    used, unused = text.split("<details")
    assert ">new</a>" in used
    assert ">old</a>" not in used
    assert "2 commands without a call in this period" in unused
    assert 'href="/?command=old&amp;since=all"' in unused
    assert "last used 2023-11-14" in unused
    assert "&lt;b&gt;older&lt;/b&gt;" in unused
    assert "<details" not in every
