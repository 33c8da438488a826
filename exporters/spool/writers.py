"""The folders of writers, one a process: made, locked for as long as the process lives, adopted when it has died."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import time
from typing import TYPE_CHECKING, Final

import portalocker

from exporters.spool.records import RecordType
from exporters.spool.segment import SUFFIX, RecordState, Segment

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PREFIX: Final = "w-"
LOCK: Final = "lock"
TROUBLE: Final = "last_error.json"
EMPTY_SECONDS: Final = 3600.0
"""A writer's folder without a segment is new; older than this it is litter of a process that died early."""


class Writer:
    """One writer's folder, locked by us: our own, or one of a process that died. `lock` None: only to look."""

    def __init__(self, folder: Path, lock: int | None) -> None:
        self.folder = folder
        self.segments: list[Segment] = []
        self._lock: int | None = lock

    @classmethod
    def create(cls, destination: Path) -> Writer:
        """A folder of our own. Raises OSError."""
        # The start comes first, so that sorting by name is sorting by age.
        name = f"{PREFIX}{time.time_ns() // 1000:017d}-{os.getpid()}-{secrets.token_hex(3)}"
        folder = destination / name
        folder.mkdir(mode=0o700, parents=True)
        lock = locked(folder)
        if lock is None:
            raise OSError(f"{folder}: somebody else holds the lock of a folder just made")
        return cls(folder, lock)

    def next_segment(self) -> Segment:
        """Another file at the end. Raises OSError."""
        number = 1 + (int(self.segments[-1].path.stem) if self.segments else 0)
        segment = Segment.create(self.folder / f"{number:08d}{SUFFIX}")
        self.segments.append(segment)
        return segment

    def load(self) -> int:
        """Read what the dead process left; returns how many records were lost to damage. Raises OSError, NewerFormat.

        A START without its SPAN is an action that was in flight: it stays to be replayed as one. Where records are
        missing in the middle, the SPAN may have been one of them, and the START is given up: no wrong row. Both count.
        """
        lost = 0
        starts: dict[int, tuple[Segment, int]] = {}
        files = sorted(self.folder.glob(f"*{SUFFIX}"))
        expected = int(files[0].stem) if files else 0
        for file in files:
            segment, contents = Segment.load(file)
            if int(file.stem) != expected:
                lost += 1 + _give_up(starts)  # a whole segment is missing; what it held nobody knows
            expected = int(file.stem) + 1
            index = 0
            for number, found in enumerate(contents, 1):
                if isinstance(found, int):
                    torn = file is files[-1] and number == len(contents)
                    lost += found if torn else found + _give_up(starts)
                    continue
                if found.kind == RecordType.START:
                    starts[found.key] = (segment, index)
                elif found.kind == RecordType.SPAN and (start := starts.pop(found.key, None)) is not None:
                    start[0].mark(start[1], RecordState.ACKED)
                index += 1
            self.segments.append(segment)
        return lost

    @property
    def pending(self) -> int:
        return sum(segment.pending for segment in self.segments)

    @property
    def bytes(self) -> int:
        return sum(segment.size for segment in self.segments)

    def record_error(self, why: str | None) -> None:
        """Leave a note on why records wait, or take it away. Raises OSError."""
        if why is None:
            (self.folder / TROUBLE).unlink(missing_ok=True)
        else:
            aside = self.folder / f"{TROUBLE}.new"  # never half a file for who looks
            aside.write_text(json.dumps({"at": time.time(), "why": why}), "utf-8")
            aside.replace(self.folder / TROUBLE)

    def leave(self) -> None:
        """Let go, keeping what is unsettled for another process; an empty folder is removed."""
        for segment in self.segments:
            segment.close()
        self.forget_lock()
        if not self.segments:
            with contextlib.suppress(OSError):
                for name in (LOCK, TROUBLE):
                    (self.folder / name).unlink(missing_ok=True)
                self.folder.rmdir()

    def forget_lock(self) -> None:
        """Closing the descriptor unlocks; in a forked child it does not, the parent holds it still."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def _give_up(starts: dict[int, tuple[Segment, int]]) -> int:
    given_up = sum(segment.mark(index, RecordState.ACKED) for segment, index in starts.values())
    starts.clear()
    return given_up


def locked(folder: Path) -> int | None:
    """Descriptor of the folder's lock, held; None where a living process has it, or the folder is gone."""
    try:
        lock = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600)
    except FileNotFoundError:
        return None
    try:
        portalocker.lock(lock, portalocker.LockFlags.EXCLUSIVE | portalocker.LockFlags.NON_BLOCKING)
    except portalocker.LockException:
        os.close(lock)
        return None
    return lock


def dead_writers(destination: Path, mine: set[Path]) -> Iterator[Writer]:
    """Folders whose process died, locked now for us; the oldest first. They are not loaded yet. Raises OSError."""
    if not destination.is_dir():
        return
    for folder in sorted(destination.glob(f"{PREFIX}*")):
        if folder in mine:
            continue
        if not any(folder.glob(f"*{SUFFIX}")) and not _is_litter(folder):
            continue
        lock = locked(folder)
        if lock is not None:
            yield Writer(folder, lock)


def _is_litter(folder: Path) -> bool:
    try:
        return time.time() - folder.stat().st_mtime > EMPTY_SECONDS
    except FileNotFoundError:
        return False
