"""The numbers at the head of a page, each with its change to the period before."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from slashspan.insights.reports.latency import PipelineRow
from slashspan.insights.wording import milliseconds, percent, plural

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from slashspan.insights.pages.trend import Point
    from slashspan.insights.reports.usage import TotalsRow
    from slashspan.insights.result import Result

FEW: Final = 20
"""With fewer calls, a change says nothing."""
LINE_WIDTH: Final = 100
LINE_HEIGHT: Final = 24


@dataclass(frozen=True, slots=True)
class Tile:
    label: str
    value: str
    change: str
    """In words, so that it does not depend on colour; empty if there is nothing to compare with."""
    trend: str
    """`better`, `worse`, or empty: neither, or a matter of taste."""
    section: str
    """Where the page says more."""
    line: str = ""
    """The value over the period, as the path of a line in a box of `LINE_WIDTH` × `LINE_HEIGHT`; or empty."""


def tiles(
    now: TotalsRow, before: TotalsRow | None, points: Sequence[Point] = (), stored: PipelineRow | None = None
) -> list[Tile]:
    """Calls, users, error rate, p95, late answers, and how quickly rows are stored if `stored` says so."""
    if before is not None and before.calls < FEW:
        before = None
    found = [
        _counted("calls", now.calls, before.calls if before else None, "used", [each.calls for each in points]),
        _counted("users", now.users, before.users if before else None, "users", [each.users for each in points]),
        _measured(
            "errors",
            percent,
            (now.error_rate, before.error_rate if before else None),
            "fails",
            [each.error_rate for each in points],
        ),
        _measured(
            "95 % take at most",
            milliseconds,
            (now.p95_ms, before.p95_ms if before else None),
            "slow",
            [each.p95_ms for each in points],
        ),
        _measured(
            "late or no answer",
            percent,
            (_late(now), _late(before) if before else None),
            "answers",
            [each.late for each in points],
        ),
    ]
    return [*found, *([_stored(stored)] if stored else [])]


def last_stored(result: Result[PipelineRow]) -> PipelineRow:
    """The last hour or day of `pipeline` that has rows."""
    nothing = PipelineRow(result.filters.end, 0, None, None, None, None, 0, None, None)
    return next((row for row in reversed(result.rows) if row.calls), nothing)


def _stored(row: PipelineRow) -> Tile:
    change = f"{plural(row.late, 'row')} late" if row.late else "none late" if row.calls else "no rows lately"
    return Tile("95 % stored within", milliseconds(row.p95_ms), change, "worse" if row.late else "", "recording")


def _late(row: TotalsRow) -> float | None:
    return (row.over_3s + row.never) / row.interactions if row.interactions else None


def line(values: Sequence[float | None]) -> str:
    """A line through the values as SVG's path, from 0 at the bottom; where nothing is known, it is interrupted."""
    top = max((value for value in values if value is not None), default=0) or 1
    step = LINE_WIDTH / max(1, len(values) - 1)
    path, drawing = [], False
    for place, value in enumerate(values):
        if value is not None:
            height = LINE_HEIGHT - 1 - (LINE_HEIGHT - 2) * value / top
            path.append(f"{'L' if drawing else 'M'}{place * step:.1f} {height:.1f}")
        drawing = value is not None
    return "".join(path) if "L" in "".join(path) else ""


def _counted(label: str, now: int, before: int | None, section: str, values: Sequence[float | None]) -> Tile:
    change = ""
    if before:
        ratio = now / before - 1
        change = (
            "as before"
            if abs(ratio) < 0.005
            else f"{'▲' if ratio > 0 else '▼'} {abs(ratio):.0%} {'more' if ratio > 0 else 'fewer'}"
        )
    return Tile(label, f"{now:,}", change.replace("%", " %"), "", section, line(values))


def _measured(
    label: str,
    shown: Callable[[float | None], str],
    change: tuple[float | None, float | None],
    section: str,
    values: Sequence[float | None],
) -> Tile:
    now, before = change
    path = line(values)
    if now is None or before is None:
        return Tile(label, shown(now), "", "", section, path)
    if shown(now) == shown(before):
        return Tile(label, shown(now), "as before", "", section, path)
    up = now > before
    words = f"{'▲' if up else '▼'} from {shown(before)}"
    return Tile(label, shown(now), words, "worse" if up else "better", section, path)
