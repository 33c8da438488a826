"""How many rows were stored, are waiting, or were lost, and why."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


class DropReason:
    """Why a row was dropped; keys of `Counts.dropped`."""

    QUEUE_FULL = "queue_full"
    """Evicted from the BatchSpanProcessor's queue before the exporter saw it."""
    BACKLOG_FULL = "backlog_full"
    """Without a spool: the store was unavailable until rows in memory reached their limit; the oldest were dropped."""
    SPOOL_FULL = "spool_full"
    """The store was unavailable until the spool reached SLASHSPAN_SPOOL_MAX_BYTES; the oldest were dropped."""
    DAMAGED = "damaged"
    """The disk returned something other than what was written."""
    REJECTED = "rejected"
    """The store rejected the row because of a value in it."""
    REJECTED_LOST = "rejected_lost"
    """The same, and there is no spool for dead letters, or they could not keep it: full, or a disk error."""
    SHUTDOWN = "shutdown"
    """The process ended before it was stored."""
    INTERNAL = "internal"
    """A bug in slashspan; logged."""


@dataclass(frozen=True, slots=True)
class Counts:
    """A snapshot: `recorded + adopted = stored + waiting + the sum of dropped`."""

    recorded: int = 0
    stored: int = 0
    """Known to be committed, including rows that were found already stored by a retry."""
    waiting: int = 0
    """In memory or in the spool; what is left in the spool at the end is written by the next process."""
    retried: int = 0
    """Writes of a batch that failed and were, or will be, retried."""
    dropped: Mapping[str, int] = field(default_factory=dict)
    adopted: int = 0
    """Found in the spool, left by a process that ended before they were stored."""

    @property
    def lost(self) -> int:
        """Rows dropped for any reason."""
        return sum(self.dropped.values())
