"""The actions that are running in this process, in a file of slots, so that the next process knows them after a crash.

A started action is written into a free slot. When it ends, its SPAN is appended to the log first and the slot becomes
free then; what the slot holds stays on disk until another action overwrites it. So until that SPAN is unlinked the log
says that the action has ended, and before it is unlinked the slot has to be cleared.

Not thread-safe: the journal's lock guards it.
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Final

from slashspan.exporters.spool import records

if TYPE_CHECKING:
    from pathlib import Path

FILE: Final = "in-flight.slots"
_FLAGS: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
_CLEARED: Final = bytes(records.HEAD_BYTES)


def _seek_and_write(fd: int, data: bytes, offset: int) -> int:
    os.lseek(fd, offset, os.SEEK_SET)
    return os.write(fd, data)


class InFlight:
    """The slots of one writer. Every method but `close` raises OSError."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE
        self._fd: int | None = os.open(self._path, _FLAGS, 0o600)
        self._end = records.SLOT_BYTES
        self._running: dict[int, tuple[int, int]] = {}
        """By key: offset, and how many slots."""
        self._free: dict[int, list[int]] = {}
        """Offsets by how many slots; the last one that became free is taken first, so that few are ever stale."""
        self._cleared: set[int] = set()
        """Offsets of the free slots that do not hold an action that has ended any more."""
        self._write(0, records.file_head())

    def __len__(self) -> int:
        return len(self._running)

    @property
    def stale(self) -> bool:
        """Whether free slots have to be cleared before the ends of their actions are unlinked."""
        return sum(map(len, self._free.values())) > len(self._cleared)

    def start(self, key: int, frame: bytes) -> None:
        """Record that an action is running. An action with the same key is replaced."""
        # This and `end` are what every command pays: few calls.
        count = 1 if len(frame) <= records.SLOT_BYTES else records.slots_for(len(frame))
        if key in self._running:
            self.end(key)
        free = self._free.get(count)
        if free is None:
            free = self._free[count] = []
        if free:
            offset = free.pop()
        else:
            offset = self._end
            self._end += count * records.SLOT_BYTES
        try:
            # `_write`, without a call
            if self._fd is None or getattr(os, "pwrite", _seek_and_write)(self._fd, frame, offset) != len(frame):
                self._write(offset, frame)
        except OSError:
            free.append(offset)
            self._cleared.discard(offset)
            raise
        if self._cleared:
            self._cleared.discard(offset)
        self._running[key] = (offset, count)

    def end(self, key: int) -> bool:
        """Free the slot of an action that has ended. False if the action is unknown."""
        place = self._running.pop(key, None)
        if place is None:
            return False
        offset, count = place
        self._free[count].append(offset)
        return True

    def clear_stale(self, limit: int | None = None) -> None:
        """Overwrite all free slots that still hold an action, or up to `limit` of them."""
        free = ((offset, count) for count, offsets in self._free.items() for offset in offsets)
        stale = [place for place in free if place[0] not in self._cleared]
        for offset, count in stale[:limit]:
            for slot in range(count):
                self._write(offset + slot * records.SLOT_BYTES, _CLEARED)
            self._cleared.add(offset)

    def sync(self) -> None:
        """Sync the file to disk."""
        if self._fd is not None:
            getattr(os, "fdatasync", os.fsync)(self._fd)

    def _write(self, offset: int, data: bytes) -> None:
        if self._fd is None:
            raise OSError(f"{self._path} is closed")
        written = getattr(os, "pwrite", _seek_and_write)(self._fd, data, offset)
        if written != len(data):  # on a full disk `write` writes less, without an error
            raise OSError(f"{self._path}: {written} of {len(data)} bytes were written; is the disk full?")

    def close(self) -> None:
        """Close the file."""
        fd, self._fd = self._fd, None
        if fd is not None:
            with contextlib.suppress(OSError):
                os.close(fd)
