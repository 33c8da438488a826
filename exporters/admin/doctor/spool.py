"""Checks the spool from outside."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Final

from slashspan.exporters.admin.doctor import Finding, Level, age, nearest
from slashspan.exporters.spool import private
from slashspan.exporters.spool.dead_letters import FILE
from slashspan.exporters.spool.status import inspect
from slashspan.exporters.stores.errors import REFUSED

if TYPE_CHECKING:
    from pathlib import Path

    from slashspan.exporters.spool.destinations import Destination
    from slashspan.exporters.spool.status import DestinationStatus

SPOOL: Final = "spool"
LATE_SECONDS: Final = 60.0
"""Rows that wait for longer than this are a finding."""


def diagnose(folder: Path | None, max_bytes: int, here: Destination) -> list[Finding]:
    """`here`: the configured store, of any service."""
    if folder is None:
        text = "off: a crash loses the rows in memory, and a long outage those that do not fit"
        return [Finding(Level.NOTE, SPOOL, text)]
    if reason := private.unsafe(folder):
        problem, _, fix = reason.rpartition(": ")
        return [Finding(Level.ERROR, SPOOL, problem, fix)]
    place = nearest(folder.absolute())
    if not os.access(place, os.W_OK | os.X_OK):
        fix = "give the bot's user the right to write there, or name another folder in SLASHSPAN_SPOOL"
        return [Finding(Level.ERROR, SPOOL, f"{place} cannot be written", fix)]
    try:
        found = inspect(folder)
    except OSError as error:
        return [Finding(Level.ERROR, SPOOL, str(error), "give the bot's user the right to read it")]
    findings = [finding for status in found for finding in _of(status, max_bytes, here)]
    return findings or [Finding(Level.OK, SPOOL, f"nothing is waiting in {folder}")]


def _of(status: DestinationStatus, max_bytes: int, here: Destination) -> list[Finding]:
    to = status.destination
    where = f"{to.service or 'a bot'} → {to.store}"
    newer = "read it with the slashspan that wrote it"
    found = [Finding(Level.WARNING, SPOOL, f"left alone: {error}", newer) for error in status.unreadable]
    if status.dead_letters:
        one = status.dead_letters == 1
        rows = (
            "1 row that the store rejected is" if one else f"{status.dead_letters:,} rows that the store rejected are"
        )
        text = f"{rows} in {status.folder / FILE}"
        fix = "each line has the reason; once that is fixed: slashspan spool redrive"
        found.append(Finding(Level.WARNING, SPOOL, text, fix))
    if status.dead_letters_lost:
        text = f"{where}: {status.dead_letters_lost:,} rejected rows were lost when the dead letters were full"
        found.append(Finding(Level.WARNING, SPOOL, text, "slashspan spool redrive makes room"))
    if status.bytes > max_bytes * 0.8:
        fix = "raise SLASHSPAN_SPOOL_MAX_BYTES, or fix the reason why rows wait"
        found.append(Finding(Level.WARNING, SPOOL, f"{where}: nearly full, {status.bytes:,} bytes", fix))
    if not status.rows:
        return found
    since = time.time() - status.oldest_us / 1e6 if status.oldest_us else 0.0
    text = f"{where}: {status.rows:,} waiting, the oldest for {age(since)}"
    if status.last_error:
        text += f": {status.last_error}"
    refused = REFUSED in (status.last_error or "")
    if status.alive and since < LATE_SECONDS and not refused:
        return [*found, Finding(Level.OK, SPOOL, text)]
    remedy = "change or drop that constraint, column or trigger of the table" if refused else "fix that"
    if status.alive:
        return [*found, Finding(Level.WARNING, SPOOL, text, f"{remedy}; the running bot will then deliver them")]
    if not to.table:
        fix = "run the bot again with this collector"
    elif (to.store, to.table) == (here.store, here.table):
        fix = f"{f'{remedy}; then ' if refused else ''}run the bot again, or: slashspan spool drain"
    else:
        fix = (
            "they are for another store than SLASHSPAN_DSN; to store them here anyway: "
            f"slashspan spool drain --from {status.folder.name}"
        )
    return [*found, Finding(Level.WARNING, SPOOL, text, fix)]
