"""What the commands print: everything as it is, on any terminal. Names come from users and are never read as markup."""

from __future__ import annotations

import codecs
import contextlib
import json
import sys
import unicodedata
from typing import Any, Final

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

_ASCII: Final = {"→": "->", "…": "...", "–": "-", "⚠": "!", "\ufe0f": "", "�": "?", "×": "x", "━": "-"}
"""Characters of our own; others are shown by their number, so that nothing is hidden."""
_ESCAPE: Final = "slashspan_escape"


def _escape(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start : error.end]
    return "".join(
        _ASCII[char] if char in _ASCII else char.encode("ascii", "backslashreplace").decode("ascii") for char in text
    ), error.end


codecs.register_error(_ESCAPE, _escape)


def never_fail_to_print() -> None:
    """A character that the terminal's encoding lacks is escaped; Python's own streams would raise."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError, ValueError, OSError):  # replaced by somebody, or closed
            stream.reconfigure(errors=_ESCAPE)  # type: ignore[union-attr]


def shown(text: object) -> str:
    """For one line of a terminal: control and direction characters, which could rewrite the line, become `�`."""
    return "".join(
        " " if char in "\t\r\n" else "�" if unicodedata.category(char) in ("Cc", "Cf") else char for char in str(text)
    )


def say(text: str, *, err: bool = False) -> None:
    """A line, however long: the terminal wraps it, and a path in it can be copied."""
    stream = sys.stderr if err else sys.stdout  # click.echo would write UTF-8 where the encoding is ASCII
    stream.write(f"{shown(text)}\n")
    stream.flush()


def say_json(data: Any) -> None:
    """For programs: ASCII, which every encoding holds."""
    click.echo(json.dumps(data, indent=2))


def console() -> Console:
    """For tables."""
    return Console(highlight=False, markup=False, emoji=False)


def progress(description: str) -> Progress:
    """A bar on stderr, gone at its end; give `add_task` an empty description."""
    columns = (TextColumn(description, markup=False), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=Console(stderr=True, highlight=False, markup=False), transient=True)
