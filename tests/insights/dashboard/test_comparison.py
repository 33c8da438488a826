"""Two releases side by side: which ones, and what is said about them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from slashspan import insights
from slashspan.insights import Filters
from slashspan.insights.dashboard.comparison import chosen
from tests.support.dashboards import served
from tests.support.rows import sample
from tests.support.stored_rows import write_rows

if TYPE_CHECKING:
    from pathlib import Path

RELEASES = {"1.0": (200, 2, 10.0), "<1.1>": (200, 60, 10.0), "1.2": (200, 55, 90.0), "1.3": (3, 0, 5.0)}
"""Calls, errors and the duration of each call; each release after the one before."""


@pytest.fixture(scope="module")
def dsn(tmp_path_factory: pytest.TempPathFactory) -> str:
    dsn = f"sqlite:///{tmp_path_factory.mktemp('releases') / 'calls.db'}"
    rows = sample(sum(calls for calls, _, _ in RELEASES.values()), seed=1)
    left = iter(enumerate(rows))
    for release, (calls, errors, duration) in RELEASES.items():
        for number in range(calls):
            place, row = next(left)
            row.kind, row.command, row.service_version, row.discord_uid = "slash", "play", release, number % 50 + 1
            row.outcome, row.duration_ms = "error" if number < errors else "ok", duration
            row.called_at = 1_700_000_000_000_000 + place * 60_000_000
    write_rows(dsn, rows)
    return dsn


async def shown(dsn: str, query: str) -> tuple[dict[str, list[str]], str]:
    """The cells by the label of their line, and the HTML."""
    async with served(dsn) as client:
        text = await (await client.get(f"/comparison?since=all&{query}")).text()
    lines = re.findall(r'<tr><th scope="row">([^<]*)</th>(.*?)</tr>', text)
    return {label: re.findall(r"<td[^>]*>([^<]*)</td>", cells) for label, cells in lines}, text


async def test_the_last_two_are_compared_and_it_is_said_what_is_clear(dsn: str) -> None:
    lines, _ = await shown(dsn, "before=1.0&after=<1.1>")
    assert lines["calls"] == ["200", "200", ""]
    assert lines["users"] == ["50", "50", ""]
    assert lines["error rate"] == ["1.0 % (0.3 % to 3.6 %)", "30.0 % (24.1 % to 36.7 %)", "▲ clearly worse"]
    assert lines["95 % take at most"][-1] == "not clear"
    lines, text = await shown(dsn, "before=<1.1>&after=1.2")
    assert lines["error rate"][-1] == "not clear"
    assert lines["95 % take at most"][-1] == "▲ clearly worse"
    assert '<th scope="col" class="number">&lt;1.1&gt;</th>' in text
    lines, _ = await shown(dsn, "before=1.2&after=1.0")
    assert lines["error rate"][-1] == "▼ clearly better"
    lines, text = await shown(dsn, "")
    assert lines["calls"] == ["200", "3", ""]
    assert lines["95 % take at most"] == ["90.0 ms (88.2 ms to 90.0 ms)", "5.0 ms", "not clear"]
    assert re.findall(r"<option selected>([^<]*)</option>", text) == ["1.3", "1.2"]


async def test_one_release_or_none_is_nothing_to_compare(dsn: str, tmp_path: Path) -> None:
    lines, text = await shown(dsn, "release=1.2")
    assert lines == {}
    assert "Only 1.2 was used in this period with these filters" in text
    assert 'href="/?release=1.2&amp;since=90d#comparison"' in text
    empty = f"sqlite:///{tmp_path / 'calls.db'}"
    write_rows(empty, [])
    assert "No release is known" in (await shown(empty, ""))[1]


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("", "", ("1.2", "1.3")),
        ("1.0", "", ("1.0", "1.3")),
        ("", "<1.1>", ("1.0", "<1.1>")),
        ("", "1.0", ("<1.1>", "1.0")),
        ("gone", "gone", ("1.2", "1.3")),
        ("1.3", "1.0", ("1.3", "1.0")),
        ("1.3", "1.3", ("1.2", "1.3")),
        ("1.0", "1.0", ("<1.1>", "1.0")),
    ],
)
def test_what_is_not_there_is_replaced(before: str, after: str, expected: tuple[str | None, str], dsn: str) -> None:
    with insights.open_reader(dsn) as reader:
        rows = reader.run(insights.releases, Filters()).rows
    assert tuple(row and row.release for row in chosen(rows, before, after)) == expected
