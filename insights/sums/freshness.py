"""The sums are brought up to date when somebody reads them: nobody else needs them, and no timer is needed.

Rows that are not summed yet are read and summed by each report anyway, so that a refresh before it is nearly free.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Final

from slashspan.errors import ConfigurationError
from slashspan.insights.readers.base import ReadError
from slashspan.insights.sums import open_sums
from slashspan.insights.sums.reader import SummedReader

if TYPE_CHECKING:
    from collections.abc import Callable

    from slashspan.dsn import Dsn
    from slashspan.insights.readers.base import Reader
    from slashspan.insights.sums import Sums
    from slashspan.insights.sums.snapshot import Snapshot

ROWS: Final = 5_000
"""So many rows above SQLite's watermark are worth a refresh: fewer take 50 ms to read."""
HOURS: Final = 3
"""So many hours with marks are. The current one has some as long as anybody uses the bot."""
SECONDS: Final = 5.0
"""How long a refresh takes at most, except for its last step. The next reader goes on."""
LOCK_SECONDS: Final = 2.0
"""How long it waits for others, who write rows or sums. A reader must not wait for them."""


def is_for_readers(dsn: Dsn) -> bool:
    """Whether those who read a store look after its sums. Not in ClickHouse, where looking whether anything has changed
    takes as long as a report: `slashspan rollup build --every` does."""
    return not dsn.is_clickhouse


async def sums_of(reader: Reader) -> Snapshot | None:
    """What is summed; None if there are no sums that can be trusted, or this role may not read them. Raises
    ReadError."""
    return await reader.sums() if isinstance(reader, SummedReader) else None


def is_worth_a_refresh(found: Snapshot) -> bool:
    """Whether enough has changed for a refresh to be worth it.

    Where partitions lack their triggers, it takes the table's owner and a lock on them: `slashspan rollup build`.
    """
    if found.unwatched:
        return False
    changed = found.changed_ever()
    return found.above >= ROWS or changed is None or len(changed) >= HOURS


def catch_up(
    dsn: Dsn | str, *, table: str, refresh: Callable[[Sums], object] = lambda sums: sums.refresh(seconds=SECONDS)
) -> None:
    """Refresh the sums for a while. Blocks the thread. Never fails: a role that may not write them reads more rows."""
    with (
        contextlib.suppress(ReadError, ConfigurationError),
        open_sums(dsn, table=table, lock_seconds=LOCK_SECONDS) as sums,
    ):
        refresh(sums)
