"""`slashspan dashboard`: starts, and what it refuses."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
import urllib.request
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from slashspan.telemetry.cli import cli
from tests.support.rows import sample
from tests.support.stored_rows import write_rows

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def dsn(tmp_path: Path) -> str:
    dsn = f"sqlite:///{tmp_path / 'calls.db'}"
    write_rows(dsn, sample(3, seed=1))
    return dsn


@pytest.mark.skipif(sys.platform == "win32", reason="a process of Windows cannot be sent Ctrl-C alone")
def test_the_page_is_served_until_ctrl_c(dsn: str) -> None:
    command = [sys.executable, "-m", "slashspan", "dashboard", "--port", "0", "--dsn", dsn]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            address = re.search(r"http://127\.0\.0\.1:\d+", line)
            assert address is not None, line
            with urllib.request.urlopen(address[0], timeout=60) as answer:
                assert b"data-chart" in answer.read()
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=60)
        finally:
            process.kill()
    assert (process.returncode, errors) == (0, "")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--host", "0.0.0.0"], "must know a token: set SLASHSPAN_DASHBOARD_TOKEN"),
        (["--host", "192.168.1.1", "--token", ""], "must know a token"),
        (["--token", "short"], "at least 16 characters"),
        (["--zone", "Mars/Base"], "no time zone 'Mars/Base'"),
        (["--trace-link", "javascript:alert({trace_id})"], "must be a web address with {trace_id} in it"),
        (["--trace-link", "https://traces.example/"], "{trace_id}"),
    ],
)
def test_what_would_be_unsafe_or_useless_is_refused(arguments: list[str], expected: str, dsn: str) -> None:
    done = CliRunner().invoke(cli, ["dashboard", "--dsn", dsn, *arguments])
    assert done.exit_code == 2
    assert expected in done.output


def test_a_store_that_cannot_be_read_is_said_at_once(tmp_path: Path) -> None:
    done = CliRunner().invoke(cli, ["dashboard", "--dsn", f"sqlite:///{tmp_path / 'missing.db'}"])
    assert done.exit_code == 1
    assert "does not exist yet" in done.output


def test_a_port_that_is_taken_is_one_line(dsn: str) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        port = str(server.getsockname()[1])
        done = CliRunner().invoke(cli, ["dashboard", "--dsn", dsn, "--port", port])
    assert done.exit_code == 2
    assert f"--port {port}: cannot listen" in done.output


def test_a_missing_extra_names_its_command(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jinja2", None)
    done = CliRunner().invoke(cli, ["dashboard", "--dsn", dsn])
    assert done.exit_code == 2
    assert "pip install 'slashspan[dashboard]'" in done.output
