"""`slashspan doctor` finds what is wrong with ClickHouse, and says how to fix it."""

from __future__ import annotations

import dataclasses
import json
import socket
import time
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from slashspan.exporters.admin.doctor import clickhouse as doctor_clickhouse
from slashspan.exporters.admin.migrate import run_migration
from slashspan.telemetry.cli import cli
from tests.support import clickhouse
from tests.support.otel_traces import exported_for, insert
from tests.support.ports import free_port
from tests.support.rows import FULL
from tests.support.stored_rows import write_rows
from tests.support.tables import execute
from tests.support.waiting import until

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.clickhouse_server import StartClickhouse

T = "command_calls"


def doctor(dsn: str, **environ: str) -> tuple[int, dict[str, dict[str, Any]]]:
    """The exit status, and the last finding about each subject."""
    settings = {"SLASHSPAN_DSN": dsn, "SLASHSPAN_SPOOL": "off", "OTEL_TRACES_EXPORTER": "console", **environ}
    done = CliRunner().invoke(cli, ["doctor", "--json"], env=settings)
    assert done.exception is None or isinstance(done.exception, SystemExit), done.output
    return done.exit_code, {finding["subject"]: finding for finding in json.loads(done.output)}


@pytest.fixture
def stored(clickhouse_dsn: str) -> str:
    """The DSN of a store with an action of some minutes ago."""
    at = int(time.time() - 300) * 1_000_000
    write_rows(
        clickhouse_dsn, [dataclasses.replace(FULL, called_at=at + number, span_id=number) for number in range(5)]
    )
    return clickhouse_dsn


def test_a_healthy_store_has_no_findings(stored: str) -> None:
    status, found = doctor(stored)
    assert status == 0
    assert {finding["level"] for finding in found.values()} <= {"ok", "note"}
    assert "answers: ClickHouse" in found["store"]["text"]
    assert found["schema"]["text"] == "up to date"
    assert found["rows"]["text"] == "the last row is 5 min old, about 5 rows"
    assert found["retention"]["text"] == "command_calls_rows 400 days, otel_logs 30 days, otel_traces 30 days"


def test_a_store_that_was_never_migrated_is_a_warning(clickhouse_dsn: str) -> None:
    status, found = doctor(clickhouse_dsn)
    assert status == 0
    assert found["schema"]["level"] == "warning"
    assert "slashspan migrate" in found["schema"]["fix"]


def test_recording_straight_into_clickhouse_is_an_error(stored: str) -> None:
    status, found = doctor(stored, OTEL_TRACES_EXPORTER="command_calls")
    assert status == 1
    assert "OTEL_TRACES_EXPORTER=otlp" in found["exporter"]["fix"]


def test_actions_that_are_no_rows_are_found_and_what_is_said_repairs_it(stored: str) -> None:
    name = stored.rpartition("/")[2]
    execute(stored, "DROP VIEW command_calls_filled")
    write = dataclasses.replace(FULL, called_at=int(time.time() - 200) * 1_000_000, span_id=77)
    with clickhouse.client_of(stored) as client:
        insert(client, name, [exported_for(write)])
    status, found = doctor(stored)
    assert status == 1
    assert found["view"]["text"] == "of the last hour, actions in otel_traces that are no rows: 1"
    assert "create the materialized view" in found["schema"]["text"]
    run_migration(stored, T)
    status, found = doctor(stored)
    assert status == 0
    assert execute(stored, "SELECT count() AS n FROM command_calls") == [{"n": 6}]


def test_many_parts_and_a_mutation_that_fails_are_found(stored: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor_clickhouse, "MANY_PARTS", 0)
    execute(
        stored,
        "ALTER TABLE otel_traces UPDATE StatusMessage = toString(throwIf(1)) WHERE 1 SETTINGS mutations_sync = 0",
    )
    until(lambda: "mutation" in doctor(stored)[1], 60)
    found = doctor(stored)[1]
    execute(stored, "KILL MUTATION WHERE table = 'otel_traces' AND database = currentDatabase()")
    assert found["parts"]["level"] == found["mutation"]["level"] == "warning"
    assert "otel_traces" in found["mutation"]["text"]


def test_a_user_who_may_only_read_is_told_what_it_cannot_do(tmp_path: Path, start_clickhouse: StartClickhouse) -> None:
    with start_clickhouse(tmp_path) as server:
        run_migration(server.dsn(), T)
    with start_clickhouse(tmp_path, user="reader", password="pw", profile={"readonly": "2"}) as server:
        status, found = doctor(server.dsn())
        assert status == 0
        assert "GRANT CREATE TABLE ON `slashspan`.* TO `reader`" in found["rights"]["fix"]
        status, found = doctor(server.dsn().replace("pw", "hunter2"))
    assert status == 1
    assert "correct user and password" in found["store"]["fix"]
    assert "hunter2" not in json.dumps(found)


@pytest.mark.parametrize(
    ("address", "fix"),
    [
        ("127.0.0.1:{closed}", "start the server"),
        ("nowhere.invalid", "does not resolve"),
        ("127.0.0.1:{silent}", "firewall"),
        ("127.0.0.1:{http}?secure=true", "correct secure"),
        ("127.0.0.1:9000", "native protocol"),
    ],
)
def test_a_server_that_cannot_be_reached_is_an_error_with_the_fix(
    address: str, fix: str, stored: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor_clickhouse, "SECONDS", 1.0)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        http = stored.rpartition(":")[2].partition("/")[0]
        ports = {"closed": free_port(), "silent": silent.getsockname()[1], "http": http}
        where, _, options = address.format(**ports).partition("?")
        status, found = doctor(f"clickhouse://u:hunter2@{where}/d?{options}".rstrip("?"))
    assert status == 1
    assert fix in found["store"]["fix"]
    assert "hunter2" not in json.dumps(found)
