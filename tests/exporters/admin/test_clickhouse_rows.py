"""In ClickHouse `prune`, `forget` and `export` reach the spans and logs beside the rows."""

from __future__ import annotations

import dataclasses
import json
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest

from slashspan import semconv
from slashspan.exporters.admin import clickhouse_rows
from slashspan.exporters.admin.export import stored_spans, table_rows
from slashspan.exporters.admin.migrate import run_migration
from slashspan.exporters.admin.prune import count_old, count_user, forget_user, prune
from slashspan.exporters.stores.errors import SchemaMismatch, StoreUnavailable
from tests.support.otel_traces import exported_for
from tests.support.rows import FULL
from tests.support.stored_rows import write_rows
from tests.support.tables import execute

if TYPE_CHECKING:
    from tests.support.clickhouse_server import ClickhouseServer

T = "command_calls"
NELLY, OTHER = 80351110224678912, 7
NOW = datetime.now(timezone.utc).replace(microsecond=0)
TABLES = ("otel_traces", "otel_logs", "command_calls_rows")


@pytest.fixture
def dsn(clickhouse_dsn: str) -> str:
    run_migration(clickhouse_dsn, T)
    return clickhouse_dsn


def action(number: int, user: int, age: timedelta = timedelta()) -> Any:
    at = int((NOW - age).timestamp()) * 1_000_000 + number
    trace = f"{number:032x}"
    return dataclasses.replace(FULL, called_at=at, span_id=number, trace_id=trace, discord_uid=user, checkpoints=None)


def store(dsn: str, *actions: Any) -> None:
    """Each with a child span, which names no user, a log, and an autocomplete in a trace of its own."""
    write_rows(dsn, actions)
    spans, logs = [], []
    for row in actions:
        span = exported_for(row)
        spans.append({**span, "SpanId": f"{row.span_id + 1000:016x}", "SpanName": "POST", "SpanAttributes": {}})
        typing = {**span["SpanAttributes"], semconv.KIND: semconv.Kind.AUTOCOMPLETE}
        spans.append({**span, "TraceId": f"{row.span_id + 1000:032x}", "SpanAttributes": typing})
        logs.append({"Timestamp": span["Timestamp"], "TraceId": row.trace_id, "Body": "drew cards"})
    with_columns(dsn, "otel_traces", spans)
    with_columns(dsn, "otel_logs", logs)


def with_columns(dsn: str, table: str, rows: list[dict[str, Any]]) -> None:
    from tests.support.clickhouse import client_of

    with client_of(dsn) as client:
        client.insert(table, [list(row.values()) for row in rows], column_names=list(rows[0]))


def counts(dsn: str) -> list[int]:
    """Rows of each table, as they lie there."""
    return [execute(dsn, f"SELECT count() AS n FROM {table}")[0]["n"] for table in TABLES]


def test_forget_leaves_neither_spans_nor_logs_of_a_users_traces(dsn: str) -> None:
    store(dsn, *(action(number, NELLY if number % 2 else OTHER) for number in range(1, 21)))
    assert counts(dsn) == [60, 20, 20]
    assert forget_user(dsn, T, [NELLY]) == 10
    assert counts(dsn) == [30, 10, 10]
    assert forget_user(dsn, T, [NELLY]) == 0
    for table in TABLES:
        found = execute(dsn, f"SELECT * FROM {table}")
        assert str(NELLY) not in json.dumps(found, default=str), table


def test_forget_finds_spans_whose_rows_are_gone_and_rows_whose_spans_are(dsn: str) -> None:
    store(dsn, action(1, NELLY), action(2, NELLY), action(3, OTHER))
    execute(dsn, "ALTER TABLE command_calls_rows DELETE WHERE span_id = 1 SETTINGS mutations_sync = 2")
    execute(dsn, f"ALTER TABLE otel_traces DELETE WHERE TraceId = '{2:032x}' SETTINGS mutations_sync = 2")
    assert forget_user(dsn, T, [NELLY]) == 1
    assert counts(dsn) == [3, 1, 1]


def test_forget_of_more_traces_than_fit_into_one_statement(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clickhouse_rows, "TRACES_AT_ONCE", 3)
    store(dsn, *(action(number, NELLY) for number in range(1, 9)), action(9, OTHER))
    assert forget_user(dsn, T, [NELLY]) == 8
    assert counts(dsn) == [3, 1, 1]


def test_a_row_that_was_sent_twice_counts_once(dsn: str) -> None:
    rows = [action(number, NELLY, timedelta(days=60)) for number in range(5)]
    write_rows(dsn, rows)
    write_rows(dsn, rows)
    assert count_user(dsn, T, [NELLY]) == 5
    assert count_old(dsn, T, NOW).rows == 5
    assert prune(dsn, T, NOW) == 5
    assert counts(dsn) == [0, 0, 0]


def test_prune_drops_whole_partitions_and_deletes_what_is_older_in_others(dsn: str) -> None:
    execute(dsn, *(f"SYSTEM STOP TTL MERGES {table}" for table in TABLES))
    days = [0, 1, 5, 20, 24, 70, 100, 101]
    store(dsn, *(action(number, NELLY, timedelta(days=age)) for number, age in enumerate(days, 1)))
    before = NOW - timedelta(days=22)
    estimate = count_old(dsn, T, before)
    assert estimate.rows == 4
    month = f"{NOW - timedelta(days=100):%Y%m}"
    day = f"{NOW - timedelta(days=100):%Y%m%d}"
    for partition in (f"command_calls_rows {month}", f"otel_traces {day}", f"otel_logs {day}"):
        assert partition in estimate.partitions
    pieces: list[int] = []
    assert prune(dsn, T, before, done=pieces.append) == sum(pieces) == 4
    assert counts(dsn) == [12, 4, 4]
    assert count_old(dsn, T, before).partitions == ()


def test_export_shows_rows_as_other_databases_do_and_spans_beside_them(dsn: str) -> None:
    checkpoints = '[{"name":"cards_drawn","at_ms":1.5,"step_ms":1.25}]'
    store(dsn, dataclasses.replace(action(1, NELLY), checkpoints=checkpoints), action(2, OTHER))
    rows: list[dict[str, Any]] = []
    table_rows(dsn, T, [NELLY], rows.append)
    assert len(json.loads(json.dumps(rows))) == 1
    assert rows[0]["discord_uid"] == NELLY
    assert rows[0]["called_at"] == (NOW + timedelta(microseconds=1)).isoformat()
    assert rows[0]["checkpoints"] == json.loads(checkpoints)
    assert rows[0]["attributes"] == {"ladder.page": "2"}
    spans: list[dict[str, Any]] = []
    stored_spans(dsn, T, [NELLY], spans.append)
    assert sorted(span["name"] for span in json.loads(json.dumps(spans))) == [
        *("POST", "drew cards", "slash admin ban", "slash admin ban"),
    ]


def test_without_tables_of_ours_it_is_said_what_to_do(clickhouse_dsn: str, clickhouse_server: ClickhouseServer) -> None:
    with pytest.raises(SchemaMismatch, match="slashspan migrate"):
        count_user(clickhouse_dsn, T, [NELLY])
    name = clickhouse_dsn.rpartition("/")[2]
    clickhouse_server.query(f"CREATE DATABASE {name}")
    execute(clickhouse_dsn, "CREATE TABLE command_calls (called_at DateTime, discord_uid Int64) ENGINE = Memory")
    with pytest.raises(SchemaMismatch, match="no view command_calls of slashspan"):
        prune(clickhouse_dsn, T, NOW)
    with pytest.raises(SchemaMismatch, match="not created by slashspan"):
        run_migration(clickhouse_dsn, T)


def test_a_server_that_is_away_is_an_error_without_the_password() -> None:
    with pytest.raises(StoreUnavailable, match="refused") as raised:
        count_user("clickhouse://bot:hunter2@127.0.0.1:1/slashspan", T, [NELLY])
    assert "hunter2" not in str(raised.value)
