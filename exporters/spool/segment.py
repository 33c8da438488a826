"""One file of records, and the state of each of them."""

from __future__ import annotations

import contextlib
import os
import time
from array import array
from typing import TYPE_CHECKING, Final

from slashspan.exporters.common.gil import yielding_gil
from slashspan.exporters.spool import records

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from slashspan.exporters.spool.records import Record

SUFFIX: Final = ".seg"
_APPEND: Final = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
_PRIVATE: Final = 0o600
"""Rows contain names and ids of users."""


class RecordState:
    """The state of a record."""

    PENDING: Final = 0
    """Waiting for replay."""
    LEASED: Final = 1
    """In flight to the store, from memory or as a replay."""
    ACKED: Final = 2
    """Stored, or dropped and counted."""


class Segment:
    """Records by index, in the order of the file. Not thread-safe: the journal's lock guards it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.size = 0
        self.created = time.time()
        self.offsets = array("I")
        self.states = bytearray()
        self.unacked = 0
        self.pending = 0
        self.dirty = False
        """Appended to since the last sync."""
        self.sealed = False
        """No longer appended to; closed once it is synced."""
        self._fd: int | None = None
        self.retired = False
        """Unlinked, or about to be; leased records may still be acknowledged."""

    @classmethod
    def create(cls, path: Path) -> Segment:
        """Create a file, open for appending. Raises OSError."""
        segment = cls(path)
        segment._fd = os.open(path, _APPEND | os.O_EXCL, _PRIVATE)
        try:
            segment._write(records.file_head())
        except OSError:
            segment.close()
            path.unlink(missing_ok=True)
            raise
        return segment

    @classmethod
    def load(
        cls, path: Path, scan: Callable[[bytes], Iterable[Record | int]] = records.scan
    ) -> tuple[Segment, list[Record | int]]:
        """Load the segment of another process. Raises OSError, NewerFormat."""
        segment = cls(path)
        data = path.read_bytes()
        segment.size = len(data)
        segment.created = path.stat().st_mtime
        acked = records.acked(segment._ack_path.read_bytes()) if segment._ack_path.exists() else set()
        contents: list[Record | int] = []
        for found in yielding_gil(scan(data)):
            if isinstance(found, int):
                contents.append(found)
                continue
            segment._add(found.offset, RecordState.ACKED if found.offset in acked else RecordState.PENDING)
            contents.append(found._replace(payload=b""))
        return segment, contents

    @property
    def _ack_path(self) -> Path:
        return self.path.with_suffix(".ack")

    def append(self, frame: bytes, state: int) -> int:
        """Append; returns the record's index. After an OSError nothing of the frame is left in the file if possible."""
        # Inlined instead of calling `_write` and `_add`: every command pays for this.
        assert self._fd is not None
        written = os.write(self._fd, frame)
        if written != len(frame):
            self._cut_back(written, frame)
        self.offsets.append(self.size)
        self.size += written
        self.dirty = True
        states = self.states
        states.append(state)
        if state != RecordState.ACKED:
            self.unacked += 1
            if state == RecordState.PENDING:
                self.pending += 1
        return len(states) - 1

    def _write(self, data: bytes) -> None:
        assert self._fd is not None
        written = os.write(self._fd, data)
        if written != len(data):
            self._cut_back(written, data)
        self.size += written

    def _cut_back(self, written: int, data: bytes) -> None:
        """On a full disk `write` writes less, without an error."""
        assert self._fd is not None
        with contextlib.suppress(OSError):
            os.ftruncate(self._fd, self.size)
        raise OSError(f"{self.path}: {written} of {len(data)} bytes were written; is the disk full?")

    def _add(self, offset: int, state: int) -> None:
        self.offsets.append(offset)
        self.states.append(state)
        if state != RecordState.ACKED:
            self.unacked += 1
            if state == RecordState.PENDING:
                self.pending += 1

    def mark(self, index: int, state: int) -> bool:
        """False if the record is already acknowledged."""
        before = self.states[index]
        if before == RecordState.ACKED:
            return False
        self.states[index] = state
        self.pending += (state == RecordState.PENDING) - (before == RecordState.PENDING)
        self.unacked -= state == RecordState.ACKED
        return True

    def acknowledge(self, indices: Iterable[int]) -> list[int]:
        """Mark these as acknowledged; returns those that were not before."""
        states, acked, fresh = self.states, RecordState.ACKED, []
        for index in indices:
            before = states[index]
            if before != acked:
                states[index] = acked
                self.pending -= before == RecordState.PENDING
                fresh.append(index)
        self.unacked -= len(fresh)
        return fresh

    def pending_from(self, index: int) -> int:
        """Index of the first record waiting for replay, at or after `index`; -1: none."""
        return self.states.find(RecordState.PENDING, index)

    def lease(self, limit: int) -> list[int]:
        """Lease up to `limit` records for replay; their indices, oldest first."""
        indices: list[int] = []
        index = self.pending_from(0)
        while index >= 0 and len(indices) < limit:
            self.mark(index, RecordState.LEASED)
            indices.append(index)
            index = self.pending_from(index + 1)
        return indices

    def read(self, indices: Iterable[int]) -> Iterator[tuple[int, Record | None]]:
        """Read records from the file; None for damaged ones. Raises OSError."""
        data = self.path.read_bytes()
        for index in indices:
            yield index, records.at(data, self.offsets[index])

    def write_acks(self, indices: Iterable[int]) -> None:
        """Record on disk that these are stored. After an OSError, a crash would replay them, which is harmless."""
        fd = os.open(self._ack_path, _APPEND, _PRIVATE)
        try:
            os.write(fd, records.acks([self.offsets[index] for index in indices]))
        finally:
            os.close(fd)

    def sync(self) -> None:
        """Sync the file to disk. Raises OSError."""
        if self._fd is not None:
            self.dirty = False
            getattr(os, "fdatasync", os.fsync)(self._fd)
            if self.sealed:
                self.close()

    def close(self) -> None:
        """Close the file for appending."""
        fd, self._fd = self._fd, None
        if fd is not None:
            with contextlib.suppress(OSError):
                os.close(fd)

    def unlink(self) -> None:
        """Remove both files. Raises OSError."""
        self.close()
        self.path.unlink(missing_ok=True)
        self._ack_path.unlink(missing_ok=True)

    def drop_pending(self) -> int:
        """Drop the records that wait for replay; returns their number."""
        dropped = self.pending
        while (index := self.pending_from(0)) >= 0:
            self.mark(index, RecordState.ACKED)
        return dropped
