"""What the documents name exists: files, links, commands with their options, make targets, benchmarks."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

import click
import pytest

from slashspan.telemetry.cli import cli
from tests.support import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DOCUMENTS = [
    *sorted(ROOT.glob("*.md")),
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "environments").glob("*.env")),
    ROOT / "collector-config.yaml",
]
FENCED = re.compile(r"^```\w*\n(.*?)^```", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`([^`]+)`")
COMMENT = re.compile(r"^#\s+(slashspan .*)$", re.MULTILINE)
PATH = re.compile(r"\.?[\w-]+(?:/[\w.-]+)*(?:\.(?:py|md|sql|yaml|toml|lock|env)|/[\w-]+|/)")
NOT_OURS = {"bot.py", "discord.py", "slashspan/spool", "Europe/Berlin", "p50/p95"}
"""Files of the reader, and words that only look like a path."""
each_document = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda file: file.name)


def code(document: Path) -> Iterator[str]:
    """Each line of a code block, and each piece of code in the text."""
    text = document.read_text("utf-8")
    for block in FENCED.findall(text):
        yield from block.splitlines()
    for piece in INLINE.findall(FENCED.sub("", text)):
        yield " ".join(piece.split())
    yield from COMMENT.findall(text)


def words(document: Path, start: str) -> Iterator[list[str]]:
    """The code that begins with this word, split as a shell does, without its comment."""
    for line in code(document):
        if line.startswith(f"{start} "):
            yield shlex.split(line.replace("…", ""), comments=True)[1:]


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text("utf-8").splitlines()) < 120


def test_the_reference_is_up_to_date() -> None:
    from tools.reference import document

    assert (ROOT / "docs" / "reference.md").read_text("utf-8") == document().rstrip() + "\n", "run: make docs"


@each_document
def test_every_link_leads_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\(([^)]+)\)", document.read_text("utf-8")):
        assert target.startswith("http") or (document.parent / target).exists(), target


@each_document
def test_every_path_exists(document: Path) -> None:
    for line in code(document):
        for word in line.split():
            if PATH.fullmatch(word) and word not in NOT_OURS:
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
