"""`slashspan migrate` in ClickHouse: what it creates, upgrades, refuses and leaves alone."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest

from slashspan.exporters.admin.migrate import plan_migration, run_migration
from slashspan.exporters.rows.command_call import COLUMNS
from tests.support import clickhouse

if TYPE_CHECKING:
    from tests.support.clickhouse_server import ClickhouseServer

pytestmark = pytest.mark.skipif(not clickhouse.installed(), reason=clickhouse.MISSING)

_numbers = itertools.count()


@pytest.fixture
def database() -> str:
    """The name of a database that does not exist yet."""
    return f"schema {next(_numbers)}"


def test_an_empty_server_gets_all_and_a_second_run_changes_nothing(
    clickhouse_server: ClickhouseServer, database: str
) -> None:
    dsn = clickhouse_server.dsn(database)
    titles: list[str] = []
    run_migration(dsn, "command_calls", done=lambda step: titles.append(step.title))
    assert titles == [
        f"create the database {database}",
        "create the table otel_traces",
        "create the table otel_logs",
        "create the table command_calls_rows",
        "create the materialized view command_calls_filled",
        "create the view command_calls",
    ]
    assert plan_migration(dsn, "command_calls").steps == ()


def test_the_view_has_the_columns_of_other_databases_in_their_order(
    clickhouse_server: ClickhouseServer, database: str
) -> None:
    run_migration(clickhouse_server.dsn(database), "command_calls")
    found = clickhouse_server.query(f"DESCRIBE TABLE `{database}`.command_calls")
    assert [column["name"] for column in found] == [column.name for column in COLUMNS]
