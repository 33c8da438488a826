"""The page's server: its numbers are those of the reports, its errors leave the rest of the page alone."""

from __future__ import annotations

import asyncio
import contextlib
import csv
import io
import re
import sqlite3
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

import pytest

from slashspan import insights
from slashspan.insights import Filters
from slashspan.insights.charts import CHARTS
from slashspan.insights.filters import ALL_KINDS
from slashspan.insights.pages.sections import sections_of
from slashspan.insights.sums import open_sums
from tests.support.dashboards import served
from tests.support.history import NOW, recent_filters, store_history
from tests.support.rows import sample
from tests.support.stored_rows import write_rows
from tests.support.sums import calls

if TYPE_CHECKING:
    from pathlib import Path

PERIOD = f"since={NOW - timedelta(days=14):%Y-%m-%dT%H:%M}Z&until={NOW:%Y-%m-%dT%H:%M}Z&zone=Europe/Berlin"


@pytest.fixture(scope="module")
def dsn(tmp_path_factory: pytest.TempPathFactory) -> str:
    return store_history(tmp_path_factory.mktemp("history") / "calls.db")


async def test_the_page_has_a_card_for_each_chart_and_is_its_address(dsn: str) -> None:
    async with served(dsn, title="My <bot>") as client:
        answer = await client.get("/?since=30d&command=queue&guild=5&zone=Asia/Tokyo")
        text = await answer.text()
        assert answer.status == 200
        for query, filters in (("", Filters()), ("?command=queue", Filters(commands=("queue",)))):
            page = await (await client.get(f"/{query}")).text()
            names = [name for _, _, some in sections_of(filters) for name in some]
            assert re.findall('data-chart="([^"]*)"', page) == names
            assert len(set(re.findall('id="([^"]*)"', page))) == page.count(' id="')
    assert "My &lt;bot&gt;" in text
    assert "command: queue ×" in text
    assert 'href="/?since=30d&amp;zone=Asia%2FTokyo&amp;guild=5"' in text  # without the command
    assert 'href="/?zone=Asia%2FTokyo&amp;command=queue&amp;guild=5&amp;since=90d"' in text


@pytest.mark.parametrize("name", CHARTS)
async def test_charts_and_tables_have_the_rows_of_the_report(name: str, dsn: str) -> None:
    commands = ("queue", "leaderboard") if name == "funnel" else ()
    async with insights.connect(dsn) as reader:
        result, drawing = await CHARTS[name].read(reader, recent_filters(commands=commands))
    more = "".join(f"&command={command}" for command in commands)
    async with served(dsn) as client:
        chart = await (await client.get(f"/charts/{name}?{PERIOD}{more}")).json()
        answer = await client.get(f"/tables/{name}.csv?{PERIOD}{more}")
        rows = list(csv.reader(io.StringIO(await answer.text())))
    assert chart["sentence"] == drawing.sentence
    assert (chart["spec"] or {}).get("height", drawing.height) == drawing.height
    unused = [row for row in result.rows if name == "commands" and not row.calls]
    assert chart["table"].count("<tr>") == len(result.rows) - len(unused) + 1
    assert chart["table"].count("<li>") == len(unused)
    assert rows[0] == [column.name for column in result.columns]
    assert len(rows) == len(result.rows) + 1
    assert answer.content_disposition is not None
    assert answer.content_disposition.filename == f"{name}.csv"


async def test_the_summary_has_the_totals(dsn: str) -> None:
    async with insights.connect(dsn) as reader:
        (row,) = (await insights.totals(reader, recent_filters())).rows
    async with served(dsn) as client:
        text = await (await client.get(f"/summary?{PERIOD}")).text()
    assert f"{row.calls:,}" in text
    assert f"{row.users:,}" in text
    assert "▲" in text or "▼" in text
    assert "No calls" not in text


async def test_a_user_is_found_by_id_under_the_ids_that_are_stored(tmp_path: Path) -> None:
    dsn = f"sqlite:///{tmp_path / 'calls.db'}"
    rows = sample(4, seed=1)
    for number, row in enumerate(rows):
        row.discord_uid, row.kind = (1234, 99, 5, 6)[number], "slash"
    write_rows(dsn, rows)
    async with served(dsn, stored_ids=lambda user: (user, user + 94)) as client:
        text = await (await client.get("/tables/totals.csv?since=all&user=5")).text()
        page = await (await client.get("/?user=5")).text()
    assert text.splitlines()[1].startswith("2,2,")
    assert "user: 5 ×" in page


async def test_an_empty_period_names_the_last_call_and_an_empty_table_says_how_to_fill_it(
    dsn: str, tmp_path: Path
) -> None:
    async with served(dsn) as client:
        text = await (await client.get("/summary?since=2027-01-01")).text()
    assert "No calls in this period" in text
    assert f"The last one was on {NOW:%Y-%m-%d}" in text
    assert f'href="/?since={NOW:%Y-%m-%d}"' in text
    empty = f"sqlite:///{tmp_path / 'empty.db'}"
    write_rows(empty, [])
    async with served(empty) as client:
        assert "slashspan demo --history 90d" in await (await client.get("/summary")).text()


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("since=yesterday-ish", "'yesterday-ish' is no time"),
        ("zone=Europe/Berln", "Did you mean Europe/Berlin"),
        ("kind=slsh", "kind='slsh': must be one of: slash"),
        ("guild=me", "guild='me': must be an id"),
        ("guild=99999999999999999999", "must be an id"),
        ("calls=some", "calls='some': must be failed"),
    ],
)
async def test_a_wrong_part_of_the_address_is_named(query: str, expected: str, dsn: str) -> None:
    async with served(dsn) as client:
        answer = await client.get(f"/charts/calls?{query}")
        assert answer.status == 400
        assert expected in (await answer.json())["error"]
        page = await client.get(f"/?{query}")
        assert (page.status, page.content_type) == (400, "text/plain")
        assert expected in await page.text()


async def test_what_does_not_exist_is_not_found(dsn: str) -> None:
    async with served(dsn) as client:
        for path in (
            "/charts/cals",
            "/tables/x.csv",
            "/tables/x",
            "/pictures/x.png",
            "/static/app.py",
            "/static/..%2fapp.py",
            "/x",
        ):
            assert (await client.get(path)).status == 404, path


async def test_a_store_that_is_gone_is_an_error_of_the_card_and_over_when_it_is_back(tmp_path: Path) -> None:
    path = tmp_path / "calls.db"
    dsn = f"sqlite:///{path}"
    write_rows(dsn, sample(3, seed=1))
    async with served(dsn) as client:
        with contextlib.closing(sqlite3.connect(path)) as connection:
            connection.execute("ALTER TABLE command_calls RENAME TO elsewhere")
        answer = await client.get("/charts/calls?since=all")
        assert answer.status == 503
        assert "slashspan migrate" in (await answer.json())["error"]
        assert (await client.get("/")).status == 200
        with contextlib.closing(sqlite3.connect(path)) as connection:
            connection.execute("ALTER TABLE elsewhere RENAME TO command_calls")
        assert (await client.get("/charts/calls?since=all")).status == 200


async def test_new_calls_are_sent_to_the_pages_that_are_open(tmp_path: Path) -> None:
    dsn = f"sqlite:///{tmp_path / 'calls.db'}"
    write_rows(dsn, sample(2, seed=1))
    new = sample(3, seed=2)[-1]
    new.called_at = 2_000_000_000_000_000
    new.command, new.player_name = "brand <new>", "<script>alert(1)</script>"
    async with served(dsn, trace_link="https://traces.example/{trace_id}") as client:
        async with client.get("/live?since=all&kind=" + "&kind=".join(ALL_KINDS[:-1])) as answer:
            first = await answer.content.readuntil(b"\n\n")
            assert first.startswith(b"event: calls\n")
            assert b"brand" not in first
            await asyncio.to_thread(write_rows, dsn, [new])
            while b"brand" not in (event := await answer.content.readuntil(b"\n\n")):
                pass
    assert b"brand &lt;new&gt;" in event
    assert b"<script" not in event
    assert f"https://traces.example/{new.trace_id}".encode() in event


async def test_only_calls_that_failed_are_sent_to_whoever_wants_those(tmp_path: Path) -> None:
    dsn = f"sqlite:///{tmp_path / 'calls.db'}"
    rows = sample(4, seed=1)
    for number, outcome in enumerate(("ok", "error", "", "rejected")):
        rows[number].kind, rows[number].outcome, rows[number].command = "slash", outcome, f"command{number}"
    write_rows(dsn, rows)
    async with served(dsn) as client, client.get("/live?since=all&calls=failed") as answer:
        event = await answer.content.readuntil(b"\n\n")
    assert [number for number in range(4) if f"command{number}".encode() in event] == [1, 3]


def refresh(dsn: str) -> None:
    with open_sums(dsn) as sums:
        sums.refresh()


async def test_a_page_hears_how_far_sums_are_that_are_being_built(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("slashspan.insights.sums.snapshot.NEW_ROWS", 10)
    dsn = f"sqlite:///{tmp_path / 'calls.db'}"
    write_rows(dsn, calls(400, 1))
    with open_sums(dsn) as sums:
        sums.install("UTC")
    async with served(dsn) as client, client.get("/live") as answer:
        while not (event := await answer.content.readuntil(b"\n\n")).startswith(b"event: building"):
            pass
        assert b"data: Summing up 60 days once: day 0 of 60." in event
        await asyncio.to_thread(refresh, dsn)
        while not (event := await answer.content.readuntil(b"\n\n")).startswith(b"event: building"):
            pass
        assert event == b"event: building\ndata: \n\n"


async def test_filters_can_be_chosen_from_what_there_is_in_the_period(tmp_path: Path) -> None:
    dsn = f"sqlite:///{tmp_path / 'calls.db'}"
    rows = sample(3, seed=1)
    for number, row in enumerate(rows):
        row.kind, row.command, row.service_name = "component", f"<{number}>", ("a", "a", None)[number]
        row.application_id, row.environment, row.service_version = 7, ("", "production", "staging")[number], "1.0"
    rows[2].called_at -= 400 * 86_400_000_000
    write_rows(dsn, rows)
    edge = datetime.fromtimestamp(rows[2].called_at / 1e6 + 3600, timezone.utc)
    async with served(dsn) as client:
        every = await (await client.get("/choices?since=all&command=nobody")).json()
        some = await (await client.get(f"/choices?since={edge:%Y-%m-%dT%H:%M}Z")).json()
    assert every == {
        "command": ["<0>", "<1>", "<2>"],
        "bot": ["7", "a"],
        "environment": ["production", "staging"],
        "release": ["1.0"],
    }
    assert some["command"] == ["<0>", "<1>"]
    assert some["bot"] == ["a"]


async def test_an_open_page_does_not_hold_up_the_end(dsn: str) -> None:
    async with served(dsn) as client:
        answer = await client.get("/live")
        await answer.content.readuntil(b"\n\n")
        await asyncio.wait_for(client.server.close(), 60)


async def test_the_script_of_the_charts_is_made_by_vl_convert(
    dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("platformdirs.user_cache_dir", lambda *_, **__: str(tmp_path))
    for _ in range(2):  # made, then kept
        async with served(dsn) as client:
            script = await (await client.get("/static/vega.js")).text()
            assert "window.vegaEmbed" in script
            assert len(list(tmp_path.glob("vega-*.js"))) == 1
