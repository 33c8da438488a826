"""The folders of writers, one for each process: locked while it lives, adopted when it has died."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import time
from typing import TYPE_CHECKING, Final

import portalocker

from slashspan.exporters.spool import in_flight
from slashspan.exporters.spool.in_flight import InFlight
from slashspan.exporters.spool.private import write_private
from slashspan.exporters.spool.records import Record, RecordType, scan_slots
from slashspan.exporters.spool.segment import SUFFIX, RecordState, Segment

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PREFIX: Final = "w-"
LOCK: Final = "lock"
LAST_ERROR: Final = "last_error.json"
EMPTY_SECONDS: Final = 3600.0
"""An empty folder that is older than this belongs to a process that died before its first record."""


class Writer:
    """One writer's folder, locked by us: our own, or one of a process that died. `lock` None: only for reading."""

    def __init__(self, folder: Path, lock: int | None) -> None:
        self.folder = folder
        self.segments: list[Segment] = []
        self.in_flight: InFlight | None = None
        """The slots of our own process, from its first action on."""
        self._lock: int | None = lock

    @classmethod
    def create(cls, destination: Path) -> Writer:
        """Create our own folder. Raises OSError."""
        # The time comes first, so that names sort by age.
        name = f"{PREFIX}{time.time_ns() // 1000:017d}-{os.getpid()}-{secrets.token_hex(3)}"
        folder = destination / name
        folder.mkdir(mode=0o700, parents=True)
        lock = locked(folder)
        if lock is None:
            raise OSError(f"{folder}: another process holds the lock of a folder that was just created")
        return cls(folder, lock)

    def next_segment(self) -> Segment:
        """Start a new segment. Raises OSError."""
        number = 1 + (int(self.segments[-1].path.stem) if self.segments else 0)
        segment = Segment.create(self.folder / f"{number:08d}{SUFFIX}")
        self.segments.append(segment)
        return segment

    def open_in_flight(self) -> InFlight:
        """The slots of our own process, created by the first call. Raises OSError."""
        if self.in_flight is None:
            self.in_flight = InFlight(self.folder)
        return self.in_flight

    def load(self) -> int:
        """Read what the process left; returns how many records were lost to damage. Raises OSError, NewerFormat.

        An action without an end was running when the process died: it is kept, and replayed as interrupted. If records
        are missing in the middle of the log, its end may be among them: then it is dropped, to avoid a wrong row.
        """
        lost, damaged = 0, False
        ended: set[int] = set()
        files = segment_files(self.folder)
        expected = int(files[0].stem) if files else 0
        for file in files:
            if int(file.stem) != expected:
                lost, damaged = lost + 1, True  # a whole segment is missing, with an unknown number of records
            expected = int(file.stem) + 1
            segment, contents = Segment.load(file)
            for number, found in enumerate(contents, 1):
                if isinstance(found, Record):
                    if found.type == RecordType.SPAN:
                        ended.add(found.key)
                    continue
                lost += found
                damaged |= file is not files[-1] or number < len(contents)  # otherwise the last write was torn
            self.segments.append(segment)
        return lost + self._load_started(ended, damaged=damaged)

    def _load_started(self, ended: set[int], *, damaged: bool) -> int:
        """Returns how many started actions are lost, or dropped because the log is damaged."""
        file = self.folder / in_flight.FILE
        if not file.is_file():
            return 0
        started, contents = Segment.load(file, scan_slots)
        given_up = sum(found for found in contents if isinstance(found, int))
        for index, record in enumerate(found for found in contents if isinstance(found, Record)):
            if record.key in ended:
                started.mark(index, RecordState.ACKED)
            elif damaged:
                given_up += started.mark(index, RecordState.ACKED)
        self.segments.insert(0, started)
        return given_up

    @property
    def pending(self) -> int:
        return sum(segment.pending for segment in self.segments)

    @property
    def bytes(self) -> int:
        return sum(segment.size for segment in self.segments)

    def record_error(self, error: str | None) -> None:
        """Write the reason why records are waiting, or remove it. Raises OSError."""
        if error is None:
            (self.folder / LAST_ERROR).unlink(missing_ok=True)
        else:
            write_private(self.folder / LAST_ERROR, json.dumps({"at": time.time(), "error": error}))

    def leave(self) -> None:
        """Release the lock, and leave unacknowledged records for another process; remove an empty folder."""
        self.forget()
        if not self.segments and not self.in_flight:
            with contextlib.suppress(OSError):
                for name in (in_flight.FILE, LOCK, LAST_ERROR):
                    (self.folder / name).unlink(missing_ok=True)
                self.folder.rmdir()

    def forget(self) -> None:
        """Close every descriptor. That unlocks, except in a forked child, whose parent still holds the lock."""
        for segment in self.segments:
            segment.close()
        if self.in_flight is not None:
            self.in_flight.close()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def segment_files(folder: Path) -> list[Path]:
    """The segments in a writer's folder, the oldest first; files that slashspan did not write are ignored."""
    return sorted(file for file in folder.glob(f"*{SUFFIX}") if file.stem.isdecimal() and file.is_file())


def locked(folder: Path) -> int | None:
    """Acquire the folder's lock; None if a running process has it, or the folder is gone."""
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
    """Lock and return the folders of processes that died, oldest first; not loaded yet. Raises OSError."""
    for folder in writer_folders(destination):
        if folder in mine:
            continue
        if not segment_files(folder) and not (folder / in_flight.FILE).exists() and not _is_abandoned(folder):
            continue
        lock = locked(folder)
        if lock is not None:
            yield Writer(folder, lock)


def writer_folders(destination: Path) -> list[Path]:
    """Every writer's folder of a destination, oldest first. Raises OSError."""
    if not destination.is_dir():
        return []
    return sorted(folder for folder in destination.glob(f"{PREFIX}*") if folder.is_dir())


def is_alive(folder: Path) -> bool:
    """Whether a process holds the lock of this folder."""
    if not (folder / LOCK).exists():
        return False
    lock = locked(folder)
    if lock is None:
        return True
    os.close(lock)
    return False


def _is_abandoned(folder: Path) -> bool:
    try:
        return time.time() - folder.stat().st_mtime > EMPTY_SECONDS
    except FileNotFoundError:
        return False
