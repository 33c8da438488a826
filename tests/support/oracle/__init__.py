"""The reports in plain Python, each from its definition and the calls themselves; slow, and as simple as possible."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.oracle import audience, failures, latency, people, usage
from tests.support.oracle.audience import STEPS

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.oracle.shared import Rows

__all__ = ["ORACLE", "STEPS"]

_ALL = (
    *(usage.commands, usage.hours, usage.recent, failures.errors, failures.error_types, failures.outcomes),
    *(latency.durations, latency.duration_histogram, latency.acknowledgements),
    *(latency.arrival, latency.pipeline, latency.checkpoints),
    *(people.active_users, people.stickiness, people.retention, people.lifecycle),
    *(people.calls_per_user, people.power_users),
    *(audience.guilds, audience.locales, audience.next_commands, audience.funnel, audience.releases),
)
ORACLE: dict[str, Callable[..., Rows]] = {
    "totals": usage.totals,
    "calls": usage.calls_,
    **{each.__name__.replace("_", "-"): each for each in _ALL},
}
"""By the name of the report."""
