"""What the documents name exists: files, links, commands with their options, make targets, benchmarks."""

from __future__ import annotations

import importlib
import re
import shlex
from typing import TYPE_CHECKING

import click
import pytest

import slashspan
from slashspan.telemetry.cli import cli
from tests.support import ROOT
from tools import api

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DOCUMENTS = [
    *sorted(ROOT.glob("*.md")),
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "docs" / "prometheus").glob("*.yml")),
    *sorted((ROOT / "environments").glob("*.env")),
    ROOT / "collector-config.yaml",
    ROOT / "collector-gateway.yaml",
]
FENCED = re.compile(r"^```\w*\n(.*?)^```", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`([^`]+)`")
COMMENT = re.compile(r"^#\s+(slashspan .*)$", re.MULTILINE)
PATH = re.compile(r"\.?[\w-]+(?:/[\w.-]+)*(?:\.(?:py|md|sql|yaml|toml|lock|env)|/[\w-]+|/)")
NOT_OURS = {"discord.py", "slashspan/spool", "Europe/Berlin", "p50/p95", "http/protobuf"}
"""Words that only look like a path."""
OF_THE_READER = {
    "charts.py",
    "owner.py",
    "reading.py",
    "weekly.py",
    "bot.py",
    "scores.py",
    "users.py",
    "telemetry.py",
    "requirements.txt",
    "slashspan.env",
    "compose.yaml",
    "bot.service",
}
each_document = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda file: file.name)


def code(document: Path) -> Iterator[str]:
    """Each line of a code block, and each piece of code in the text."""
    text = document.read_text("utf-8")
    for block in FENCED.findall(text):
        yield from (line.removeprefix("$ ") for line in block.splitlines())
    for piece in INLINE.findall(FENCED.sub("", text)):
        yield " ".join(piece.split())
    yield from COMMENT.findall(text)


def anchors(page: Path) -> set[str]:
    """Of its headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", FENCED.sub("", page.read_text("utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def words(document: Path, start: str) -> Iterator[list[str]]:
    """The code that begins with this word, split as a shell does, without its comment."""
    for line in code(document):
        if line.startswith(f"{start} "):
            yield shlex.split(line.replace("…", ""), comments=True)[1:]


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text("utf-8").splitlines()) < 120


@pytest.mark.parametrize("page", ["reference", "api"])
def test_generated_pages_are_up_to_date(page: str) -> None:
    text: str = importlib.import_module(f"tools.{page}").document()
    assert (ROOT / "docs" / f"{page}.md").read_text("utf-8") == text.rstrip() + "\n", "run: make docs"


def test_every_public_name_has_an_entry() -> None:
    assert sorted(api.ORDER) == sorted(slashspan.__all__)


@each_document
def test_every_link_leads_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\(([^)]+)\)", document.read_text("utf-8")):
        if not target.startswith("http"):
            file, _, anchor = target.partition("#")
            page = document.parent / file if file else document
            assert page.exists(), target
            assert not anchor or anchor in anchors(page), target


@each_document
def test_every_path_exists(document: Path) -> None:
    for line in code(document):
        for word in line.split():
            if PATH.fullmatch(word) and word not in NOT_OURS | OF_THE_READER:
                assert any((folder / word).exists() for folder in (ROOT, ROOT / "docs", ROOT / "tests")), word


@each_document
def test_every_command_and_option_exists(document: Path) -> None:
    for arguments in words(document, "slashspan"):
        command: click.Command = cli
        if arguments[0].startswith("-"):
            continue
        while isinstance(command, click.Group) and arguments and arguments[0] in command.commands:
            command = command.commands[arguments.pop(0)]
        assert command is not cli, f"slashspan {arguments[0]}"
        options = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
        for word in arguments:
            assert not word.startswith("--") or word.partition("=")[0] in options, f"{command.name}: {word}"


@each_document
def test_every_make_target_exists(document: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    for arguments in words(document, "make"):
        assert arguments[0] in targets, arguments[0]


@each_document
def test_every_module_that_is_run_exists(document: Path) -> None:
    for arguments in words(document, "python"):
        if arguments[:2] == ["-m", "benchmarks"]:
            for name in arguments[2:]:
                assert name.startswith("-") or (ROOT / "benchmarks" / f"{name}.py").exists(), name
