"""The collector's ClickHouse exporter writes what the tests of ClickHouse take for its rows."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter

from slashspan.exporters.admin.migrate import run_migration
from tests.support import clickhouse
from tests.support.collector import Collector, needs_collector
from tests.support.otel_traces import exported
from tests.support.spans import ATTRIBUTES, finished
from tests.support.waiting import until

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.clickhouse_server import ClickhouseServer

pytestmark = [
    needs_collector,
    pytest.mark.skipif(not clickhouse.installed(), reason=clickhouse.MISSING),
]

NUMBERS = [0.0, -0.0, 1.0, 0.1, 1 / 3, 1e-6, 9.9e-7, 1.5e-7, 1e-10, 5e-324, 123456789.125, 1e16, 1e20, 1e21, 1.25e22]
NUMBERS += [1.7976931348623157e308, -1e-7, -2.5, math.nan, math.inf, -math.inf]


def test_a_real_exporter_makes_the_same_rows_of_spans(clickhouse_server: ClickhouseServer, tmp_path: Path) -> None:
    database = "exporter"
    run_migration(clickhouse_server.dsn(database), "command_calls")
    own = {
        **{f"own.{number}": value for number, value in enumerate(NUMBERS)},
        "own.bool": True,
        "own.int": -(2**63),
        "own.text": 'é <&> "\\ \n',
        "own.empty": "",
        "own.texts": ["a", 'é"<'],
        "own.floats": [1.0, 2.5],
        "own.bools": [True, False],
        "own.ints": [1, 2**62],
    }
    events = [("cards_drawn", {"discord.checkpoint.at_ms": 1.5, "discord.checkpoint.step_ms": 1.0}), ("other", {})]
    spans = [finished({**ATTRIBUTES, **own}, events), finished({"http.request.method": "GET"})]
    environ = {
        "ANALYTICS_EXPORTER": "clickhouse",
        "CLICKHOUSE_ENDPOINT": clickhouse_server.url,
        "CLICKHOUSE_USER": clickhouse_server.user,
        "CLICKHOUSE_DATABASE": database,
    }
    collector = Collector(tmp_path, environ)
    collector.start()
    try:
        exporter = OTLPSpanExporter(endpoint=f"http://127.0.0.1:{collector.grpc_port}", insecure=True)
        exporter.export(spans)
        exporter.shutdown()
        count = f"SELECT count() AS count FROM {database}.otel_traces"
        until(lambda: clickhouse_server.query(count) == [{"count": len(spans)}], 60)
    finally:
        collector.kill()
    times = "toUnixTimestamp64Nano(Timestamp) AS Timestamp, arrayMap(t -> toUnixTimestamp64Nano(t), Events.Timestamp)"
    rows = clickhouse_server.query(
        f"SELECT * REPLACE ({times} AS `Events.Timestamp`) FROM {database}.otel_traces ORDER BY empty(Events.Name)"
    )
    for row, span in zip(rows, spans, strict=True):
        assert {name: value for name, value in row.items() if name != "Links.Timestamp"} == exported(span)
