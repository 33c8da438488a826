"""The reports, each a function over `Filters`. docs/reading.md explains how to use them."""

from __future__ import annotations

import difflib
from typing import Any, Final

from slashspan.errors import ConfigurationError
from slashspan.insights.reports.audience import (
    calls_per_user,
    funnel,
    guilds,
    locales,
    next_commands,
    power_users,
    recent,
)
from slashspan.insights.reports.failures import error_types, errors, outcomes
from slashspan.insights.reports.latency import (
    acknowledgements,
    arrival,
    checkpoints,
    duration_histogram,
    durations,
    pipeline,
)
from slashspan.insights.reports.registry import Report
from slashspan.insights.reports.releases import releases
from slashspan.insights.reports.usage import calls, commands, hours, totals
from slashspan.insights.reports.users import active_users, lifecycle, retention, stickiness

_LISTED: Final[tuple[Report[..., Any], ...]] = (
    *(totals, calls, commands, hours),
    *(errors, error_types, outcomes),
    *(durations, duration_histogram, acknowledgements, arrival, checkpoints),
    *(active_users, stickiness, retention, lifecycle, calls_per_user, power_users),
    *(guilds, locales, next_commands, funnel, releases, pipeline, recent),
)
REPORTS: Final[dict[str, Report[..., Any]]] = {each.name: each for each in _LISTED}
"""All reports by name, in the order in which they are listed."""


def find_report(name: str) -> Report[..., Any]:
    """By name; `_` and `-` are the same. Raises ConfigurationError, which names similar ones."""
    wanted = name.strip().lower().replace("_", "-")
    if wanted in REPORTS:
        return REPORTS[wanted]
    similar = difflib.get_close_matches(wanted, REPORTS, 3, 0.5)
    advice = f"did you mean {' or '.join(similar)}?" if similar else "`slashspan stats --list` shows all."
    raise ConfigurationError(f"there is no report {name!r}: {advice}")


__all__ = [
    "REPORTS",
    "Report",
    "acknowledgements",
    "active_users",
    "arrival",
    "calls",
    "calls_per_user",
    "checkpoints",
    "commands",
    "duration_histogram",
    "durations",
    "error_types",
    "errors",
    "find_report",
    "funnel",
    "guilds",
    "hours",
    "lifecycle",
    "locales",
    "next_commands",
    "outcomes",
    "pipeline",
    "power_users",
    "recent",
    "releases",
    "retention",
    "stickiness",
    "totals",
]
