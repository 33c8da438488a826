"""The page about a table in ClickHouse."""

from __future__ import annotations

import asyncio
import copy
import itertools
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest

from slashspan.exporters.admin.migrate import run_migration
from slashspan.insights.filters import ALL_KINDS
from slashspan.insights.sums import open_sums
from tests.support.clickhouse_rows import insert_rows
from tests.support.dashboards import served
from tests.support.rows import sample

if TYPE_CHECKING:
    from slashspan.exporters.rows.command_call import CommandCall
    from tests.support.clickhouse_server import ClickhouseServer

_numbers = itertools.count()


def call(minutes_ago: float, **changes: Any) -> CommandCall:
    row = copy.copy(sample(1, seed=1)[0])
    usual = {"kind": "slash", "command": "play", "outcome": "ok", "error_type": None, "ack_ms": 5.0, "duration_ms": 9.0}
    for name, value in {**usual, **changes}.items():
        setattr(row, name, value)
    row.called_at = int((datetime.now(timezone.utc) - timedelta(minutes=minutes_ago)).timestamp() * 1e6)
    row.span_id = next(_numbers)
    return row


@pytest.fixture
def database(clickhouse_server: ClickhouseServer) -> str:
    name = f"page_{next(_numbers)}"
    run_migration(clickhouse_server.dsn(name), "command_calls")
    usual = [call(60 * hour + 61, outcome="error" if hour < 2 else "ok") for hour in range(160)]
    failed = {"outcome": "error", "error_type": "asyncio.exceptions.TimeoutError"}
    rows = [*usual, *(call(0, **failed) for _ in range(9)), call(0)]
    insert_rows(clickhouse_server, name, rows)
    insert_rows(clickhouse_server, name, rows[::3])
    return name


@pytest.mark.parametrize("summed", [False, True])
async def test_banner_tiles_and_charts(summed: bool, database: str, clickhouse_server: ClickhouseServer) -> None:
    dsn = clickhouse_server.dsn(database)
    if summed:
        with open_sums(dsn) as sums:
            sums.install("UTC")
            sums.refresh()
    async with served(dsn) as client:
        assert (await client.get("/?since=8d")).status == 200
        text = await (await client.get("/summary?since=8d")).text()
        assert "90.0 % of /play failed in the last hour" in text
        assert "TimeoutError" in text
        assert "170" in text
        answers = [await client.get(f"/charts/{name}?since=8d") for name in ("calls", "retention", "checkpoints")]
        assert [answer.status for answer in answers] == [200] * 3
        assert (await client.get("/?since=8d&command=play")).status == 200
        table = await (await client.get("/tables/totals.csv?since=8d&command=play")).text()
        assert table.splitlines()[1].startswith("170,")


async def test_new_calls_are_sent_to_the_pages_that_are_open(
    database: str, clickhouse_server: ClickhouseServer
) -> None:
    new = call(0, command="brand <new>")
    async with served(clickhouse_server.dsn(database)) as client:
        async with client.get("/live?since=all&kind=" + "&kind=".join(ALL_KINDS[:-1])) as answer:
            assert b"brand" not in await answer.content.readuntil(b"\n\n")
            await asyncio.to_thread(insert_rows, clickhouse_server, database, [new])
            while b"brand" not in (event := await answer.content.readuntil(b"\n\n")):
                pass
    assert b"brand &lt;new&gt;" in event


async def test_a_server_that_is_away_is_an_error_of_the_card(clickhouse_server: ClickhouseServer) -> None:
    async with served(clickhouse_server.dsn("nowhere_at_all")) as client:
        answer = await client.get("/charts/calls?since=all")
        assert answer.status == 503
        assert "slashspan migrate" in (await answer.json())["error"]
