"""The spool, looked at from outside."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Final

from exporters.admin.doctor import Finding, Level, age
from exporters.admin.doctor.sqlite import nearest
from exporters.spool.dead_letters import FILE
from exporters.spool.status import inspect

if TYPE_CHECKING:
    from pathlib import Path

    from exporters.spool.destinations import Destination
    from exporters.spool.status import DestinationStatus

SPOOL: Final = "spool"
LATE_SECONDS: Final = 60.0
"""Rows that wait for longer wait for a reason."""


def diagnose(folder: Path | None, max_bytes: int, here: Destination) -> list[Finding]:
    """`here`: the store in force, of whatever service."""
    if folder is None:
        text = "off: a crash loses the rows in memory, and an outage those that do not fit"
        return [Finding(Level.NOTE, SPOOL, text)]
    place = nearest(folder.absolute())
    if not os.access(place, os.W_OK | os.X_OK):
        mend = "give the bot's user the right, or name another folder in SLASHSPAN_SPOOL"
        return [Finding(Level.ERROR, SPOOL, f"{place} cannot be written", mend)]
    try:
        found = inspect(folder)
    except OSError as error:
        return [Finding(Level.ERROR, SPOOL, str(error), "give the bot's user the right to read it")]
    findings = [finding for waiting in found for finding in _of(waiting, max_bytes, here)]
    return findings or [Finding(Level.OK, SPOOL, f"nothing waits in {folder}")]


def _of(waiting: DestinationStatus, max_bytes: int, here: Destination) -> list[Finding]:
    to = waiting.destination
    where = f"{to.service or 'a bot'} → {to.store}"
    newer = "read it with the slashspan that wrote it"
    found = [Finding(Level.WARNING, SPOOL, f"left alone: {error}", newer) for error in waiting.unreadable]
    if waiting.dead_letters:
        text = f"{waiting.dead_letters:,} rows that the store refused are in {waiting.folder / FILE}"
        found.append(Finding(Level.WARNING, SPOOL, text, "each line says why; report what slashspan let through"))
    if waiting.bytes > max_bytes * 0.8:
        mend = "raise SLASHSPAN_SPOOL_MAX_BYTES, or mend what the rows wait for"
        found.append(Finding(Level.WARNING, SPOOL, f"{where}: nearly full, {waiting.bytes:,} bytes", mend))
    if not waiting.rows:
        return found
    since = time.time() - waiting.oldest_us / 1e6 if waiting.oldest_us else 0.0
    text = f"{where}: {waiting.rows:,} wait, the oldest for {age(since)}"
    if waiting.last_error:
        text += f": {waiting.last_error}"
    if waiting.alive and since < LATE_SECONDS:
        return [*found, Finding(Level.OK, SPOOL, text)]
    if waiting.alive:
        return [*found, Finding(Level.WARNING, SPOOL, text, "mend that; the bot delivers them by itself")]
    if not to.table:
        mend = "run the bot again with this collector"
    elif (to.store, to.table) == (here.store, here.table):
        mend = "run the bot again, or: slashspan spool drain"
    else:
        mend = f"for another store than SLASHSPAN_DSN; on purpose: slashspan spool drain --from {waiting.folder.name}"
    return [*found, Finding(Level.WARNING, SPOOL, text, mend)]
