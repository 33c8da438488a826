"""The numbers at the head of a page, each with its change to the period before."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from slashspan.insights.wording import milliseconds, percent

if TYPE_CHECKING:
    from slashspan.insights.reports.usage import TotalsRow

FEW: Final = 20
"""With fewer calls, a change says nothing."""


@dataclass(frozen=True, slots=True)
class Tile:
    label: str
    value: str
    change: str
    """In words, so that it does not depend on colour; empty if there is nothing to compare with."""
    trend: str
    """`better`, `worse`, or empty: neither, or a matter of taste."""


def tiles(now: TotalsRow, before: TotalsRow | None) -> list[Tile]:
    """Calls, users, error rate, p95, late answers and unanswered ones."""
    if before is not None and before.calls < FEW:
        before = None
    return [
        _counted("calls", now.calls, before.calls if before else None),
        _counted("users", now.users, before.users if before else None),
        _measured("errors", now.error_rate, before.error_rate if before else None, share=True),
        _measured("95 % take at most", now.p95_ms, before.p95_ms if before else None, share=False),
        _measured("answered after 3 s", _late(now), _late(before) if before else None, share=True),
        _measured("never answered", _never(now), _never(before) if before else None, share=True),
    ]


def _late(row: TotalsRow) -> float | None:
    return row.over_3s / row.interactions if row.interactions else None


def _never(row: TotalsRow) -> float | None:
    return row.never / row.interactions if row.interactions else None


def _counted(label: str, now: int, before: int | None) -> Tile:
    change = ""
    if before:
        ratio = now / before - 1
        change = (
            "as before"
            if abs(ratio) < 0.005
            else f"{'▲' if ratio > 0 else '▼'} {abs(ratio):.0%} {'more' if ratio > 0 else 'fewer'} than before"
        )
    return Tile(label, f"{now:,}", change.replace("%", " %"), "")


def _measured(label: str, now: float | None, before: float | None, *, share: bool) -> Tile:
    shown = percent if share else milliseconds
    if now is None or before is None:
        return Tile(label, shown(now), "", "")
    if shown(now) == shown(before):
        return Tile(label, shown(now), "as before", "")
    up = now > before
    return Tile(label, shown(now), f"{'▲' if up else '▼'} from {shown(before)}", "worse" if up else "better")
