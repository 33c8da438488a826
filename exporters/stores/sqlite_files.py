"""The files of a SQLite database: private when they are new, and watched while they are open.

Whoever deletes or replaces a database that is open leaves the connection with files that have no name any more: every
write succeeds, and is gone when the connection closes (https://www.sqlite.org/howtocorrupt.html, 4.2 and 4.4).
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Final

FILE_MODE: Final = 0o600
FOLDER_MODE: Final = 0o700
SIDE_FILES: Final = ("-wal", "-shm")
"""What SQLite keeps beside a database in WAL mode, with the same permissions as the database."""


def create(path: Path) -> None:
    """Make an empty database, and its folder, for the user alone. What exists keeps its mode. Raises OSError."""
    for folder in reversed([path.parent, *path.parent.parents]):
        with contextlib.suppress(FileExistsError):
            if not folder.exists():
                folder.mkdir(FOLDER_MODE)
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, FILE_MODE))


def identity(path: Path) -> tuple[int, int] | None:
    """Device and inode of the file that has this name now; None: there is none. Raises OSError."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


class OpenFiles:
    """The files of one connection. Made before it is opened, so that a file put in its place meanwhile is noticed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._names = [path]
        self._opened = self._now()

    def add_side_files(self) -> None:
        """Watch what SQLite has made beside the database, from now on."""
        real = os.path.realpath(self._path)  # SQLite follows a link
        side = [Path(real + suffix) for suffix in SIDE_FILES]
        self._names += side
        self._opened += [identity(name) for name in side]

    def unchanged(self) -> bool:
        """Whether the names still stand for the files that are open. Raises OSError."""
        return None not in self._opened and self._now() == self._opened

    def _now(self) -> list[tuple[int, int] | None]:
        return [identity(name) for name in self._names]
