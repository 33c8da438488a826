"""A look at the spool from outside, which changes nothing: what waits, since when, why, and whose process lives."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from exporters.spool.dead_letters import DeadLetters
from exporters.spool.destinations import Destination, destinations
from exporters.spool.records import NewerFormat, RecordType
from exporters.spool.row_spool import row_of
from exporters.spool.writers import PREFIX, TROUBLE, Writer, locked

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from exporters.spool.records import Record


@dataclass(slots=True)
class DestinationStatus:
    """What one destination's folder holds."""

    folder: Path
    destination: Destination
    rows: int = 0
    """Finished and not yet acknowledged; for spans, batches. Of a running bot some are just on their way."""
    in_flight: int = 0
    """Actions that began and have not ended: they run, or their process died in them."""
    oldest_us: int | None = None
    """Receive time of the oldest row, µs since 1970 UTC."""
    bytes: int = 0
    alive: int = 0
    """Processes that write here now."""
    dead: int = 0
    """Folders of processes that died, for the next one to adopt."""
    last_error: str | None = None
    """The newest reason that a process gave for rows that wait."""
    unreadable: list[str] = field(default_factory=list)
    dead_letters: int = 0


def inspect(spool: Path) -> list[DestinationStatus]:
    """Every destination in the spool. Raises OSError."""
    return [_look(folder, destination) for folder, destination in destinations(spool)]


def _look(folder: Path, destination: Destination) -> DestinationStatus:
    found = DestinationStatus(folder, destination, dead_letters=sum(1 for _ in DeadLetters(folder).read()))
    told_at = 0.0
    for writer in sorted(folder.glob(f"{PREFIX}*")):
        if is_alive(writer):
            found.alive += 1
        else:
            found.dead += 1
        trouble = _trouble(writer)
        if trouble and trouble["at"] > told_at:
            told_at, found.last_error = trouble["at"], str(trouble["why"])
        try:
            for record in pending_records(writer, found):
                _count(found, record)
        except (OSError, NewerFormat) as error:
            found.unreadable.append(f"{writer.name}: {error}")
    return found


def is_alive(folder: Path) -> bool:
    """A process holds the lock of this writer's folder."""
    if not (folder / "lock").exists():
        return False
    lock = locked(folder)
    if lock is None:
        return True
    os.close(lock)
    return False


def pending_records(folder: Path, counted: DestinationStatus | None = None) -> Iterator[Record]:
    """Records of a writer that are not acknowledged, without its lock. Raises OSError, NewerFormat."""
    writer = Writer(folder, None)
    writer.load()
    if counted is not None:
        counted.bytes += writer.bytes
    for segment in writer.segments:
        indices, index = [], segment.pending_from(0)
        while index >= 0:
            indices.append(index)
            index = segment.pending_from(index + 1)
        yield from (record for _, record in segment.read(indices) if record is not None)


def _count(found: DestinationStatus, record: Record) -> None:
    if record.kind == RecordType.START:
        found.in_flight += 1
        return
    found.rows += 1
    if record.kind != RecordType.BATCH:
        called_at = _called_at_us(record)
        if called_at is not None:
            found.oldest_us = called_at if found.oldest_us is None else min(found.oldest_us, called_at)


def _called_at_us(record: Record) -> int | None:
    try:
        row = row_of(record)
    except Exception:  # noqa: BLE001 - whatever is in it, the others are counted
        return None
    return None if row is None else row.called_at


def _trouble(folder: Path) -> dict[str, Any] | None:
    try:
        said = json.loads((folder / TROUBLE).read_text("utf-8"))
        return {"at": float(said["at"]), "why": said["why"]}
    except (OSError, ValueError, KeyError, TypeError):
        return None
