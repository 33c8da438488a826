"""Taking a user's rows out of what processes left in the spool, down to the bytes on disk."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from exporters.spool.dead_letters import DeadLetters
from exporters.spool.journal import Journal
from exporters.spool.records import NewerFormat, RecordType
from exporters.spool.row_spool import row_of
from exporters.spool.segment import RecordState
from exporters.spool.status import pending_records
from exporters.spool.writers import is_alive, writer_folders

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from exporters.spool.records import Record

AT_ONCE: Final = 4096
UNBOUNDED: Final = 2**62
"""Nothing may be dropped for space while rows are moved."""


@dataclass(slots=True)
class Erased:
    """Rows of the user."""

    taken_out: int = 0
    in_running_bots: int = 0
    """Still on their way to the store, in processes that live: theirs to deliver."""


def erase(folder: Path, user_ids: Collection[int]) -> Erased:
    """Take these users out of a destination's dead letters and of what dead processes left there.

    What is kept is written anew and the old files are unlinked, so that no byte of the user stays in them. Running
    processes are left alone. Raises OSError.
    """
    erased = Erased(taken_out=DeadLetters(folder).forget(user_ids))
    for writer in writer_folders(folder):
        if is_alive(writer):
            erased.in_running_bots += sum(_is_of(record, user_ids) for record in pending_records(writer))
    journal = Journal(folder, max_bytes=UNBOUNDED)
    try:
        if journal.adopt():
            erased.taken_out += _moved(journal, user_ids)
    finally:
        journal.close()
    return erased


def _moved(journal: Journal, user_ids: Collection[int]) -> int:
    taken_out, left = 0, journal.pending
    while left > 0 and (taken := journal.lease(min(AT_ONCE, left))):
        left -= len(taken)
        for receipt, record in taken:
            if _is_of(record, user_ids):
                taken_out += 1
            else:
                if not _copied(journal, record):
                    raise OSError(f"{journal.folder}: the rows that are kept cannot be written anew")
            journal.acknowledge([receipt])
    return taken_out


def _copied(journal: Journal, record: Record) -> bool:
    if record.type == RecordType.START:
        return journal.start(record.format, record.key, record.payload)
    receipt = journal.append(record.type, record.format, record.key, record.payload, RecordState.PENDING)
    return receipt is not None


def _is_of(record: Record, user_ids: Collection[int]) -> bool:
    if record.type == RecordType.BATCH:
        return False
    try:
        row = row_of(record)
    except (NewerFormat, ValueError, TypeError, KeyError):
        return False
    return row is not None and row.discord_uid in user_ids
