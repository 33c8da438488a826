"""Every command prints everything except secrets, whatever a name contains and whatever the terminal can show."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
from click.testing import CliRunner

from slashspan.exporters.spool.dead_letters import DeadLetters
from slashspan.exporters.spool.destinations import Destination
from slashspan.telemetry.cli import cli
from tests.support.journals import die, left_behind
from tests.support.rows import rows
from tests.support.stored_rows import write_rows

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

NAME = "[/eu] [bold]ünï 🎲 :smile: " + "x" * 90
"""A name with markup and rare characters, longer than a terminal is wide."""
USER = 80351110224678912
COMMANDS: list[list[str]] = [
    ["--help"],
    ["doctor"],
    ["doctor", "--json"],
    ["spool"],
    ["spool", "--json"],
    ["spool", "redrive", "--dry-run"],
    ["stats", "--since", "all"],
    ["stats", "--since", "all", "--json"],
    ["stats", "commands", "--since", "all"],
    ["stats", "recent", "--since", "all"],
    ["stats", "--list"],
    ["stats", "--list", "retention"],
    ["migrate", "--dry-run"],
    ["migrate"],
    ["prune", "--older-than", "1d", "--dry-run"],
    ["export", str(USER)],
    ["export", str(USER), "--json"],
    ["spool", "drain"],
    ["spool", "redrive"],
    ["prune", "--older-than", "99y"],
    ["forget", str(USER), "--yes"],
    *([name, "--help"] for name in ("run", "demo", "doctor", "spool", "stats", "migrate", "prune", "export", "forget")),
]
TRACEBACK = "Traceback (most recent call last)"


@pytest.fixture
def store(tmp_path: Path) -> dict[str, str]:
    """Settings of a store and spool in which everything is called NAME."""
    folder = tmp_path / f"[/eu] ünï 🎲 {'y' * 60}"
    dsn = f"sqlite:///{folder}/{quote('[/red] calls.db')}"
    call = dataclasses.replace(
        rows(1)[0], player_name=NAME, command=NAME, outcome=NAME[:20], checkpoints=json.dumps([step(NAME)])
    )
    write_rows(dsn, [dataclasses.replace(call, span_id=number) for number in range(3)])
    bot = left_behind(folder / "spool", dsn, [dataclasses.replace(call, span_id=7)], service=NAME)
    bot.journal.record_error(f"no answer from {NAME}")
    die(bot.journal)
    DeadLetters(bot.journal.folder).add(dataclasses.replace(call, span_id=8), f"poison {NAME}")
    return {"SLASHSPAN_DSN": dsn, "SLASHSPAN_SPOOL": str(folder / "spool")}


def step(name: str) -> dict[str, object]:
    return {"name": name, "at_ms": 1.5, "step_ms": 1.5}


def run(
    arguments: list[str],
    settings: Mapping[str, str],
    *,
    start: Sequence[str] = ("-m", "slashspan"),
    **environ: str,
) -> subprocess.CompletedProcess[bytes]:
    environ = {**os.environ, **settings, **environ, "COLUMNS": "80", "TERM": "dumb"}
    command = [sys.executable, *start, *arguments]
    return subprocess.run(command, env=environ, capture_output=True, timeout=120, check=False)


ALL = """
import json, sys
from slashspan.telemetry.cli import cli
for arguments in json.loads(sys.argv[1]):
    try:
        cli.main(arguments, prog_name="slashspan")
    except SystemExit as end:
        status = end.code
    sys.stdout.flush()
    sys.stdout.buffer.write(b"\\0%d\\0" % (status or 0))
    sys.stdout.flush()
"""
"""Runs commands one after the other, and prints the exit status of each between NULs."""


@pytest.mark.parametrize("encoding", ["cp437", "ascii", "utf-8"])
def test_no_command_crashes_on_any_terminal_or_name(encoding: str, store: dict[str, str]) -> None:
    done = run([json.dumps(COMMANDS)], store, start=("-c", ALL), PYTHONIOENCODING=encoding)
    assert TRACEBACK not in done.stderr.decode(encoding), done.stderr.decode(encoding)
    assert done.returncode == 0
    printed = done.stdout.decode(encoding).split("\0")
    for arguments, output, status in zip(COMMANDS, printed[::2], printed[1::2], strict=False):
        assert status == "0", (arguments, output, done.stderr.decode(encoding))
        if "--json" in arguments:
            for text in [output] if arguments[0] != "export" else output.splitlines():
                json.loads(text)
    assert len(printed) == 2 * len(COMMANDS) + 1


@pytest.mark.parametrize("arguments", [["spool"], ["doctor"], ["stats", "--since", "all"], ["export", str(USER)]])
def test_nothing_is_hidden_in_a_narrow_terminal(arguments: list[str], store: dict[str, str]) -> None:
    printed = run(arguments, store, PYTHONIOENCODING="utf-8").stdout.decode()
    without_frames = "".join(char for char in printed if char not in " │┃|\n")
    assert "…" not in printed
    assert "[/eu][bold]ünï🎲:smile:" in without_frames.replace("\u200b", "")
    assert without_frames.count("x") >= 90


def test_characters_that_the_terminal_lacks_are_shown_as_code_points(store: dict[str, str]) -> None:
    printed = run(["spool"], store, PYTHONIOENCODING="ascii").stdout.decode("ascii")
    assert "[/eu] [bold]\\xfcn\\xef \\U0001f3b2" in printed
    assert " -> sqlite:///" in printed


def test_control_characters_in_names_do_not_reach_the_terminal(tmp_path: Path) -> None:
    dsn = f"sqlite:///{tmp_path}/calls.db"
    call = dataclasses.replace(rows(1)[0], player_name="\x1b[2J", command="a\x1b[2J\u202eb")
    write_rows(dsn, [call])
    die(left_behind(tmp_path / "spool", dsn, [call], service="\x1b]0;title\x07").journal)
    settings = {"SLASHSPAN_DSN": dsn, "SLASHSPAN_SPOOL": str(tmp_path / "spool")}
    for arguments in (["spool"], ["doctor"], ["stats", "--since", "all"], ["export", str(USER)], ["spool", "drain"]):
        done = CliRunner().invoke(cli, arguments, env=settings)
        assert done.exit_code == 0, done.output
        assert not {"\x1b", "\x07", "\u202e"} & set(done.output), arguments


def test_the_demo_runs_on_an_ascii_terminal(tmp_path: Path) -> None:
    settings = {"SLASHSPAN_DSN": f"sqlite:///{tmp_path}/calls.db"}
    done = run(["demo", "--commands", "20", "--rate", "100"], settings, PYTHONIOENCODING="ascii")
    assert done.returncode == 0, done
    assert b"sent 20 = recorded 20" in done.stdout


AWAY = "postgresql://bot:{}@127.0.0.1:1/bot?sslmode=disable&sslpassword=hunter3"
EVERY_COMMAND = (
    ["doctor"],
    ["doctor", "--json"],
    ["stats"],
    ["migrate"],
    ["migrate", "--dry-run"],
    ["prune", "--older-than", "90d", "--yes"],
    ["forget", "5", "--yes"],
    ["export", "5"],
    ["spool"],
    ["spool", "--json"],
    ["spool", "drain", "--timeout", "0.5"],
    ["spool", "redrive", "--timeout", "0.5"],
)


@pytest.mark.parametrize("arguments", EVERY_COMMAND, ids=" ".join)
def test_no_command_shows_a_password(arguments: list[str], tmp_path: Path) -> None:
    for password in ("hunter/2?#@:", quote("hunter/2?#@:", safe=""), "hunter%", "hunter[2]"):
        dsn = AWAY.format(password)
        settings = {"SLASHSPAN_DSN": dsn, "SLASHSPAN_SPOOL": str(tmp_path / "spool")}
        if password != "hunter/2?#@:":
            die(left_behind(tmp_path / "spool", dsn, rows(2)).journal)
        done = CliRunner().invoke(cli, arguments, env={**settings, "SLASHSPAN_USER_ID_KEY": "hunter4"})
        assert done.exception is None or isinstance(done.exception, SystemExit), done
        assert "hunter" not in done.output
        assert "hunter" not in repr(done.exception)
    files = b"".join(file.read_bytes() for file in tmp_path.rglob("*") if file.is_file())
    assert b"127.0.0.1" in files
    assert b"hunter" not in files


def test_no_command_shows_a_key_of_a_collector(tmp_path: Path) -> None:
    for endpoint in (
        "http://user:hunter2@127.0.0.1:1/v1/traces?api-key=hunter2",
        "http://user:hun/ter?hunter2@127.0.0.1:1",
        "http://hunter2@127.0.0.1:hunter",
        "http://127.0.0.1:1?hunter2",
    ):
        settings = {
            "OTEL_TRACES_EXPORTER": "command_calls,otlp",
            "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint,
            "SLASHSPAN_DSN": f"sqlite:///{tmp_path}/calls.db",
            "SLASHSPAN_SPOOL": str(tmp_path / "spool"),
        }
        done = CliRunner().invoke(cli, ["doctor"], env=settings)
        assert done.exit_code in (1, 2)
        assert "OTEL_EXPORTER_OTLP_ENDPOINT" in done.output
        assert "hunter" not in done.output
        assert "hun/ter" not in done.output


@pytest.mark.parametrize("value", ["~nouser", "~nouser/spool"])
def test_the_home_folder_of_an_unknown_user_is_an_error_of_one_line(value: str, tmp_path: Path) -> None:
    done = CliRunner().invoke(cli, ["spool"], env={"SLASHSPAN_SPOOL": value})
    assert done.exit_code == 2
    assert len(done.output.splitlines()) == 1
    assert f"SLASHSPAN_SPOOL='{value}'" in done.output


def test_a_destination_names_its_store_without_secrets(tmp_path: Path) -> None:
    folder = Destination.of("bot", AWAY.format("hunter2"), "command_calls").folder(tmp_path / "spool")
    assert json.loads((folder / "destination.json").read_text("utf-8"))["store"] == "postgresql://127.0.0.1:1/bot"
