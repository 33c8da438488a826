"""The command line: help texts, and errors in one line with an exit status for scripts."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from slashspan import __version__
from slashspan.telemetry.cli import cli
from tests.support.rows import sample
from tests.support.stored_rows import write_rows

if TYPE_CHECKING:
    from pathlib import Path


def test_every_command_has_a_help_text() -> None:
    for name in cli.commands:
        done = CliRunner().invoke(cli, [name, "--help"])
        assert done.exit_code == 0
        assert len(done.output) > 100
    assert __version__ in CliRunner().invoke(cli, ["--version"]).output


def test_commands_and_the_check_before_a_bot_do_without_importing_discord(tmp_path: Path) -> None:
    code = (  # it takes half of their time
        "import sys, slashspan.telemetry.cli.run; from slashspan.telemetry.setup import pipeline\n"
        "pipeline.check({'OTEL_TRACES_EXPORTER': 'console'})\n"
        "sys.exit('discord' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=tmp_path, timeout=60).returncode == 0


def test_migrate_creates_the_table_and_can_be_run_again(dsn: str) -> None:
    for _ in range(2):
        done = CliRunner().invoke(cli, ["migrate", "--dsn", dsn])
        assert done.exit_code == 0, done.output
        assert "command_calls is ready" in done.output
    write_rows(dsn, sample(3, seed=1))
    done = CliRunner().invoke(cli, ["stats", "totals", "--since", "all", "--dsn", dsn, "--json"])
    assert json.loads(done.output)["rows"][0]["calls"] == 3


def test_migrate_refuses_a_table_that_is_not_ours(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "other.db")) as connection:
        connection.execute("CREATE TABLE command_calls (title TEXT)")
    done = CliRunner().invoke(cli, ["migrate", "--dsn", f"sqlite:///{tmp_path / 'other.db'}"])
    assert done.exit_code == 1
    assert "title" in done.output
    assert len(done.output.splitlines()) == 1


@pytest.mark.parametrize("command", ["migrate", "stats"])
def test_an_unavailable_server_is_reported_in_one_line_without_the_password(command: str) -> None:
    done = CliRunner().invoke(cli, [command, "--dsn", "postgresql://bot:geheim@127.0.0.1:1/bot"])
    assert done.exit_code == 1
    assert len(done.output.splitlines()) == 1
    assert "geheim" not in done.output


def test_stats_shows_the_numbers(dsn: str) -> None:
    write_rows(dsn, sample(30, seed=2))
    done = CliRunner().invoke(cli, ["stats", "--since", "all"], env={"SLASHSPAN_DSN": dsn})
    assert done.exit_code == 0
    assert "30 calls" in done.output
    assert "admin ban" in done.output


def test_stats_without_a_file_suggests_the_demo(tmp_path: Path) -> None:
    done = CliRunner().invoke(cli, ["stats", "--dsn", f"sqlite:///{tmp_path / 'none.db'}"])
    assert done.exit_code == 1
    assert "slashspan demo" in done.output
