"""`slashspan chart` and `slashspan report`."""

from __future__ import annotations

import json
import sys
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from slashspan.telemetry.cli import cli
from tests.support.history import NOW, store_history

if TYPE_CHECKING:
    from pathlib import Path

SINCE = ["--since", f"{NOW - timedelta(days=7):%Y-%m-%d}", "--until", f"{NOW:%Y-%m-%d}"]


@pytest.fixture(scope="module")
def dsn(tmp_path_factory: pytest.TempPathFactory) -> str:
    return store_history(tmp_path_factory.mktemp("history") / "calls.db", days=10)


@pytest.mark.parametrize(("suffix", "begins"), [("png", b"\x89PNG"), ("svg", b"<svg"), ("json", b"{")])
def test_a_chart_is_drawn_into_a_file_of_the_wanted_kind(suffix: str, begins: bytes, dsn: str, tmp_path: Path) -> None:
    file = tmp_path / f"calls.{suffix}"
    done = CliRunner().invoke(cli, ["chart", "calls", str(file), "--dsn", dsn, *SINCE, "--dark"])
    assert done.exit_code == 0, done.output
    assert file.read_bytes().startswith(begins)
    assert " calls, most of them " in done.output


def test_the_specification_can_be_used_elsewhere(dsn: str, tmp_path: Path) -> None:
    file = tmp_path / "hours.json"
    CliRunner().invoke(cli, ["chart", "hours", str(file), "--dsn", dsn, *SINCE])
    specification = json.loads(file.read_text("utf-8"))
    assert specification["$schema"].startswith("https://vega.github.io/schema/vega-lite/")
    assert len(specification["data"]["values"]) == 168


def test_a_report_is_written_for_the_chosen_calls(dsn: str, tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    command = ["report", str(file), "--dsn", dsn, *SINCE, "--command", "queue", "--title", "Only /queue"]
    done = CliRunner().invoke(cli, command)
    assert done.exit_code == 0, done.output
    text = file.read_text("utf-8")
    assert "Only /queue" in text
    assert "commands: queue" in text
    assert "is used most" not in text  # among what?
    assert "How durations are spread" in text


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["chart", "cals", "x.png"], "no chart 'cals': did you mean calls"),
        (["chart", "calls", "x.gif"], "must end with one of .png, .svg, .json"),
        (["chart", "calls"], "slashspan chart calls calls.png; see --list"),
        (["chart", "calls", "missing/x.png"], "missing/x.png cannot be written: No such file or directory"),
        (["report", "missing/x.html"], "missing/x.html cannot be written: No such file or directory"),
    ],
)
def test_wrong_input_is_one_line(
    arguments: list[str], expected: str, dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(cli, [*arguments, "--dsn", dsn])
    assert done.exit_code == 2
    assert expected in done.output
    assert "Traceback" not in done.output


@pytest.mark.parametrize(
    ("module", "arguments"), [("vl_convert", ["chart", "calls", "x.png"]), ("jinja2", ["report", "x.html"])]
)
def test_a_missing_extra_names_its_command(
    module: str, arguments: list[str], dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, module, None)
    done = CliRunner().invoke(cli, [*arguments, "--dsn", dsn])
    assert done.exit_code == 2
    assert "pip install 'slashspan[charts]'" in done.output


def test_the_charts_are_listed() -> None:
    done = CliRunner().invoke(cli, ["chart", "--list"])
    assert "retention" in done.output
    assert len(done.output.splitlines()) > 20
