"""Two releases side by side, with what can be said about them for certain."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from aiohttp import web

from slashspan.insights.reports import releases
from slashspan.insights.reports.releases import verdict
from slashspan.insights.reports.shared import Interval
from slashspan.insights.wording import cell, milliseconds, percent

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from slashspan.insights.dashboard.address import State
    from slashspan.insights.dashboard.site import Site
    from slashspan.insights.reports.releases import ReleasesRow

WORDS: Final = {"worse": "▲ clearly worse", "better": "▼ clearly better", "unclear": "not clear"}


@dataclass(frozen=True, slots=True)
class Line:
    label: str
    before: str
    after: str
    words: str = ""
    trend: str = ""
    """`better`, `worse` or empty."""


class Comparison:
    """Of the last two releases of the period, or of those that the address names."""

    def __init__(self, site: Site) -> None:
        self._site = site

    async def compare(self, _: web.Request, state: State) -> web.StreamResponse:
        """As HTML."""
        async with self._site.pool.reader() as reader:
            rows = (await releases(reader, state.filters)).rows
        before, after = chosen(rows, state.before, state.after)
        lines = compared(before, after) if before and after else ()
        names = [row.release for row in rows]
        text = self._site.render(
            "comparison.html.j2", state=state, names=names, before=before, after=after, lines=lines
        )
        return web.Response(text=text, content_type="text/html")


def chosen(rows: Sequence[ReleasesRow], before: str, after: str) -> tuple[ReleasesRow | None, ReleasesRow | None]:
    """The releases of these names; otherwise the last one, and the one before it. None where there is none, or no
    other one."""
    if not rows:
        return None, None
    places = {row.release: place for place, row in enumerate(rows)}
    last = places.get(after, len(rows) - 1)
    if len(rows) == 1:
        return None, rows[last]
    first = places.get(before, last)
    if first == last:
        first = last - 1 if last else 1
    return rows[first], rows[last]


def compared(before: ReleasesRow, after: ReleasesRow) -> list[Line]:
    """Line by line."""
    return [
        Line("first call", cell(before.first, "time"), cell(after.first, "time")),
        Line("last call", cell(before.last, "time"), cell(after.last, "time")),
        Line("calls", f"{before.calls:,}", f"{after.calls:,}"),
        Line("users", f"{before.users:,}", f"{after.users:,}"),
        _judged("error rate", _errors(before), _errors(after), percent),
        _judged("95 % take at most", _p95(before), _p95(after), milliseconds),
    ]


Measured = tuple["float | None", Interval]


def _errors(row: ReleasesRow) -> Measured:
    return row.error_rate, Interval(row.low, row.high)


def _p95(row: ReleasesRow) -> Measured:
    return row.p95_ms, Interval(row.p95_low_ms, row.p95_high_ms)


def _judged(label: str, before: Measured, after: Measured, shown: Callable[[float | None], str]) -> Line:
    found = verdict(before[1], after[1])
    words, trend = WORDS[found], "" if found == "unclear" else found
    return Line(label, _with_interval(before, shown), _with_interval(after, shown), words, trend)


def _with_interval(measured: Measured, shown: Callable[[float | None], str]) -> str:
    value, interval = measured
    if value is None or None in interval:
        return shown(value)
    return f"{shown(value)} ({shown(interval.low)} to {shown(interval.high)})"
