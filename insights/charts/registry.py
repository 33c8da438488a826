"""What the functions of charts share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from slashspan.insights.charts.drawing import ROW_HEIGHT, Chart, Drawing
from slashspan.insights.wording import command_name

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from slashspan.insights.charts.drawing import Beside
    from slashspan.insights.reports.registry import Report

NO_CALLS: Final = Drawing("No calls in this period", None)


def chart(report: Report[..., Any], beside: Beside | None = None) -> Callable[[Callable[..., Drawing]], Chart]:
    """Makes a function the chart of a report. What `beside` reads is its second argument, or None."""

    def made(function: Callable[..., Drawing]) -> Chart:
        return Chart(report, function, beside)

    return made


def ranked_height(rows: Sequence[Any]) -> int:
    """Of a ranking, in pixels."""
    return ROW_HEIGHT * max(len(rows), 2)


def names(rows: Sequence[Any]) -> list[str]:
    """Labels of commands."""
    return distinct([command_name(row) for row in rows])


def distinct(labels: Sequence[str]) -> list[str]:
    """An axis has one place for each name: the second of the same name gets a number."""
    seen: dict[str, int] = {}
    found = []
    for label in labels:
        seen[label] = seen.get(label, 0) + 1
        found.append(label if seen[label] == 1 else f"{label} ({seen[label]})")
    return found
