"""How far the sums have been built, for those who wait for them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from slashspan.insights.filters import ALL_KINDS, Filters
from slashspan.insights.reports.audience import recent
from slashspan.insights.reports.shared import moment
from slashspan.insights.sums.cache import Place
from slashspan.sum_tables import HOUR

if TYPE_CHECKING:
    from slashspan.insights.readers.base import Reader
    from slashspan.insights.sums.snapshot import Snapshot

_EVERY: Final = Filters(kinds=ALL_KINDS)
_DAY: Final = 86_400


@dataclass(frozen=True, slots=True)
class Progress:
    """Of sums that cannot be used yet. Days are those of UTC."""

    done: int
    """Days that are summed."""
    days: int
    """From the first call to the last."""


async def progress_of(reader: Reader, snapshot: Snapshot) -> Progress | None:
    """None if there is nothing to wait for. `reader`: of the rows. Raises ReadError."""
    if not snapshot.is_behind:
        return None
    (first,) = await reader.query("first_call", _EVERY) or [{"first_at": None}]
    newest = (await recent(reader, _EVERY, count=1)).rows
    began, last = moment(first["first_at"], _EVERY), newest[0].at if newest else None
    if began is None or last is None:
        return None
    starts = await snapshot.versions(reader, Place(snapshot.names.hours), None, None)
    summed = {
        start // _DAY
        for start in starts
        if not any(since < start + HOUR and start < until for since, until in snapshot.marked)
    }
    days = (last.date() - began.date()).days + 1
    return Progress(min(len(summed), days), days)
