"""Prints what the commands say, complete and on any terminal. Names from users are never interpreted as markup."""

from __future__ import annotations

import codecs
import contextlib
import json
import os
import sys
import unicodedata
from typing import TYPE_CHECKING, Any, Final, NoReturn

import click

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

_ASCII: Final = {
    "→": "->",
    "…": "...",
    "–": "-",
    "⚠": "!",
    "\ufe0f": "",
    "�": "?",
    "×": "x",
    "━": "-",
    "▲": "^",
    "▼": "v",
    "·": ".",
}
_ASCII.update(zip("▁▂▃▄▅▆▇█▏▎▍▌▋▊▉░▒▓", "__--==^#|||####.:+", strict=True))
"""Characters that we use ourselves; others are shown as code points, so that nothing is hidden."""
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
        with contextlib.suppress(AttributeError, ValueError, OSError):  # replaced, or closed
            stream.reconfigure(errors=_ESCAPE)  # type: ignore[union-attr]


def shown(text: object) -> str:
    """For one line of a terminal: control and direction characters, which could rewrite the line, become `�`."""
    return "".join(
        " " if char in "\t\r\n" else "�" if unicodedata.category(char) in ("Cc", "Cf") else char for char in str(text)
    )


def say(text: str, *, err: bool = False) -> None:
    """A line of any length: the terminal wraps it, so that a path in it can be copied."""
    stream = sys.stderr if err else sys.stdout  # click.echo would write UTF-8 where the encoding is ASCII
    stream.write(f"{shown(text)}\n")
    stream.flush()


def end_quietly() -> NoReturn:
    """For output that nobody reads any more: nothing is written to it at exit either."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(1)


def say_json(data: Any) -> None:
    """Output for programs, in ASCII, which every encoding contains."""
    click.echo(json.dumps(data, indent=2))


def print_csv(text: str) -> None:
    """CSV in UTF-8, in which spreadsheets and programs expect it, whatever the terminal has."""
    sys.stdout.flush()
    sys.stdout.buffer.write(text.encode("utf-8"))
    sys.stdout.buffer.flush()


def console() -> Console:
    """A console for tables."""
    from rich.console import Console  # takes longer to import than most commands take

    return Console(highlight=False, markup=False, emoji=False)


def progress(description: str) -> Progress:
    """A progress bar that disappears at the end, if stderr is a terminal; give `add_task` an empty description."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn(description, markup=False), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    terminal = Console(stderr=True, highlight=False, markup=False)
    return Progress(*columns, console=terminal, transient=True, disable=not terminal.is_terminal)
