"""What became of the rows, in numbers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


class Lost:
    """Reasons for which a row is given up; keys of `Counts.dropped`."""

    QUEUE_FULL = "queue_full"
    """Evicted from the BatchSpanProcessor's queue before the exporter saw it."""
    BACKLOG_FULL = "backlog_full"
    """Without a spool: the store was away for so long that the rows in memory passed their bound; the oldest went."""
    SPOOL_FULL = "spool_full"
    """The store was away for so long that the spool passed SLASHSPAN_SPOOL_MAX_BYTES; the oldest went."""
    DAMAGED = "damaged"
    """The disk gave back something else than was written."""
    REJECTED = "rejected"
    """The store refuses this row for what is in it."""
    SHUTDOWN = "shutdown"
    """The process ended before the store took it."""
    INTERNAL = "internal"
    """A bug of ours; logged."""


@dataclass(frozen=True, slots=True)
class Counts:
    """A snapshot: `recorded + adopted = stored + waiting + the sum of dropped`."""

    recorded: int = 0
    stored: int = 0
    """Known to be committed, rows that a retry found there already included."""
    waiting: int = 0
    """In memory or in the spool; what is in the spool at the end is written by the next process."""
    retried: int = 0
    """Tries to write a batch that failed and were, or will be, tried again."""
    dropped: Mapping[str, int] = field(default_factory=dict)
    adopted: int = 0
    """Found in the spool, left there by a process that ended before they were stored."""

    @property
    def lost(self) -> int:
        """Rows given up, for whatever reason."""
        return sum(self.dropped.values())
