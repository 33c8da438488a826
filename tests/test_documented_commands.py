"""What the pages tell a reader to do works: each console block and Python snippet is run, its output compared."""

from __future__ import annotations

import re
import shlex
import shutil
import sys
from typing import TYPE_CHECKING

import pytest
from dotenv import dotenv_values

from slashspan.settings import Settings
from tests.support import ROOT
from tests.support.documents import Reader, blocks, environment, matches, steps
from tests.support.processes import PLAIN

if TYPE_CHECKING:
    from pathlib import Path

PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md"))]
RUN = [page for page in PAGES if any(block.language in ("console", "python") for block in blocks(page))]
LANGUAGES = {"console", "python", "sh", "env", "yaml", "ini", "sql", "promql", "text"}
ELSEWHERE = {
    "pip": "changes the environment",
    "python": "creates a virtual environment, or asks for a password",
    ".": "activates it",
    "make": "tests/test_docs.py: the targets exist",
    "sudo": "needs a running systemd; tests/telemetry/cli/test_init.py has its unit verified",
    "journalctl": "needs a running systemd",
    "slashspan": "runs for ever (tests/telemetry/cli has its tests), or in a folder of systemd",
    "docker": "needs an engine; tests/telemetry/cli/test_init.py has the file checked where Compose is installed",
    "otelcol-contrib": "tests/collector runs a collector with these files",
    "printf": "changes the reader's repository",
    "echo": "writes a password for docker",
}
"""First words, after variables, of the commands in `sh` blocks, which are not run, and why."""


@pytest.mark.skipif(sys.platform == "win32", reason="the pages' commands are for a POSIX shell")
@pytest.mark.timeout(600)
@pytest.mark.parametrize("page", RUN, ids=lambda page: page.name)
async def test_a_reader_can_do_what_the_page_says(page: Path, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    if any("sqlite3 " in block.text for block in blocks(page)) and shutil.which("sqlite3") is None:
        pytest.skip("sqlite3 is not installed")
    folder = tmp_path / "reader"
    folder.mkdir()
    shutil.copy(PLAIN, folder / "bot.py")
    environ = environment(tmp_path / "state")
    if page.name == "clickhouse.md":
        environ["SLASHSPAN_DSN"] = request.getfixturevalue("clickhouse_dsn")
    await Reader(folder, environ).follow(page)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_block_says_what_it_is(page: Path) -> None:
    for block in blocks(page):
        where = f"{page.name}:{block.line}"
        assert block.language in LANGUAGES, f"{where}: ```{block.language}; see tests/support/documents.py"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_that_are_not_run_are_few_and_known(page: Path) -> None:
    for block in blocks(page):
        if block.language == "sh":
            for line in block.text.replace("\\\n", "").splitlines():
                words = [word for word in shlex.split(line, comments=True) if not re.match(r"[A-Z_]+=", word)]
                assert not words or words[0] in ELSEWHERE, f"{page.name}:{block.line}: {line}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_settings_are_valid(page: Path, tmp_path: Path) -> None:
    for block in blocks(page):
        if block.language == "env":
            for line in block.text.splitlines():  # several examples of one variable may follow each other
                (tmp_path / "page.env").write_text(line, "utf-8")
                values = {name: value or "" for name, value in dotenv_values(tmp_path / "page.env").items()}
                Settings.from_environ(values)


@pytest.mark.parametrize(
    ("expected", "output", "fits"),
    [
        ("a\n", "a  \n", True),
        ("a\n", "a\nb\n", False),
        ("took …ms\n", "took 1.5ms\n", True),
        ("took …ms\n", "took 1.5 s\n", False),
        ("a\n…\nc\n", "a\nb\nb\nc\n", True),
        ("a\n…\n", "a\n", True),
        ("…\n", "", True),
        ("(1)\n", "1\n", False),
    ],
)
def test_output_is_compared_line_by_line(expected: str, output: str, fits: bool) -> None:
    assert matches(expected, output) is fits


def test_a_console_block_is_commands_each_with_its_output(tmp_path: Path) -> None:
    text = "```console\n$ one \\\n  more\nout\n\nout\n$ two\n```\n```sh\nthree\n```\n"
    (tmp_path / "page.md").write_text(text, "utf-8")
    console, shell = blocks(tmp_path / "page.md")
    assert list(steps(console)) == [("one \\\n  more", "out\n\nout\n"), ("two", "")]
    assert (shell.language, shell.line) == ("sh", 9)
