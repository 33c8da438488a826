"""What several answers need."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from slashspan.insights.zones import EPOCH
from slashspan.semconv import Kind, Outcome

if TYPE_CHECKING:
    from slashspan.insights.readers.base import Row
    from slashspan.insights.sums.documents import Group

NO_ANSWER_DUE: Final = (Kind.PREFIX, "")
"""Kinds that Discord does not want answered."""


def moment(us: int) -> datetime:
    return EPOCH + timedelta(microseconds=us)


def outcomes_of(group: Group) -> Row:
    counts = group.outcomes
    return {
        "calls": group.calls,
        "ok": counts.get(Outcome.OK, 0),
        "errors": counts.get(Outcome.ERROR, 0),
        "rejected": counts.get(Outcome.REJECTED, 0),
    }
