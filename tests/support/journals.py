"""Journals for tests, and how a process that holds one dies."""

from __future__ import annotations

from typing import TYPE_CHECKING

from slashspan.exporters.spool.destinations import Destination
from slashspan.exporters.spool.journal import Journal
from slashspan.exporters.spool.records import RecordType
from slashspan.exporters.spool.row_spool import RowSpool
from slashspan.exporters.spool.segment import RecordState

if TYPE_CHECKING:
    from pathlib import Path

    from slashspan.exporters.rows.command_call import CommandCall
    from slashspan.exporters.spool.journal import Receipt

PLENTY = 2**24


def journal(folder: Path, max_bytes: int = PLENTY) -> Journal:
    return Journal(folder, max_bytes=max_bytes)


def die(dying: Journal) -> None:
    """Do what the kernel does to a killed process: close its descriptors, write nothing."""
    dying.after_fork_in_child()


def put(into: Journal, *keys: int, size: int = 0) -> list[Receipt]:
    """Append finished actions that are not in flight, with the key as payload."""
    receipts = [into.append(RecordType.SPAN, 1, key, payload(key, size), RecordState.PENDING) for key in keys]
    assert None not in receipts
    return [receipt for receipt in receipts if receipt is not None]


def payload(key: int, size: int = 0) -> bytes:
    return b"%d" % key + b"." * size


def keys(of: Journal, limit: int = 1_000_000) -> list[int]:
    """Lease everything that is due for replay, and check each payload."""
    leased = of.lease(limit)
    for _, record in leased:
        assert int(record.payload.split(b".", 1)[0]) == record.key
    return [record.key for _, record in leased]


def segment_files(folder: Path) -> list[Path]:
    return sorted(folder.glob("w-*/*.seg"))


def left_behind(spool: Path, dsn: str, waiting: list[CommandCall], service: str = "ladder-bot") -> RowSpool:
    """The spool of a running bot with these rows; `die(….journal)` kills the bot."""
    bot = RowSpool(Journal(Destination.of(service, dsn, "command_calls").folder(spool), max_bytes=PLENTY))
    for row in waiting:
        assert bot.append(row) is not None
    return bot
