"""`slashspan migrate` and `slashspan prune` on the command line."""

from __future__ import annotations

import dataclasses
from datetime import datetime, timezone
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner, Result

from slashspan.telemetry.cli import cli
from tests.support.legacy_tables import OLD_ROWS, OLD_SELECT, POSTGRESQL, SQLITE
from tests.support.rows import FULL
from tests.support.stored_rows import write_rows
from tests.support.tables import execute

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.postgres import Postgres


def run(*arguments: str, answer: str | None = None) -> Result:
    return CliRunner().invoke(cli, arguments, input=answer, catch_exceptions=False)


def test_a_dry_run_shows_the_sql_and_changes_nothing(dsn: str) -> None:
    made = SQLITE["text"] if dsn.startswith("sqlite") else POSTGRESQL["bigserial, naive"]
    execute(dsn, made, OLD_ROWS)
    before = execute(dsn, OLD_SELECT)
    done = run("migrate", "--dsn", dsn, "--dry-run")
    assert done.exit_code == 0
    assert "ADD COLUMN" in done.output
    assert "nothing was changed" in done.output
    assert execute(dsn, "SELECT * FROM command_calls ORDER BY id") == before
    done = run("migrate", "--dsn", dsn)
    assert done.exit_code == 0
    assert "done: add kind" in done.output
    assert "command_calls is ready" in done.output
    assert "-- 0 steps" in run("migrate", "--dsn", dsn, "--dry-run").output


def test_a_dry_run_creates_no_file(tmp_path: Path) -> None:
    done = run("migrate", "--dsn", f"sqlite:///{tmp_path / 'none.db'}", "--dry-run")
    assert "CREATE TABLE" in done.output
    assert not list(tmp_path.iterdir())


def test_created_partitions_are_listed(server: Postgres) -> None:
    dsn = server.dsn(server.create_database())
    done = run("migrate", "--dsn", dsn, "--partitioned")
    assert f"done: partition command_calls_{datetime.now(timezone.utc):%Y_%m}" in done.output
    other = server.dsn(server.create_database())
    assert run("migrate", "--dsn", other).exit_code == 0
    refused = run("migrate", "--dsn", other, "--partitioned")
    assert refused.exit_code == 1
    assert len(refused.output.splitlines()) == 1


def old_and_new(dsn: str) -> None:
    now = int(datetime.now(timezone.utc).timestamp()) * 1_000_000
    day = 86_400_000_000
    write_rows(dsn, [dataclasses.replace(FULL, called_at=now - n * 10 * day, span_id=n) for n in range(20)])


def count(dsn: str) -> int:
    found: int = execute(dsn, "SELECT count(*) AS n FROM command_calls")[0]["n"]
    return found


def test_prune_counts_asks_and_deletes(managed_dsn: str) -> None:
    old_and_new(managed_dsn)
    done = run("prune", "--dsn", managed_dsn, "--older-than", "95d", "--dry-run")
    assert "10 rows before" in done.output
    assert count(managed_dsn) == 20
    refused = run("prune", "--dsn", managed_dsn, "--older-than", "95d", answer="n\n")
    assert refused.exit_code == 1
    assert "nothing was deleted" in refused.output
    assert count(managed_dsn) == 20
    done = run("prune", "--dsn", managed_dsn, "--older-than", "95d", answer="y\n")
    assert done.exit_code == 0
    assert "10 rows deleted" in done.output
    assert count(managed_dsn) == 10
    done = run("prune", "--dsn", managed_dsn, "--older-than", "2w", "--yes")
    assert "8 rows deleted" in done.output
    assert count(managed_dsn) == 2
    assert run("prune", "--dsn", managed_dsn, "--older-than", "2w").exit_code == 0


@pytest.mark.parametrize("text", ["90", "soon"])
def test_an_invalid_duration_is_reported_in_one_line(text: str, dsn: str) -> None:
    done = run("prune", "--dsn", dsn, "--older-than", text)
    assert done.exit_code == 2
    assert len(done.output.splitlines()) == 1
    assert "90d, 12w or 1y" in done.output
