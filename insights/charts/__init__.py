"""Charts as Vega-Lite specifications, the same for page, report, picture and Discord."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any, Final

from slashspan.errors import ConfigurationError
from slashspan.insights.charts.audience import funnel, guilds, locales, next_commands
from slashspan.insights.charts.calls import calls
from slashspan.insights.charts.drawing import Chart, Drawing
from slashspan.insights.charts.failures import error_types, errors, outcomes, releases
from slashspan.insights.charts.latency import (
    acknowledgements,
    arrival,
    checkpoints,
    duration_histogram,
    durations,
    pipeline,
)
from slashspan.insights.charts.usage import commands, hours
from slashspan.insights.charts.users import (
    active_users,
    calls_per_user,
    lifecycle,
    power_users,
    retention,
    stickiness,
)

if TYPE_CHECKING:
    from slashspan.insights.result import Result

_LISTED: Final = (
    *(calls, commands, hours),
    *(outcomes, errors, error_types),
    *(durations, duration_histogram, checkpoints, acknowledgements, arrival),
    *(active_users, stickiness, retention, lifecycle, calls_per_user, power_users),
    *(guilds, locales, next_commands, funnel, releases, pipeline),
)
CHARTS: Final[dict[str, Chart]] = {each.name: each for each in _LISTED}
"""By the name of the report that they draw, in the order in which they are listed."""


def find_chart(name: str) -> Chart:
    """By name; `_` and `-` are the same. Raises ConfigurationError, which names similar ones."""
    wanted = name.strip().lower().replace("_", "-")
    if wanted in CHARTS:
        return CHARTS[wanted]
    similar = difflib.get_close_matches(wanted, CHARTS, 3, 0.5)
    advice = f"did you mean {' or '.join(similar)}?" if similar else "`slashspan chart --list` shows all."
    raise ConfigurationError(f"there is no chart {name!r}: {advice}")


def draw(result: Result[Any]) -> Drawing:
    """The drawing of a report's result alone. Raises ConfigurationError if the report has no chart."""
    return find_chart(result.report).draw(result)


__all__ = ["CHARTS", "Chart", "Drawing", "draw", "find_chart"]
