"""Removes a user from the spool of processes that have ended, down to the bytes on disk."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from slashspan.exporters.admin.user_records import UserRecords
from slashspan.exporters.spool.dead_letters import DeadLetters
from slashspan.exporters.spool.journal import Journal
from slashspan.exporters.spool.records import NewerFormat, RecordType
from slashspan.exporters.spool.segment import RecordState
from slashspan.exporters.spool.span_codec import packed
from slashspan.exporters.spool.span_spool import holds_spans
from slashspan.exporters.spool.status import pending_records
from slashspan.exporters.spool.writers import is_alive, writer_folders

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from slashspan.exporters.spool.records import Record

AT_ONCE: Final = 4096
UNBOUNDED: Final = 2**62
"""No record may be dropped for space while records are moved."""


@dataclass(slots=True)
class Erased:
    """What was found about the user in one destination."""

    rows: int = 0
    """Removed, dead letters included."""
    spans: int = 0
    """Removed from what waits for a collector."""
    in_running_bots: int = 0
    """Rows and batches of running processes, which deliver these themselves."""
    unreadable: int = 0
    """Records that could not be read, for example of a newer slashspan. They are left as they are."""


def erase(folder: Path, user_ids: Collection[int]) -> Erased:
    """Remove these users from a destination's dead letters and from what dead processes left there.

    What is kept is written to new files and the old ones are unlinked, so that no byte of the user remains. Running
    processes are left alone. Raises OSError.
    """
    user = UserRecords(user_ids)
    user.learn(folder)
    erased = Erased(rows=DeadLetters(folder).forget(user_ids))
    for writer in writer_folders(folder):
        with contextlib.suppress(NewerFormat):  # `learn` has counted it
            if is_alive(writer):
                erased.in_running_bots += sum(_is_about(record, user) for record in pending_records(writer))
    journal = Journal(folder, max_bytes=UNBOUNDED)
    try:
        if journal.adopt():
            _move(journal, user, erased)
    finally:
        journal.close()
    erased.unreadable = user.unreadable
    return erased


def _is_about(record: Record, user: UserRecords) -> bool:
    if holds_spans(record):
        return any(user.is_users(span) for span in user.spans(record))
    return user.row(record) is not None


def _move(journal: Journal, user: UserRecords, erased: Erased) -> None:
    left = journal.pending
    while left > 0 and (leased := journal.lease(min(AT_ONCE, left))):
        left -= len(leased)
        for receipt, record in leased:
            kept = _without(record, user, erased)
            if kept is not None and not _copy(journal, kept):
                raise OSError(f"{journal.folder}: the records to keep cannot be written")
            journal.acknowledge([receipt])


def _without(record: Record, user: UserRecords, erased: Erased) -> Record | None:
    """The record without the user; None if it contains nothing else."""
    if not holds_spans(record):
        if user.row(record) is None:
            return record
        erased.rows += 1
        return None
    spans = user.spans(record)
    kept = [span for span in spans if not user.is_users(span)]
    erased.spans += len(spans) - len(kept)
    if len(kept) == len(spans):
        return record
    return record._replace(payload=packed(kept)) if kept else None


def _copy(journal: Journal, record: Record) -> bool:
    if record.type == RecordType.START:
        return journal.start(record.format, record.key, record.payload)
    receipt = journal.append(record.type, record.format, record.key, record.payload, RecordState.PENDING)
    return receipt is not None
