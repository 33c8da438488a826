"""The stand-in for ClickHouse's server behaves as one where our tests rely on it."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import clickhouse_connect
import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.clickhouse_server import ClickhouseServer, StartClickhouse

ODD = ["", "it's", "back\\slash", "tab\tline\nbreak", "né 😀 \u202e", "{name:String}"]


@pytest.fixture(scope="module")
def running(start_clickhouse: StartClickhouse, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClickhouseServer]:
    with start_clickhouse(tmp_path_factory.mktemp("clickhouse"), user="ann", password="s3cret p&ss") as server:
        yield server


def test_rows_are_read_as_they_were_inserted(running: ClickhouseServer) -> None:
    client = running.client()
    client.command(
        "CREATE TABLE texts (number Int64, text String, at DateTime64(6, 'UTC')) ENGINE = MergeTree ORDER BY number"
    )
    at = datetime(2026, 11, 27, 12, 0, 0, 123456)  # noqa: DTZ001 - what the client returns
    rows = [(-(2**63) + number, text, at) for number, text in enumerate(ODD)]
    client.insert("texts", rows, column_names=["number", "text", "at"])
    found = client.query("SELECT number, text, at FROM texts ORDER BY number")
    assert [tuple(row) for row in found.result_rows] == rows
    assert found.column_names == ("number", "text", "at")
    client.close()


@pytest.mark.parametrize("text", ODD)
def test_a_bound_value_reaches_the_query_unchanged(running: ClickhouseServer, text: str) -> None:
    client = running.client()
    assert client.query("SELECT {text:String}", parameters={"text": text}).result_rows == [(text,)]
    client.close()


def test_an_insert_of_many_blocks_is_complete(running: ClickhouseServer) -> None:
    client = running.client()
    client.command("CREATE TABLE numbers (number UInt64, text String) ENGINE = MergeTree ORDER BY number")
    rows = [(number, f"text {number}" * 10) for number in range(200_000)]
    client.insert("numbers", rows, column_names=["number", "text"])
    assert client.query("SELECT count(), sum(number) FROM numbers").result_rows == [(200_000, 200_000 * 199_999 // 2)]
    client.close()


def test_a_refused_statement_is_an_error_with_the_engines_code(running: ClickhouseServer) -> None:
    from clickhouse_connect.driver.exceptions import DatabaseError

    client = running.client()
    with pytest.raises(DatabaseError, match="60"):
        client.query("SELECT * FROM missing")
    client.command("CREATE TABLE small (number UInt8, CONSTRAINT few CHECK number < 10) ENGINE = MergeTree ORDER BY ()")
    with pytest.raises(DatabaseError, match="469"):
        client.insert("small", [(11,)], column_names=["number"])
    assert client.query("SELECT count() FROM small").result_rows == [(0,)]
    client.close()


def test_a_setting_holds_for_its_query_alone(running: ClickhouseServer) -> None:
    client = running.client()
    asked = "SELECT getSetting('readonly')"
    assert client.query(asked, settings={"readonly": 2}).result_rows == [(2,)]
    assert client.query(asked).result_rows == [(0,)]
    client.close()


def test_another_password_is_refused(running: ClickhouseServer) -> None:
    from clickhouse_connect.driver.exceptions import ClickHouseError

    with pytest.raises(ClickHouseError, match="516"):
        clickhouse_connect.get_client(host="127.0.0.1", port=running.port, username="ann", password="other")


def test_committed_rows_survive_sigkill(tmp_path: Path, start_clickhouse: StartClickhouse) -> None:
    with start_clickhouse(tmp_path) as server:
        server.query("CREATE DATABASE kept")
        server.query("CREATE TABLE kept.numbers (number UInt64) ENGINE = MergeTree ORDER BY number")
        for number in range(5):
            server.query(f"INSERT INTO kept.numbers VALUES ({number})")
        server.kill()
        assert not server.is_running
        server.start()
        assert server.query("SELECT count() AS count FROM kept.numbers") == [{"count": 5}]
