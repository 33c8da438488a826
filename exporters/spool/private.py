"""Keeps the spool private: rows contain names and ids, so only the bot's user may access its files and folders."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, Final

from slashspan.errors import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path

FILE_MODE: Final = 0o600
FOLDER_MODE: Final = 0o700
_ROOT: Final = 0


def make_folder(spool: Path, destination: Path) -> None:
    """Create missing folders, accessible to this user only. Raises OSError."""
    spool.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
    destination.mkdir(mode=FOLDER_MODE, exist_ok=True)


def write_private(path: Path, text: str) -> None:
    """Replace the file atomically. Raises OSError."""
    aside = path.with_name(f"{path.name}.{os.getpid()}.new")
    fd = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, FILE_MODE)
    with os.fdopen(fd, "w", encoding="utf-8") as file:
        file.write(text)
    aside.replace(path)


def unsafe(spool: Path) -> str | None:
    """Why others can change the spool, with the command that fixes it; None if they cannot.

    Anybody who can write there can delete rows, forge them, or make the bot write where a link points. On Windows,
    which has other permissions, nothing is checked.
    """
    if not hasattr(os, "geteuid"):
        return None
    us = os.geteuid()
    spool = spool.absolute()
    try:
        for place in (spool, *spool.parents):
            if place.is_symlink() and place.lstat().st_uid not in (us, _ROOT):
                return f"{place} is a symbolic link of user {place.lstat().st_uid}: remove it, or choose another folder"
        found = spool.stat()
    except OSError:
        return None  # it does not exist yet, or cannot be read, which shows when it is used
    if not stat.S_ISDIR(found.st_mode):
        return f"{spool} is not a folder: choose another"
    if found.st_uid not in (us, _ROOT):
        return f"{spool} belongs to user {found.st_uid}: chown {us} {spool}, or choose another folder"
    if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        return f"others may write to {spool}: chmod go-w {spool}"
    return None


def check(spool: Path) -> None:
    """Raises ConfigurationError for a spool that others could change."""
    if reason := unsafe(spool):
        raise ConfigurationError(f"SLASHSPAN_SPOOL={str(spool)!r}: {reason}")
