"""`sqlite:///path`."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import unquote

from slashspan.dsn.shown import SQLITE_PREFIX, wrong_dsn


def parse(text: str) -> dict[str, Any]:
    """The fields of its Dsn. Raises ConfigurationError."""
    written, _, query = text[len(SQLITE_PREFIX) :].partition("?")
    path = unquote(written)
    if text[: len(SQLITE_PREFIX)].lower() != SQLITE_PREFIX or not path or "\0" in path:
        raise wrong_dsn(text, "names no file; write sqlite:///path or sqlite:////absolute/path")
    if path == ":memory:":
        raise wrong_dsn(text, "would lose every row; use a file")
    if query not in ("", "mode=rw", "mode=rwc", "mode=ro"):
        raise wrong_dsn(text, "a SQLite file has only mode=ro, mode=rw or mode=rwc; write a ? in its name as %3F")
    try:
        file = Path(path).expanduser()
    except RuntimeError:
        raise wrong_dsn(text, "there is no such home folder") from None
    return {"file": file, "read_only": query == "mode=ro"}
