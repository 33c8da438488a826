"""What real bots record as rows in PostgreSQL and, through the collectors, as spans in ClickHouse is the same."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from slashspan.semconv import Kind, Outcome
from tests.support import clickhouse
from tests.support.actions.cases import GUILD
from tests.support.both_ways import record_everything, record_ladder, recording
from tests.support.clickhouse_calls import calls, differences, into_clickhouse, migrated, wait_for_calls
from tests.support.collector import GATEWAY, needs_collector, running_collector
from tests.support.stored_rows import read_rows

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.clickhouse_server import ClickhouseServer
    from tests.support.postgres import Postgres

pytestmark = [
    needs_collector,
    pytest.mark.skipif(not clickhouse.installed(), reason=clickhouse.MISSING),
    pytest.mark.timeout(600),
]
EVERYTHING, LADDER = 1500, 500
DATABASES = {"one host": "both_ways_host", "gateway": "both_ways_gateway"}
TOKEN = "of-the-fleet"


def test_rows_made_of_spans_equal_those_of_the_same_actions_in_postgresql(
    server: Postgres, database: str, clickhouse_server: ClickhouseServer, tmp_path: Path
) -> None:
    """Bots → collector of their host → ClickHouse, and → gateway → ClickHouse, another database."""
    for name in DATABASES.values():
        migrated(clickhouse_server, name)
    folders = {name: tmp_path / name for name in ("host", "gateway", "everything", "ladder")}
    for folder in folders.values():
        folder.mkdir()
    gateway_variables = into_clickhouse(clickhouse_server, DATABASES["gateway"]) | {
        "OTLP_TOKEN": TOKEN,
        "TRACE_STORE_ENDPOINT": "127.0.0.1:1",  # there is none, which must not matter
        "TRACE_STORE_INSECURE": "true",
    }
    with running_collector(folders["gateway"], gateway_variables, GATEWAY) as gateway:
        host_variables = into_clickhouse(clickhouse_server, DATABASES["one host"]) | {
            "ANALYTICS_EXPORTER": "clickhouse,otlp_grpc",
            "ANALYTICS_ENDPOINT": f"127.0.0.1:{gateway.grpc_port}",
            "ANALYTICS_INSECURE": "true",
            "ANALYTICS_AUTHORIZATION": f"Bearer {TOKEN}",
        }
        with running_collector(folders["host"], host_variables) as host:
            environ = recording(server.dsn(database), host.grpc_port)

            async def record() -> int:
                everything = record_everything(folders["everything"], environ, EVERYTHING, seed=1)
                ladder = record_ladder(folders["ladder"], environ, LADDER, seed=1)
                return sum(await asyncio.gather(everything, ladder))

            sent = asyncio.run(record())
            rows = read_rows(server.dsn(database))
            expected = sum(row["kind"] != Kind.AUTOCOMPLETE for row in rows)
            for name in DATABASES.values():
                wait_for_calls(clickhouse_server, name, expected)
    assert len(rows) == sent >= EVERYTHING + LADDER
    assert {row["kind"] for row in rows} == set(Kind.ALL)
    assert {row["outcome"] for row in rows} == set(Outcome.ALL)
    assert {row["shard_id"] for row in rows} == {None, 0, (GUILD.id >> 22) % 2}  # direct messages come through shard 0
    assert sum(row["attributes"] is not None for row in rows) > 100
    assert sum(row["checkpoints"] is not None for row in rows) > 300
    assert len({row["player_name"] for row in rows}) > 30
    for name in DATABASES.values():
        assert differences(rows, calls(clickhouse_server, name)) == [], name
    assert Counter(row["service_name"] for row in rows) == {"everything": sent - LADDER, "ladder-bot": LADDER}
