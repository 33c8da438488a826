"""`slashspan migrate` in ClickHouse: what it creates, upgrades, refuses and leaves alone."""

from __future__ import annotations

import dataclasses
import re
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest
from clickhouse_connect.driver.httpclient import HttpClient

from slashspan.dsn import Dsn
from slashspan.errors import ConfigurationError
from slashspan.exporters.admin.migrate import plan_migration, run_migration
from slashspan.exporters.admin.prune import count_old, forget_user, prune
from slashspan.exporters.rows.command_call import COLUMNS
from slashspan.exporters.stores.errors import SchemaMismatch
from slashspan.exporters.stores.schema.clickhouse_sql import literal
from tests.support import ROOT, clickhouse
from tests.support.documents import blocks
from tests.support.otel_traces import exported_for, insert
from tests.support.rows import FULL, rows
from tests.support.stored_rows import read_rows, write_rows
from tests.support.tables import execute

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.clickhouse_server import ClickhouseServer, StartClickhouse

T = "command_calls"
NOW = datetime.now(timezone.utc)

NEWER = "slashspan 99 000000000000"
OLDER = "slashspan 1 000000000000"
EXPORTERS = """
CREATE TABLE otel_traces (
    Timestamp DateTime64(9), TraceId String, SpanId String, ParentSpanId String, TraceState String,
    SpanName LowCardinality(String), SpanKind LowCardinality(String), ServiceName LowCardinality(String),
    ResourceAttributes Map(LowCardinality(String), String), ScopeName String, ScopeVersion String,
    SpanAttributes {attributes}, Duration UInt64,
    StatusCode LowCardinality(String), StatusMessage String,
    Events Nested (
        Timestamp DateTime64(9), Name LowCardinality(String), Attributes Map(LowCardinality(String), String)
    ),
    Links Nested (TraceId String, SpanId String, TraceState String, Attributes Map(LowCardinality(String), String))
) ENGINE = MergeTree ORDER BY (ServiceName, SpanName, toDateTime(Timestamp))
"""
"""As the collector's exporter creates it, if it is let."""


def titles(dsn: str, **options: Any) -> list[str]:
    return [step.title for step in plan_migration(dsn, T, **options).steps]


def created(server: ClickhouseServer, dsn: str) -> None:
    """The database alone."""
    server.query(f"CREATE DATABASE `{Dsn.parse(dsn).database}`")


def insert_actions(dsn: str, count: int) -> None:
    with clickhouse.client_of(dsn) as client:
        insert(client, Dsn.parse(dsn).database or "", [exported_for(row) for row in rows(count)])


def test_an_empty_server_gets_all_and_a_second_run_changes_nothing(clickhouse_dsn: str) -> None:
    done: list[str] = []
    run_migration(clickhouse_dsn, T, done=lambda step: done.append(step.title))
    assert done == [
        f"create the database {Dsn.parse(clickhouse_dsn).database}",
        "create the table otel_traces",
        "create the table otel_logs",
        "create the table command_calls_rows",
        "create the materialized view command_calls_filled",
        "create the view command_calls",
    ]
    assert titles(clickhouse_dsn) == []


@pytest.mark.parametrize("spans_before", [False, True])
def test_a_migration_that_was_interrupted_in_any_step_is_finished_by_the_next(
    spans_before: bool, clickhouse_server: ClickhouseServer, clickhouse_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After each statement, also within a step."""
    if spans_before:
        created(clickhouse_server, clickhouse_dsn)
        execute(clickhouse_dsn, EXPORTERS.format(attributes="Map(LowCardinality(String), String)"))
        insert_actions(clickhouse_dsn, 7)
    command, allowed, ran = HttpClient.command, 1, 0

    def cut(client: Any, statement: str, *more: Any, **options: Any) -> Any:
        nonlocal ran
        answer = command(client, statement, *more, **options)
        ran += not statement.startswith("SELECT")
        if ran == allowed:
            raise KeyboardInterrupt
        return answer

    cuts = 0
    while left := titles(clickhouse_dsn):
        with monkeypatch.context() as patched:
            patched.setattr(HttpClient, "command", cut)
            with pytest.raises(KeyboardInterrupt):
                run_migration(clickhouse_dsn, T)
        cuts, ran = cuts + 1, 0
        allowed = 2 if titles(clickhouse_dsn) == left else 1  # a step of two statements begins anew
    assert cuts == (6 if spans_before else 8)
    write_rows(clickhouse_dsn, rows(9))
    assert len(read_rows(clickhouse_dsn)) == 9
    write_rows(clickhouse_dsn, rows(3))


def test_the_view_has_the_columns_of_other_databases_in_their_order(clickhouse_dsn: str) -> None:
    run_migration(clickhouse_dsn, T)
    found = execute(clickhouse_dsn, "DESCRIBE TABLE command_calls")
    assert [column["name"] for column in found] == [column.name for column in COLUMNS]


@pytest.mark.parametrize("database", ["it's", "a`b", "back\\slash", "with space", "größe"])
def test_any_name_of_a_database_works(clickhouse_server: ClickhouseServer, database: str) -> None:
    dsn = clickhouse_server.dsn(database)
    write_rows(dsn, rows(2))
    assert [row["discord_uid"] for row in execute(dsn, "SELECT discord_uid FROM command_calls")] == [
        FULL.discord_uid
    ] * 2
    assert titles(dsn) == []


def test_an_older_schema_gets_its_column_and_a_new_view_without_losing_rows(clickhouse_dsn: str) -> None:
    write_rows(clickhouse_dsn, rows(3))
    execute(
        clickhouse_dsn,
        "ALTER TABLE command_calls_filled MODIFY QUERY SELECT toDateTime64(Timestamp, 6, 'UTC') AS called_at, "
        "reinterpretAsInt64(reverse(unhex(SpanId))) AS span_id FROM otel_traces",
        f"ALTER TABLE command_calls_filled MODIFY COMMENT '{OLDER}'",
        "CREATE OR REPLACE VIEW command_calls AS SELECT called_at, span_id, discord_uid FROM command_calls_rows FINAL "
        f"COMMENT '{OLDER}'",
        "ALTER TABLE command_calls_rows DROP COLUMN locale",
    )
    assert titles(clickhouse_dsn) == [
        "add to command_calls_rows: locale",
        "renew the materialized view command_calls_filled",
        "renew the view command_calls",
    ]
    run_migration(clickhouse_dsn, T)
    assert titles(clickhouse_dsn) == []
    write_rows(clickhouse_dsn, [dataclasses.replace(FULL, span_id=1000)])
    found = execute(clickhouse_dsn, "SELECT span_id, locale FROM command_calls ORDER BY span_id")
    assert [row["locale"] for row in found] == [None, None, None, FULL.locale]


def test_what_a_newer_slashspan_created_is_left_alone(clickhouse_dsn: str) -> None:
    run_migration(clickhouse_dsn, T)
    for name in ("command_calls_rows", "command_calls_filled", "command_calls"):
        execute(clickhouse_dsn, f"ALTER TABLE {name} MODIFY COMMENT '{NEWER}'")
    assert titles(clickhouse_dsn) == []
    execute(clickhouse_dsn, "DROP VIEW command_calls_filled", "ALTER TABLE command_calls_rows DROP COLUMN locale")
    with pytest.raises(SchemaMismatch, match=r"newer slashspan.*locale"):
        run_migration(clickhouse_dsn, T)


def test_spans_that_the_exporter_has_stored_before_become_rows(
    clickhouse_server: ClickhouseServer, clickhouse_dsn: str
) -> None:
    created(clickhouse_server, clickhouse_dsn)
    execute(clickhouse_dsn, EXPORTERS.format(attributes="Map(LowCardinality(String), String)"))
    insert_actions(clickhouse_dsn, 7)
    assert "otel_traces was not created by slashspan" in plan_migration(clickhouse_dsn, T).notes[0]
    run_migration(clickhouse_dsn, T)
    assert execute(clickhouse_dsn, "SELECT count() AS n FROM command_calls") == [{"n": 7}]
    assert titles(clickhouse_dsn) == []


def test_spans_in_columns_of_json_are_refused(clickhouse_server: ClickhouseServer, clickhouse_dsn: str) -> None:
    created(clickhouse_server, clickhouse_dsn)
    execute(clickhouse_dsn, EXPORTERS.format(attributes="JSON"))
    with pytest.raises(SchemaMismatch, match="without `json`: check its SpanAttributes"):
        run_migration(clickhouse_dsn, T)


@pytest.mark.parametrize("name", ["command_calls", "command_calls_rows", "command_calls_filled"])
def test_a_table_of_somebody_else_is_refused(
    name: str, clickhouse_server: ClickhouseServer, clickhouse_dsn: str
) -> None:
    created(clickhouse_server, clickhouse_dsn)
    execute(clickhouse_dsn, f"CREATE TABLE {name} (a Int8) ENGINE = Memory")
    with pytest.raises(SchemaMismatch, match=f"{name} was not created by slashspan"):
        run_migration(clickhouse_dsn, T)
    assert execute(clickhouse_dsn, "SELECT name FROM system.tables WHERE database = currentDatabase()") == [
        {"name": name}
    ]


@pytest.mark.parametrize("options", [{"partitioned": True}, {"zone": "Europe/Berlin"}])
def test_options_of_other_databases_are_refused(options: dict[str, Any], clickhouse_dsn: str) -> None:
    with pytest.raises(ConfigurationError, match="ClickHouse"):
        plan_migration(clickhouse_dsn, T, **options)


def test_a_cluster_is_refused_elsewhere(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="only ClickHouse has clusters"):
        plan_migration(f"sqlite:///{tmp_path / 'calls.db'}", T, cluster="c")


def test_every_statement_of_a_cluster_is_understood_by_the_engine(
    clickhouse_server: ClickhouseServer, clickhouse_dsn: str
) -> None:
    plan = plan_migration(clickhouse_dsn, T, cluster="main")
    statements = [sql for step in plan.steps for sql in step.sql]
    assert all("ON CLUSTER `main`" in sql for sql in statements)
    assert sum("Replicated" in sql for sql in statements) == 3
    for sql in statements:
        assert clickhouse_server.query(f"SELECT formatQuery({literal(sql)}) AS formatted")
    with pytest.raises(AssertionError, match="SYNTAX_ERROR"):
        clickhouse_server.query(f"SELECT formatQuery({literal(statements[0] + ' ON')})")


def test_in_a_cluster_rows_come_once_are_pruned_and_forgotten(
    tmp_path: Path, start_clickhouse: StartClickhouse
) -> None:
    """Of one node without replicas: the engine here has no others. Its tables are Distributed ones."""
    with start_clickhouse(tmp_path, cluster="main") as server:
        dsn = server.dsn()
        run_migration(dsn, T, cluster="main")
        assert titles(dsn) == titles(dsn, cluster="main") == []
        with pytest.raises(SchemaMismatch, match="in the cluster main already"):
            plan_migration(dsn, T, cluster="other")
        for _ in range(2):
            insert_actions(dsn, 20)
        insert_actions(dsn, 10)
        assert len(read_rows(dsn)) == 20
        engines = execute(
            dsn, "SELECT name FROM system.tables WHERE database = currentDatabase() AND engine = 'Distributed'"
        )
        assert sorted(row["name"] for row in engines) == ["command_calls_rows", "otel_logs", "otel_traces"]
        assert count_old(dsn, T, NOW).rows == 20
        assert forget_user(dsn, T, [FULL.discord_uid]) == 20
        assert execute(dsn, "SELECT count() AS n FROM otel_traces_local") == [{"n": 0}]
        insert_actions(dsn, 5)
        assert prune(dsn, T, NOW + timedelta(days=400)) == 5
        assert execute(dsn, "SELECT count() AS n FROM command_calls_rows_local") == [{"n": 0}]


def test_the_documents_sql_is_understood_and_changes_the_retention(
    clickhouse_server: ClickhouseServer, clickhouse_dsn: str
) -> None:
    run_migration(clickhouse_dsn, T)
    name = Dsn.parse(clickhouse_dsn).database
    found = [block.text for block in blocks(ROOT / "docs" / "clickhouse.md") if block.language == "sql"]
    statements = [sql.strip() for text in found for sql in re.sub(r"^--.*\n", "", text, flags=re.MULTILINE).split(";")]
    for statement in filter(None, statements):
        clickhouse_server.query(f"SELECT formatQuery({literal(statement)}) AS formatted")
        if "MODIFY TTL" in statement:
            clickhouse_server.query(statement.replace("slashspan.", f"{name}."))
    tables = execute(clickhouse_dsn, "SELECT engine_full FROM system.tables WHERE database = currentDatabase()")
    ttls = re.findall(r"toIntervalDay\((\d+)\)", " ".join(table["engine_full"] for table in tables))
    assert sorted(map(int, ttls)) == [7, 7, 730]
    assert titles(clickhouse_dsn) == []
