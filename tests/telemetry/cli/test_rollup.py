"""`slashspan rollup`, and what other commands do to the sums."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from click.testing import CliRunner, Result

from slashspan import insights
from slashspan.insights.sums import open_sums, reader
from slashspan.telemetry.cli import cli
from tests.support.postgres import in_own_thread
from tests.support.stored_rows import write_rows
from tests.support.sums import calls, check
from tests.support.tables import execute

if TYPE_CHECKING:
    import pytest

    from tests.support.postgres import Postgres

USER = 5


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, arguments, catch_exceptions=False)


def test_build_verify_and_drop(dsn: str) -> None:
    write_rows(dsn, calls(60, 1, days=3))
    assert run("rollup", "verify", "--dsn", dsn).exit_code == 1
    assert "there are no sums" in run("rollup", "status", "--dsn", dsn).output
    built = run("rollup", "build", "--dsn", dsn, "--zone", "Europe/Berlin")
    assert built.exit_code == 0, built.output
    assert run("rollup", "build", "--dsn", dsn, "--zone", "America/New_York").exit_code == 0
    check(dsn, [insights.Filters(zone=zone) for zone in ("Europe/Berlin", "America/New_York")])
    other = run("rollup", "build", "--dsn", dsn, "--zone", "Asia/Kathmandu")
    assert other.exit_code == 2
    assert "rollup rebuild --zone Asia/Kathmandu" in other.output
    found = json.loads(run("rollup", "status", "--dsn", dsn, "--json").output)
    assert found["zones"] == {"America/New_York": True, "Europe/Berlin": True}
    assert run("rollup", "verify", "--dsn", dsn).exit_code == 0
    execute(
        dsn,
        "DELETE FROM command_calls_sum_hours WHERE start = (SELECT max(start) FROM command_calls_sum_hours)",
        "SELECT 1",
    )
    wrong = run("rollup", "verify", "--dsn", dsn)
    assert wrong.exit_code == 1
    assert "0 calls are summed, the table has" in wrong.output
    assert run("rollup", "rebuild", "--dsn", dsn).exit_code == 0
    assert run("rollup", "verify", "--dsn", dsn).exit_code == 0
    assert run("rollup", "drop", "--dsn", dsn, "--yes").exit_code == 0
    assert "there are no sums" in run("rollup", "status", "--dsn", dsn).output
    write_rows(dsn, calls(5, 2))


def test_forget_and_prune_reach_the_sums(dsn: str) -> None:
    write_rows(dsn, calls(200, 1, days=3))
    write_rows(dsn, calls(20, 2, days=1, first=datetime.now(timezone.utc)))
    with open_sums(dsn) as sums:
        sums.install("UTC")
        sums.refresh()
    known = f"SELECT id FROM command_calls_sum_ids WHERE id = {USER}"
    assert execute(dsn, known)
    done = run("forget", str(USER), "--dsn", dsn, "--yes")
    assert done.exit_code == 0, done.output
    assert not execute(dsn, known)
    with open_sums(dsn) as sums:
        assert sums.status().is_fresh
        assert sums.verify() == []
    assert run("prune", "--older-than", "1d", "--dsn", dsn, "--yes").exit_code == 0
    left = {row["discord_uid"] for row in execute(dsn, "SELECT discord_uid FROM command_calls")} - {0}
    guilds = {row["guild_id"] for row in execute(dsn, "SELECT guild_id FROM command_calls")} - {None}
    assert {row["id"] for row in execute(dsn, "SELECT id FROM command_calls_sum_ids")} == left | guilds
    check(dsn, [insights.Filters()])


def test_doctor_says_whether_they_are_used(dsn: str) -> None:
    write_rows(dsn, calls(5, 1, days=1))
    assert "sums" not in run("doctor", "--dsn", dsn).output
    run("rollup", "build", "--dsn", dsn)
    assert "hours are summed" in run("doctor", "--dsn", dsn).output
    kind = "" if dsn.startswith("sqlite") else " ON command_calls"
    execute(dsn, f"DROP TRIGGER command_calls_sum_delete{kind}", "SELECT 1")
    assert "sums: not in use" in run("doctor", "--dsn", dsn).output


def test_without_pyroaring_rows_are_read_and_the_command_is_named_once(
    dsn: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    write_rows(dsn, calls(5, 1, days=1))
    run("rollup", "build", "--dsn", dsn)
    monkeypatch.setattr("slashspan.insights.sums.find_spec", lambda _: None)
    monkeypatch.setattr("slashspan.insights.sums.reader.find_spec", lambda _: None)
    monkeypatch.setattr(reader, "_warned", set())

    def read() -> list[int]:
        with insights.open_reader(dsn) as opened:
            return [opened.run(insights.totals, insights.Filters(kinds=("slash",))).rows[0].calls for _ in range(2)]

    expected = execute(dsn, "SELECT count(*) AS n FROM command_calls WHERE kind = 'slash'")[0]["n"]
    assert in_own_thread(read) == [expected] * 2
    assert caplog.text.count("pip install 'slashspan[rollup]'") == 1
    missing = run("rollup", "build", "--dsn", dsn)
    assert missing.exit_code == 2
    assert "pip install 'slashspan[rollup]'" in missing.output


def test_who_may_not_change_the_sums_is_told_that_ids_are_left(server: Postgres, database: str) -> None:
    dsn = server.dsn(database)
    write_rows(dsn, calls(20, 1, days=1))
    run("rollup", "build", "--dsn", dsn)
    role = f"keeper_of_{database}"
    execute(dsn, f"CREATE ROLE {role} LOGIN", f"GRANT SELECT, DELETE ON command_calls TO {role}")
    try:
        done = run("forget", str(USER), "--yes", "--dsn", dsn.replace("postgres@", f"{role}@"))
    finally:
        execute(dsn, f"DROP OWNED BY {role}", f"DROP ROLE {role}")
    assert done.exit_code == 1
    assert "ids of users may be left in the sums" in done.output
    assert not execute(dsn, f"SELECT 1 FROM command_calls WHERE discord_uid = {USER}")
    check(dsn, [insights.Filters()])  # a mark tells that they are out of date
    assert run("forget", str(USER), "--yes", "--dsn", dsn).exit_code == 0
    assert not execute(dsn, f"SELECT 1 FROM command_calls_sum_ids WHERE id = {USER}")
