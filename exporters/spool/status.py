"""Inspects the spool from outside, without changing it: what is waiting, since when, and why."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from slashspan.exporters.spool.dead_letters import DeadLetters
from slashspan.exporters.spool.destinations import Destination, destinations
from slashspan.exporters.spool.records import NewerFormat, RecordType
from slashspan.exporters.spool.row_spool import row_of
from slashspan.exporters.spool.span_spool import holds_spans
from slashspan.exporters.spool.writers import LAST_ERROR, Writer, is_alive, writer_folders

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from slashspan.exporters.spool.records import Record


@dataclass(slots=True)
class DestinationStatus:
    """The content of one destination's folder."""

    folder: Path
    destination: Destination
    rows: int = 0
    """Finished but not acknowledged rows, or spans and batches of them. A running bot has some of them in flight."""
    in_flight: int = 0
    """Actions that have started but not ended: they are running, or their process died."""
    oldest_us: int | None = None
    """Receive time of the oldest row, µs since 1970 UTC."""
    bytes: int = 0
    alive: int = 0
    """Running processes that write here."""
    dead: int = 0
    """Folders of processes that died, for the next one to adopt."""
    last_error: str | None = None
    """The latest reason why rows are waiting."""
    unreadable: list[str] = field(default_factory=list)
    dead_letters: int = 0
    dead_letters_lost: int = 0
    """Rejected rows that were lost because the dead letters were full."""


def inspect(spool: Path) -> list[DestinationStatus]:
    """Every destination in the spool. Raises OSError."""
    return [_inspect(folder, destination) for folder, destination in destinations(spool)]


def _inspect(folder: Path, destination: Destination) -> DestinationStatus:
    letters = DeadLetters(folder)
    status = DestinationStatus(folder, destination, dead_letters=letters.count(), dead_letters_lost=letters.lost)
    newest = 0.0
    for writer in writer_folders(folder):
        if is_alive(writer):
            status.alive += 1
        else:
            status.dead += 1
        error = _last_error(writer)
        if error and error["at"] > newest:
            newest, status.last_error = error["at"], str(error["error"])
        try:
            for record in pending_records(writer, status):
                _count(status, record)
        except (OSError, NewerFormat) as error:
            status.unreadable.append(f"{writer.name}: {error}")
    return status


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


def _count(status: DestinationStatus, record: Record) -> None:
    if record.type == RecordType.START:
        status.in_flight += 1
        return
    status.rows += 1
    if not holds_spans(record):
        called_at = _called_at_us(record)
        if called_at is not None:
            status.oldest_us = called_at if status.oldest_us is None else min(status.oldest_us, called_at)


def _called_at_us(record: Record) -> int | None:
    try:
        row = row_of(record)
    except Exception:  # noqa: BLE001 - whatever it holds, the others are counted
        return None
    return None if row is None else row.called_at


def _last_error(folder: Path) -> dict[str, Any] | None:
    try:
        noted = json.loads((folder / LAST_ERROR).read_text("utf-8"))
        return {"at": float(noted["at"]), "error": noted["error"]}
    except (OSError, ValueError, KeyError, TypeError):
        return None
