"""What users get wrong is one line that names it and an exit status, never a traceback."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner, Result

from slashspan.telemetry.cli import cli
from tests.support.legacy_tables import SQLITE
from tests.support.tables import execute

if TYPE_CHECKING:
    from pathlib import Path

ON_A_STORE = (
    ["stats"],
    ["export", "5"],
    ["forget", "5", "--yes"],
    ["prune", "--older-than", "1d", "--yes"],
    ["migrate"],
    ["migrate", "--dry-run"],
)


def call(folder: Path, *arguments: str, **environ: str) -> Result:
    done = CliRunner().invoke(cli, arguments, env={"SLASHSPAN_SPOOL": str(folder / "spool"), **environ})
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done


@pytest.mark.parametrize("arguments", ON_A_STORE, ids=" ".join)
def test_a_file_that_is_not_a_database_and_a_folder_are_named_in_the_error(
    arguments: list[str], tmp_path: Path
) -> None:
    (tmp_path / "text.db").write_text("no database at all\n" * 100)
    for path, said in ((tmp_path, "is a folder"), (tmp_path / "text.db", "not a database")):
        done = call(tmp_path, *arguments, "--dsn", f"sqlite:///{path}")
        assert done.exit_code == 1
        assert len(done.output.splitlines()) == 1
        assert str(path) in done.output
        assert said in done.output
    assert (tmp_path / "text.db").read_text() == "no database at all\n" * 100


def test_a_bot_given_as_a_command_and_a_name_given_as_an_id_are_explained(tmp_path: Path) -> None:
    assert "slashspan run bot.py" in call(tmp_path, "bot.py").output
    for command in ("export", "forget"):
        done = call(tmp_path, command, "@alice")
        assert (done.exit_code, "'@alice' is not a valid id of a Discord user" in done.output) == (2, True)


def test_the_doctor_finds_a_file_in_place_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = call(tmp_path, "doctor", "--dsn", f"sqlite:///{tmp_path}/file/calls.db")
    assert done.exit_code == 1
    assert "cannot be written" in done.output


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read and write everything")
@pytest.mark.parametrize("arguments", ON_A_STORE[1:5], ids=" ".join)
def test_an_unreadable_file_is_named_in_the_error(arguments: list[str], tmp_path: Path) -> None:
    (tmp_path / "calls.db").write_bytes(b"")
    (tmp_path / "calls.db").chmod(0)
    done = call(tmp_path, *arguments, "--dsn", f"sqlite:///{tmp_path}/calls.db")
    assert done.exit_code == 1
    assert str(tmp_path / "calls.db") in done.output


@pytest.mark.parametrize("user", ["abc", "-1", "0", "9223372036854775808", "1.5", ""])
def test_an_invalid_user_id_is_refused(user: str, tmp_path: Path) -> None:
    for command in ("forget", "export"):
        done = call(tmp_path, command, "--dsn", f"sqlite:///{tmp_path}/calls.db", "--", user)
        assert done.exit_code == 2
        assert "USER_ID" in done.output


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\xff\xfe=x", "UTF-8"),
        (b"TOKEN=a\0b\n", "not a text file"),
        (b"# ours\n\nTOKEN=x\njust words\n", "line 4 is not NAME=value"),
        (b"TOKEN\n", "TOKEN has no value"),
    ],
)
def test_an_env_file_that_cannot_be_read_is_named_in_the_error(content: bytes, said: str, tmp_path: Path) -> None:
    (tmp_path / "bad.env").write_bytes(content)
    done = call(tmp_path, "stats", "--env-file", str(tmp_path / "bad.env"))
    assert done.exit_code == 2
    assert len(done.output.splitlines()) == 1
    assert "bad.env" in done.output
    assert said in done.output


def test_the_doctor_names_an_unusable_standard_variable(tmp_path: Path) -> None:
    environ = {"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_COMPRESSION": "zstd"}
    done = call(tmp_path, "doctor", "--dsn", f"sqlite:///{tmp_path}/calls.db", **environ)
    assert done.exit_code == 2
    assert done.output == "slashspan: OTEL_EXPORTER_OTLP_COMPRESSION='zstd': must be one of: none, gzip\n"


def test_migrate_is_advised_only_where_it_helps(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "empty.db")) as connection:
        connection.execute("CREATE TABLE something (else_)")
    assert "slashspan migrate" in call(tmp_path, "stats", "--dsn", f"sqlite:///{tmp_path}/empty.db").output
    (tmp_path / "text.db").write_text("no database at all\n" * 100)
    assert "slashspan migrate" not in call(tmp_path, "stats", "--dsn", f"sqlite:///{tmp_path}/text.db").output


def test_a_row_with_an_invalid_time_breaks_no_command(tmp_path: Path) -> None:
    dsn = f"sqlite:///{tmp_path}/calls.db"
    execute(dsn, SQLITE["text"])
    assert call(tmp_path, "migrate", "--dsn", dsn).exit_code == 0
    for at in ("2020", "2020-13-45 99:00:00", "", "soon"):
        execute(
            dsn, f"INSERT INTO command_calls (discord_uid, player_name, command, called_at) VALUES (5, '', 'a', '{at}')"
        )
    for arguments in (["stats"], ["stats", "--json"], ["export", "5"], ["doctor"], *ON_A_STORE):
        assert call(tmp_path, *arguments, "--dsn", dsn).exit_code == 0, arguments
