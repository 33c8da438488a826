"""Doctor finds each problem, with its fix, and only where it exists; it changes nothing."""

from __future__ import annotations

import dataclasses
import json
import os
import sqlite3
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from slashspan.exporters.admin import connections
from slashspan.exporters.admin.doctor import age, postgres
from slashspan.exporters.spool.dead_letters import DeadLetters
from slashspan.exporters.spool.destinations import Destination
from slashspan.exporters.stores.factory import open_store
from slashspan.telemetry.cli import cli
from tests.support.journals import die, left_behind
from tests.support.legacy_tables import SQLITE
from tests.support.pgbouncer import BINARY, open_folder, pgbouncer
from tests.support.ports import free_port
from tests.support.proxy import Proxy
from tests.support.rows import rows
from tests.support.tables import add_check, drop_check

if TYPE_CHECKING:
    from tests.support.postgres import Postgres


def doctor(dsn: str, folder: Path, **environ: str) -> tuple[int, list[dict[str, Any]]]:
    settings = {"SLASHSPAN_DSN": dsn, "SLASHSPAN_SPOOL": str(folder / "spool"), **environ}
    done = CliRunner().invoke(cli, ["doctor", "--json"], env=settings)
    assert done.exception is None or isinstance(done.exception, SystemExit), done.output
    return done.exit_code, json.loads(done.output)


def found(findings: list[dict[str, Any]], level: str) -> str:
    return "\n".join(
        f"{f['subject']}: {f['text']} → {f['fix']}" for f in findings if f["level"] == level and f["subject"] != "disk"
    )


def ready(dsn: str) -> str:
    store = open_store(dsn)
    store.write(rows(10), timeout=20)
    store.close(timeout=5)
    return dsn


def test_a_healthy_setup_has_no_findings(dsn: str, tmp_path: Path) -> None:
    status, findings = doctor(ready(dsn), tmp_path)
    assert status == 0
    assert found(findings, "error") == found(findings, "warning") == ""
    assert "the last row is" in found(findings, "note")
    assert "schema: up to date" in found(findings, "ok")
    assert not (tmp_path / "spool").exists(), "looking makes nothing"


def test_a_store_that_does_not_exist_yet_is_not_an_error(tmp_path: Path) -> None:
    status, findings = doctor(f"sqlite:///{tmp_path / 'new.db'}", tmp_path)
    assert status == 0
    assert "does not exist yet" in found(findings, "note")
    assert not (tmp_path / "new.db").exists()


def test_the_findings_are_printed_as_text(dsn: str, tmp_path: Path) -> None:
    done = CliRunner().invoke(cli, ["doctor"], env={"SLASHSPAN_DSN": ready(dsn), "SLASHSPAN_SPOOL": str(tmp_path)})
    assert done.exit_code == 0
    assert "ok  schema: up to date" in done.output


def test_secrets_are_masked_and_typing_errors_named(tmp_path: Path) -> None:
    dsn = f"postgresql://u:geheim@127.0.0.1:{free_port()}/d"
    status, findings = doctor(dsn, tmp_path, SLASHSPAN_USER_ID_KEY="schlüssel", SLASHSPAN_USERIDS="drop")
    assert status == 1
    assert "geheim" not in json.dumps(findings)
    assert "schlüssel" not in json.dumps(findings, ensure_ascii=False)
    assert "SLASHSPAN_USERIDS" in found(findings, "warning")
    assert "start the server" in found(findings, "error")


def test_an_invalid_setting_has_its_own_exit_status(tmp_path: Path) -> None:
    done = CliRunner().invoke(cli, ["doctor"], env={"SLASHSPAN_USER_IDS": "maybe"})
    assert done.exit_code == 2
    assert "SLASHSPAN_USER_IDS" in done.output


@pytest.mark.parametrize(
    ("change", "fix"),
    [
        ("nowhere.invalid", "does not resolve"),
        ("no_such_database", "create the database"),
        ("wrong password", "correct user and password"),
    ],
)
def test_a_server_that_refuses_the_login_is_found_with_the_fix(
    change: str, fix: str, server: Postgres, database: str, tmp_path: Path
) -> None:
    if change == "wrong password":
        server.execute(f"CREATE ROLE keeper_{database} LOGIN PASSWORD 'right'")
        server.require_password(f"keeper_{database}")
        dsn = f"postgresql://keeper_{database}:wrong@127.0.0.1:{server.port}/{database}"
    elif change == "no_such_database":
        dsn = server.dsn(change)
    else:
        dsn = f"postgresql://u@{change}/d"
    status, findings = doctor(dsn, tmp_path)
    assert status == 1
    assert fix in found(findings, "error")


def test_doctor_gives_up_on_a_server_that_goes_silent(
    server: Postgres, database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "SECONDS", 1.0)
    monkeypatch.setattr(connections, "CONNECT_SECONDS", 0.5)
    with Proxy(server.port) as proxy:
        proxy.black_hole()
        status, findings = doctor(server.dsn(database, port=proxy.port), tmp_path)
    assert status == 1
    assert "firewall" in found(findings, "error")


def test_missing_rights_come_with_the_sql_that_grants_them(server: Postgres, database: str, tmp_path: Path) -> None:
    ready(server.dsn(database))
    role = f"guest_{database}"
    server.execute(f"CREATE ROLE {role} LOGIN", database)
    dsn = f"postgresql://{role}@127.0.0.1:{server.port}/{database}"
    status, findings = doctor(dsn, tmp_path)
    assert status == 1
    grants = [f["fix"] for f in findings if f["subject"] == "rights"]
    assert len(grants) == 2
    for grant in grants:
        server.execute(grant, database)
    status, findings = doctor(dsn, tmp_path)
    assert (status, found(findings, "error")) == (0, "")


def test_a_read_only_server_and_a_wrong_clock_are_found(
    server: Postgres, database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ready(server.dsn(database))
    server.execute(f"ALTER DATABASE {database} SET default_transaction_read_only = on")
    real = time.time
    monkeypatch.setattr("time.time", lambda: real() + 90)
    status, findings = doctor(server.dsn(database), tmp_path)
    assert status == 1
    assert "read-only" in found(findings, "error")
    assert "-90.0 s" in found(findings, "warning")


@pytest.mark.skipif(BINARY is None, reason="PgBouncer is not installed: apt-get install pgbouncer")
def test_a_pooler_is_recognised(server: Postgres, database: str, tmp_path: Path) -> None:
    ready(server.dsn(database))
    with open_folder() as folder, pgbouncer(server, folder) as port:
        _, findings = doctor(server.dsn(database, port=port), tmp_path)
    assert "seems to be a pooler" in found(findings, "note")
    _, findings = doctor(server.dsn(database), tmp_path)
    assert "seems to be a pooler" not in json.dumps(findings)


def test_a_legacy_or_foreign_table_is_found(tmp_path: Path) -> None:
    dsn = f"sqlite:///{tmp_path / 'old.db'}"
    with sqlite3.connect(tmp_path / "old.db") as connection:
        connection.execute(SQLITE["timestamp"])
    connection.close()
    status, findings = doctor(dsn, tmp_path)
    assert status == 0
    assert "slashspan migrate" in found(findings, "warning")
    other = f"sqlite:///{tmp_path / 'other.db'}"
    with sqlite3.connect(tmp_path / "other.db") as connection:
        connection.execute("CREATE TABLE command_calls (x)")
    connection.close()
    status, findings = doctor(other, tmp_path)
    assert status == 1
    assert "SLASHSPAN_TABLE" in found(findings, "error")


def test_a_damaged_file_is_found(tmp_path: Path) -> None:
    dsn = ready(f"sqlite:///{tmp_path / 'calls.db'}")
    content = bytearray((tmp_path / "calls.db").read_bytes())
    content[4096 * 2 : 4096 * 3] = os.urandom(4096)
    (tmp_path / "calls.db").write_bytes(bytes(content))
    status, findings = doctor(dsn, tmp_path)
    assert status == 1
    assert "a new one is created" in found(findings, "error")


def test_unwritable_folders_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Root can write everywhere, so the system's answer is replaced.
    monkeypatch.setattr(os, "access", lambda place, mode: "locked" not in str(place))
    (tmp_path / "locked").mkdir()
    status, findings = doctor(f"sqlite:///{tmp_path}/locked/calls.db", tmp_path / "locked")
    assert status == 1
    assert found(findings, "error").count("cannot be written") == 2
    status, findings = doctor(f"sqlite:///{tmp_path}/calls.db", tmp_path)
    assert status == 0


def test_rows_waiting_in_the_spool_are_reported_with_the_reason_and_the_fix(dsn: str, tmp_path: Path) -> None:
    bot = left_behind(tmp_path / "spool", ready(dsn), rows(5))
    bot.journal.record_error("no answer within 10 s")
    DeadLetters(bot.journal.folder).add(rows(1)[0], "poison")
    die(bot.journal)
    die(left_behind(tmp_path / "spool", f"sqlite:///{tmp_path}/elsewhere.db", rows(5)).journal)
    folder = Destination("bot", "otlp http://127.0.0.1:4317", "").folder(tmp_path / "spool")
    status, findings = doctor(dsn, tmp_path)
    warnings = found(findings, "warning")
    assert status == 0
    assert "5 wait" in warnings
    assert "no answer within 10 s" in warnings
    assert "or: slashspan spool drain" in warnings
    assert "spool drain --from" in warnings
    assert "1 row that the store rejected" in warnings
    assert folder.name not in warnings
    assert "off" in found(doctor(dsn, tmp_path, SLASHSPAN_SPOOL="off")[1], "note")


def test_a_constraint_that_refuses_rows_is_named_with_the_fix(dsn: str, tmp_path: Path) -> None:
    ready(dsn)
    add_check(dsn, "player_name <> 'refused'")
    batch = [dataclasses.replace(row, span_id=100 + row.span_id) for row in rows(5)]
    batch[2] = dataclasses.replace(batch[2], player_name="refused")
    die(left_behind(tmp_path / "spool", dsn, batch).journal)
    settings = {"SLASHSPAN_DSN": dsn, "SLASHSPAN_SPOOL": str(tmp_path / "spool")}
    drained = CliRunner().invoke(cli, ["spool", "drain", "--timeout", "5"], env=settings)
    assert (drained.exit_code, "4 rows stored" in drained.output) == (1, True), drained.output
    warnings = found(doctor(dsn, tmp_path)[1], "warning")
    assert "1 waiting" in warnings
    assert "own_check" in warnings
    assert "change or drop that constraint" in warnings
    drop_check(dsn)
    drained = CliRunner().invoke(cli, ["spool", "drain"], env=settings)
    assert (drained.exit_code, "1 rows stored" in drained.output) == (0, True), drained.output
    assert "waiting" not in found(doctor(dsn, tmp_path)[1], "warning")


def test_an_unavailable_collector_is_found(dsn: str, tmp_path: Path, server: Postgres) -> None:
    both = {"OTEL_TRACES_EXPORTER": "command_calls,otlp"}
    gone = both | {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{free_port()}"}
    status, findings = doctor(ready(dsn), tmp_path, **gone)
    assert status == 1
    assert "start the collector" in found(findings, "error")
    there = both | {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{server.port}"}
    assert doctor(dsn, tmp_path, **there)[0] == 0
    logs = gone | {"OTEL_TRACES_EXPORTER": "command_calls", "OTEL_LOGS_EXPORTER": "otlp"}
    status, findings = doctor(dsn, tmp_path, **logs)
    assert status == 1
    assert "until then logs are lost" in found(findings, "error")


def test_disabled_recording_is_reported(dsn: str, tmp_path: Path) -> None:
    status, findings = doctor(ready(dsn), tmp_path, OTEL_TRACES_EXPORTER="none")
    assert status == 0
    assert "everything is off" in found(findings, "warning")


def test_ages_are_rounded() -> None:
    assert [age(seconds) for seconds in (5, 300, 7300, 1e6)] == ["5 s", "5 min", "2 h", "12 days"]
