"""Answers the reports' queries from documents: the same rows as `sql/<name>.sql` returns, in any order.

Counts, users and times are exact; percentiles are those of the histograms, to 1 %.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from slashspan.insights.sums.answers import over_time, people, whole

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from slashspan.insights.readers.base import Row
    from slashspan.insights.sums.chosen import Period

ANSWERS: Final[Mapping[str, Callable[[Period, Mapping[str, str]], list[Row]]]] = {
    "totals": whole.totals,
    "commands": whole.commands,
    "errors": whole.errors,
    "outcomes": whole.outcomes,
    "durations": whole.durations,
    "duration_histogram": whole.duration_histogram,
    "acknowledgements": whole.acknowledgements,
    "releases": whole.releases,
    "release_starts": whole.release_starts,
    "release_places": whole.release_places,
    "error_types": whole.error_types,
    "error_releases": whole.error_releases,
    "calls": over_time.calls,
    "arrival": over_time.arrival,
    "trend": over_time.trend,
    "choices": whole.choices,
    "hours": over_time.hours_of_week,
    "user_days": people.user_days,
    "retention": people.retention,
}
"""By the name of the query."""
