"""Commands that read bring sums up to date where that is worth it and allowed, and count days in the chosen zone."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner, Result

from slashspan.insights.sums import freshness, open_sums
from slashspan.telemetry.cli import cli
from tests.support.stored_rows import write_rows
from tests.support.sums import calls
from tests.support.tables import execute

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from slashspan.insights.sums.status import Status
    from tests.support.postgres import Postgres

DAYS = 3
BEGIN = datetime.now(timezone.utc).replace(microsecond=0) - timedelta(days=DAYS)


@pytest.fixture(autouse=True)
def _quickly_worth_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(freshness, "ROWS", 20)


def run(dsn: str, *arguments: str, **environ: str) -> Result:
    return CliRunner().invoke(cli, [*arguments, "--dsn", dsn], env=environ, catch_exceptions=False)


def total(dsn: str, **environ: str) -> int:
    """Calls of all kinds, as `stats` counts them."""
    done = run(dsn, "stats", "totals", "--json", "--kind", "all", "--since", "all", **environ)
    assert done.exit_code == 0, done.output
    assert done.stderr == ""
    return int(json.loads(done.stdout)["rows"][0]["calls"])


def status(dsn: str) -> Status:
    with open_sums(dsn) as sums:
        return sums.status()


def is_fresh(dsn: str) -> bool:
    return status(dsn).is_fresh


def with_sums(dsn: str, *, more: int) -> None:
    """100 calls that are summed, and so many that are not."""
    write_rows(dsn, calls(100, 1, days=DAYS, first=BEGIN))
    with open_sums(dsn) as sums:
        sums.install("UTC")
        sums.refresh()
    write_rows(dsn, calls(more, 2, days=DAYS, first=BEGIN))


@pytest.mark.parametrize("command", [["stats"], ["stats", "hours"], ["report", "FILE"], ["chart", "calls", "FILE"]])
def test_what_has_piled_up_is_summed_by_who_reads(command: list[str], dsn: str, tmp_path: Path) -> None:
    with_sums(dsn, more=50)
    assert not is_fresh(dsn)
    file = {"report": "a.html", "chart": "a.json"}.get(command[0], "")
    done = run(dsn, *(str(tmp_path / file) if word == "FILE" else word for word in command))
    assert done.exit_code == 0, done.output
    assert is_fresh(dsn)
    assert total(dsn) == 150
    with open_sums(dsn) as sums:
        assert sums.verify() == []


def test_a_few_rows_are_not_worth_it(dsn: str) -> None:
    with_sums(dsn, more=0)
    write_rows(dsn, calls(5, 3, days=0.01, first=BEGIN))
    assert total(dsn) == 105
    assert not is_fresh(dsn)


def test_with_the_setting_off_nothing_is_written(dsn: str) -> None:
    with_sums(dsn, more=50)
    before = status(dsn)
    assert total(dsn, SLASHSPAN_REFRESH_SUMS="false") == 150
    assert status(dsn) == before


def test_without_sums_none_are_made(dsn: str) -> None:
    write_rows(dsn, calls(50, 1, days=DAYS, first=BEGIN))
    assert total(dsn) == 50
    assert not status(dsn).installed


def test_a_role_that_may_only_read_reads_all_the_same(server: Postgres, database: str) -> None:
    dsn = server.dsn(database)
    with_sums(dsn, more=50)
    role = f"reader_of_{database}"
    tables = "command_calls, " + ", ".join(f"command_calls_{name}" for name in ("sums", "sum_hours", "sum_days"))
    tables += ", command_calls_sum_ids, command_calls_sum_marks"
    execute(dsn, f"CREATE ROLE {role} LOGIN", f"GRANT SELECT ON {tables} TO {role}")
    try:
        assert total(dsn.replace("postgres@", f"{role}@")) == 150
    finally:
        execute(dsn, f"DROP OWNED BY {role}", f"DROP ROLE {role}")
    assert not is_fresh(dsn)


@contextlib.contextmanager
def locked(path: str) -> Iterator[None]:
    """As by a bot that writes for a long time."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("ROLLBACK")


def test_a_file_that_is_locked_is_read_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(freshness, "LOCK_SECONDS", 0.01)
    dsn = f"sqlite:///{tmp_path / 'a.db'}"
    with_sums(dsn, more=50)
    with locked(str(tmp_path / "a.db")):
        assert total(dsn) == 150
    assert not is_fresh(dsn)


def test_a_refresh_ends_in_time_and_the_next_reader_goes_on(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with_sums(dsn, more=50)
    monkeypatch.setattr(freshness, "SECONDS", 0.0)
    assert total(dsn) == 150
    assert not is_fresh(dsn)
    monkeypatch.undo()
    monkeypatch.setattr(freshness, "ROWS", 20)
    assert total(dsn) == 150
    assert is_fresh(dsn)


def test_partitions_without_triggers_are_left_to_their_owner(server: Postgres, database: str) -> None:
    """Giving them some takes a lock, behind which the bot would wait."""
    from slashspan.exporters.admin.migrate import run_migration

    dsn = server.dsn(database)
    run_migration(dsn, "command_calls", partitioned=True)
    with_sums(dsn, more=50)
    january = "FOR VALUES FROM ('2001-01-01') TO ('2001-02-01')"
    execute(dsn, f"CREATE TABLE command_calls_old PARTITION OF command_calls {january}")
    before = status(dsn)
    assert total(dsn) == 150
    assert status(dsn) == before
    assert run(dsn, "rollup", "build").exit_code == 0
    assert is_fresh(dsn)


def test_the_setting_names_the_zone_of_all_commands(dsn: str) -> None:
    write_rows(dsn, calls(50, 1, days=DAYS, first=BEGIN))
    zone = {"SLASHSPAN_ZONE": "Europe/Berlin"}
    assert json.loads(run(dsn, "stats", "calls", "--json", **zone).stdout)["period"]["zone"] == "Europe/Berlin"
    given = run(dsn, "stats", "calls", "--json", "--zone", "Asia/Kathmandu", **zone)
    assert json.loads(given.stdout)["period"]["zone"] == "Asia/Kathmandu"
    assert run(dsn, "rollup", "build", **zone).exit_code == 0
    assert list(status(dsn).zones) == ["Europe/Berlin"]
    assert run(dsn, "rollup", "build", SLASHSPAN_ZONE="America/New_York").exit_code == 0
    assert sorted(status(dsn).zones) == ["America/New_York", "Europe/Berlin"]
    assert run(dsn, "rollup", "build").exit_code == 0
    assert sorted(status(dsn).zones) == ["America/New_York", "Europe/Berlin"]
    wrong = run(dsn, "stats", SLASHSPAN_ZONE="Berlin")
    assert wrong.exit_code == 2
    assert "SLASHSPAN_ZONE='Berlin'" in wrong.stderr


def test_a_long_period_in_a_zone_without_summed_days_says_how_to_make_it_quick(dsn: str) -> None:
    with_sums(dsn, more=0)
    hint = "slashspan rollup build --zone Europe/Berlin"
    slow = run(dsn, "stats", "--since", "90d", "--zone", "Europe/Berlin")
    assert slow.exit_code == 0
    assert slow.stderr.count(hint) == 1
    assert "those of UTC" in slow.stderr
    assert hint not in run(dsn, "stats", "--since", "7d", "--zone", "Europe/Berlin").output
    assert run(dsn, *hint.split()[1:]).exit_code == 0
    assert hint not in run(dsn, "stats", "--since", "90d", "--zone", "Europe/Berlin").output


def test_in_clickhouse_the_sums_are_left_to_rollup_build(clickhouse_dsn: str) -> None:
    with_sums(clickhouse_dsn, more=50)
    before = status(clickhouse_dsn)
    assert before.hours_marked
    assert total(clickhouse_dsn) == 150
    assert status(clickhouse_dsn) == before
    assert run(clickhouse_dsn, "rollup", "build").exit_code == 0
    assert is_fresh(clickhouse_dsn)
