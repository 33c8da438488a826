"""The files of a SQLite database: private when they are new, and watched while they are open.

If an open database is deleted or replaced, the connection is left with files without a name: every write succeeds, and
is lost when the connection closes (https://www.sqlite.org/howtocorrupt.html, 4.2 and 4.4).
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Final

FILE_MODE: Final = 0o600
FOLDER_MODE: Final = 0o700
SIDE_FILES: Final = ("-wal", "-shm")
"""Files that SQLite keeps next to a database in WAL mode, with the same permissions."""


def create(path: Path) -> None:
    """Create an empty database and its folder, for the user only. Existing ones are unchanged. Raises OSError."""
    for folder in reversed([path.parent, *path.parent.parents]):
        with contextlib.suppress(FileExistsError):
            if not folder.exists():
                folder.mkdir(FOLDER_MODE)
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, FILE_MODE))


def identity(path: Path) -> tuple[int, int] | None:
    """Device and inode of the file with this name; None if there is none. Raises OSError."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


class OpenFiles:
    """The files of one connection. Created before it is opened, so that a replacement in the meantime is noticed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._names = [path]
        self._opened = self._now()

    def add_side_files(self) -> None:
        """Also watch the files that SQLite has created next to the database."""
        real = os.path.realpath(self._path)  # SQLite follows links
        side = [Path(real + suffix) for suffix in SIDE_FILES]
        self._names += side
        self._opened += [identity(name) for name in side]

    def unchanged(self) -> bool:
        """Whether the names still refer to the open files. Raises OSError."""
        return None not in self._opened and self._now() == self._opened

    def _now(self) -> list[tuple[int, int] | None]:
        return [identity(name) for name in self._names]
