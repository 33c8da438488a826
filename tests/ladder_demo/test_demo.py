"""A short `slashspan demo`: what was sent is what was recorded, and every difference is found."""

from __future__ import annotations

import dataclasses
import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tests.support import ROOT
from tests.support.stored_rows import read_rows


def demo(dsn: str, cwd: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [
        sys.executable,
        "-m",
        "slashspan",
        "demo",
        "--commands",
        "200",
        "--rate",
        "200",
        "--dsn",
        dsn,
    ]
    return subprocess.run([*command, *arguments], capture_output=True, text=True, timeout=100, cwd=cwd)


def test_all_that_was_sent_is_recorded(dsn: str, tmp_path: Path) -> None:
    done = demo(dsn, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "sent 200 = recorded 200" in done.stdout
    for word in ("leaderboard", "TermsView", "p95", "Slow steps", "rejected"):
        assert word in done.stdout
    # Which of the steps are the slowest, and shown, depends on the machine.
    assert any("archive_read" in str(row["checkpoints"]) for row in read_rows(dsn))
    assert re.search(r"200 calls by \d+ users", done.stdout)


def test_a_second_run_counts_only_its_own_commands(tmp_path: Path) -> None:
    dsn = f"sqlite:///{tmp_path / 'twice.db'}"
    demo(dsn, tmp_path)
    done = demo(dsn, tmp_path, "--seed", "2")
    assert "sent 200 = recorded 200" in done.stdout
    with closing(sqlite3.connect(tmp_path / "twice.db")) as connection:
        assert connection.execute("SELECT count(*) FROM command_calls").fetchone() == (400,)


def test_the_error_of_a_bot_that_cannot_start_is_shown(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "foreign.db")) as connection:
        connection.execute("CREATE TABLE command_calls (title TEXT)")
    done = demo(f"sqlite:///{tmp_path / 'foreign.db'}", tmp_path)
    assert done.returncode == 1
    assert "SLASHSPAN_DSN" in done.stdout
    assert "title" in done.stdout


@pytest.fixture
def recorded(tmp_path: Path) -> tuple[list[object], str]:
    """Two actions, and a table with a perfect recording of them."""
    from discord_standin import Action, Call, Channel, User, snowflake
    from ladder_demo.plan import Expected

    from slashspan.exporters.stores.factory import open_store
    from tests.support.rows import FULL

    dsn = f"sqlite:///{tmp_path / 'compare.db'}"
    actions: list[object] = []
    rows = []
    for number in range(2):
        user = User(snowflake(), f"user {number}")
        channel = Channel(snowflake(), 1)
        note = Expected("slash", "ping", "ok")
        action = Action(snowflake(), "slash", "ping", user, None, channel, 0, "t", sent_ns=10**18 + number, note=note)
        action.calls.append(Call("callback", "POST", "/", 10**18 + 9_000_000, 10**18 + 9_500_000, 200, 4))
        actions.append(action)
        rows.append(
            dataclasses.replace(
                FULL,
                called_at=10**15 + 5,
                span_id=number,
                interaction_id=action.id,
                discord_uid=user.id,
                player_name=user.name,
                command="ping",
                outcome="ok",
                guild_id=None,
                channel_id=channel.id,
                ack_ms=20.0,
            )
        )
    store = open_store(dsn)
    store.write(rows, timeout=10.0)
    store.close(timeout=1.0)
    return actions, dsn


def test_a_perfect_recording_has_no_differences(recorded: tuple[list[object], str]) -> None:
    assert compare(*recorded) == []


TWICE = """
INSERT INTO command_calls (discord_uid, player_name, command, called_at, interaction_id, span_id)
SELECT discord_uid, player_name, command, called_at, interaction_id, 9 FROM command_calls WHERE span_id = 0
"""


@pytest.mark.parametrize(
    ("change", "reported"),
    [
        ("DELETE FROM command_calls WHERE span_id = 0", "recorded 0 times"),
        ("UPDATE command_calls SET outcome = 'error' WHERE span_id = 0", "outcome is 'error', not 'ok'"),
        ("UPDATE command_calls SET discord_uid = 1 WHERE span_id = 0", "discord_uid is 1"),
        ("UPDATE command_calls SET command = 'pong' WHERE span_id = 0", "command is 'pong'"),
        ("UPDATE command_calls SET ack_ms = NULL WHERE span_id = 0", "ack_ms is None"),
        ("UPDATE command_calls SET ack_ms = 1 WHERE span_id = 0", "before the acknowledgement"),
        ("UPDATE command_calls SET called_at = '2001-09-09T01:46:41.000000Z' WHERE span_id = 0", "first call"),
        ("UPDATE command_calls SET interaction_id = 5 WHERE span_id = 0", "never sent"),
        (TWICE, "recorded 2 times"),
    ],
)
def test_every_difference_is_found(change: str, reported: str, recorded: tuple[list[object], str]) -> None:
    actions, dsn = recorded
    with closing(sqlite3.connect(dsn.removeprefix("sqlite:///"))) as connection, connection:
        connection.execute(change)
    assert any(reported in problem for problem in compare(actions, dsn))


def compare(actions: list[object], dsn: str) -> list[str]:
    from ladder_demo.compare import differences

    from slashspan import insights

    with insights.open_reader(dsn) as reader:
        return differences(actions, reader)  # type: ignore[arg-type]


def test_without_a_token_the_reference_bot_names_the_variable(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "ladder_bot"],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=ROOT / "examples",
        env={"PATH": ""},
    )
    assert done.returncode == 1
    assert "DISCORD_TOKEN" in done.stderr
