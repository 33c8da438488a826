"""Rows that the store rejected because of a value in them: one JSON line each, with the reason.

Several processes can append to the file, and one command at a time can rename it to rewrite it. A lock is held only
while a line is appended or the file is renamed, so that no line is lost and nobody waits.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import logging
import os
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, Final

import portalocker

from slashspan.exporters.common.throttled_log import ThrottledLog
from slashspan.exporters.spool.private import FILE_MODE, FOLDER_MODE, write_private

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator
    from pathlib import Path

    from slashspan.exporters.rows.command_call import CommandCall

FILE: Final = "dead-letters.jsonl"
LOST: Final = "dead-letters-lost.json"
_TAKEN: Final = "dead-letters-taken.jsonl"
"""The file while it is rewritten; if that was interrupted, it is read, and rewritten, with the other one."""
_LOCK: Final = "dead-letters.lock"
_REWRITE_LOCK: Final = "dead-letters-rewrite.lock"
MAX_BYTES: Final = 16 * 2**20
"""When the file is larger, further rows are lost: counted in a file beside it, and logged."""

_log = logging.getLogger("slashspan")


class DeadLetters:
    """The dead letters of one destination, in its folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / FILE
        self._warnings = ThrottledLog()

    def add(self, row: CommandCall, reason: str) -> bool:
        """Set a row aside; False if it could not be kept. Disk errors are not raised."""
        now = datetime.now(timezone.utc).isoformat(timespec="seconds")
        line = json.dumps({"at": now, "reason": reason, "row": dataclasses.asdict(row)}) + "\n"
        try:
            self.folder.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
            with self._locked(_LOCK):
                if self._bytes() < MAX_BYTES:
                    self._append(self.path, line)
                    return True
                lost = self.lost + 1
                write_private(self.folder / LOST, json.dumps({"lost": lost, "last": now}))
            self._warnings.warn("%s is full; %d rows that the store rejected were not kept", self.path, lost)
        except OSError as error:
            self._warnings.warn("a row that the store rejected could not be kept: %s", error)
        return False

    @property
    def lost(self) -> int:
        """Rows that were lost because the file was full."""
        try:
            return int(json.loads((self.folder / LOST).read_text("utf-8"))["lost"])
        except (OSError, ValueError, KeyError, TypeError):
            return 0

    def read(self) -> Iterator[dict[str, Any]]:
        """Each with `at`, `reason` and `row`; damaged lines are skipped. Raises OSError."""
        for path in (self.folder / _TAKEN, self.path):
            with contextlib.suppress(FileNotFoundError):
                yield from (letter for letter in map(_letter, _lines(path)) if letter is not None)

    def count(self) -> int:
        """Raises OSError."""
        return sum(1 for _ in self.read())

    def forget(self, user_ids: Collection[int]) -> int:
        """Remove the rows of these users; returns how many. Raises OSError."""
        return self.rewrite(lambda letter: letter["row"].get("discord_uid") not in user_ids)

    def rewrite(
        self, keep: Callable[[dict[str, Any]], bool], *, before_removing: Callable[[], None] = lambda: None
    ) -> int:
        """Remove the letters that `keep` does not accept; returns how many. Unreadable lines stay.

        `before_removing` is called once `keep` has seen every letter: if it raises, all of them stay. Letters added
        in the meantime stay too. Raises OSError.
        """
        if not any(True for _ in self.read()):
            return 0
        with self._locked(_REWRITE_LOCK):
            taken = self.folder / _TAKEN
            with self._locked(_LOCK):
                self._take(taken)
            kept, removed = [], 0
            for line in _lines(taken):
                letter = _letter(line)
                if letter is None or keep(letter):
                    kept.append(line if line.endswith("\n") else line + "\n")
                else:
                    removed += 1
            before_removing()
            with self._locked(_LOCK):
                if kept:
                    self._append(self.path, "".join(kept))
                taken.unlink()
        return removed

    def reset_lost(self) -> None:
        """Raises OSError."""
        (self.folder / LOST).unlink(missing_ok=True)

    def _take(self, taken: Path) -> None:
        if taken.exists():  # an interrupted rewrite
            with contextlib.suppress(FileNotFoundError):
                self._append(taken, "".join(_lines(self.path)))
                self.path.unlink()
        else:
            self.path.replace(taken)

    def _bytes(self) -> int:
        return sum(path.stat().st_size for path in (self.path, self.folder / _TAKEN) if path.exists())

    @staticmethod
    def _append(path: Path, text: str) -> None:
        fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, FILE_MODE)
        with os.fdopen(fd, "a", encoding="utf-8", errors="surrogateescape", newline="\n") as file:
            file.write(text)

    @contextlib.contextmanager
    def _locked(self, name: str) -> Iterator[None]:
        fd = os.open(self.folder / name, os.O_RDWR | os.O_CREAT, FILE_MODE)
        with os.fdopen(fd, "r+b") as file:  # older versions of portalocker unlock no bare descriptor
            try:
                portalocker.lock(file, portalocker.LockFlags.EXCLUSIVE)
            except portalocker.LockException as error:
                raise OSError(f"{self.folder / name} cannot be locked: {error}") from error
            try:
                yield
            finally:
                portalocker.unlock(file)  # closing would not, if a child was forked in the meantime


def _lines(path: Path) -> Iterator[str]:
    with path.open(encoding="utf-8", errors="surrogateescape", newline="\n") as file:
        yield from file


def _letter(line: str) -> dict[str, Any] | None:
    try:
        letter = json.loads(line)
    except ValueError:
        return None
    return letter if isinstance(letter, dict) and isinstance(letter.get("row"), dict) else None
