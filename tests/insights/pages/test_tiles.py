"""The tiles: what changed, in words, and the line that shows how it came about."""

from __future__ import annotations

import dataclasses
from datetime import date, datetime, timezone
from typing import TYPE_CHECKING, Any

import pytest

from slashspan import insights
from slashspan.insights import Filters
from slashspan.insights.pages.tiles import LINE_HEIGHT, LINE_WIDTH, last_stored, line, tiles
from slashspan.insights.pages.trend import Point, trend
from slashspan.insights.reports.latency import PipelineRow
from slashspan.insights.reports.usage import TotalsRow
from slashspan.insights.result import Result
from slashspan.insights.zones import start_of_day
from tests.support.history import recent_filters, store_history

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime(2026, 11, 20, tzinfo=timezone.utc)
NOTHING = {field.name: None for field in dataclasses.fields(TotalsRow)}


def row(**changes: Any) -> TotalsRow:
    counts = dict.fromkeys(("calls", "users", "interactions", "over_3s", "never"), 100)
    return TotalsRow(**{**NOTHING, **counts, **changes})


def stored(**changes: Any) -> PipelineRow:
    return PipelineRow(**{"start": NOW, "calls": 9, "p95_ms": 900.0, "late": 0, **dict.fromkeys(MISSING), **changes})


MISSING = ("p50_ms", "p99_ms", "longest_ms", "batch_rows", "waiting")


def test_tiles_say_in_words_what_changed() -> None:
    now = row(calls=150, users=20, error_rate=0.02, p95_ms=80.0, interactions=100, over_3s=1, never=1)
    before = row(calls=100, users=20, error_rate=0.01, p95_ms=120.0, interactions=100, over_3s=2, never=0)
    shown = {tile.label: (tile.value, tile.change, tile.trend) for tile in tiles(now, before, (), stored(late=2))}
    assert shown == {
        "calls": ("150", "▲ 50 % more", ""),
        "users": ("20", "as before", ""),
        "errors": ("2.0 %", "▲ from 1.0 %", "worse"),
        "95 % take at most": ("80.0 ms", "▼ from 120 ms", "better"),
        "late or no answer": ("2.0 %", "as before", ""),
        "95 % stored within": ("900 ms", "2 rows late", "worse"),
    }


@pytest.mark.parametrize("calls", [None, 0, 19])
def test_tiles_compare_with_nothing_where_there_was_too_little(calls: int | None) -> None:
    before = None if calls is None else row(calls=calls)
    assert {tile.change for tile in tiles(row(), before)} == {""}


def test_numbers_that_were_not_measured_are_dashes() -> None:
    nothing = row(calls=0, users=0, interactions=0, over_3s=0, never=0)
    pipeline = Result("pipeline", "", PipelineRow, Filters(until=NOW), (stored(calls=0, p95_ms=None),))
    shown = tiles(nothing, None, (), last_stored(pipeline))
    assert [tile.value for tile in shown] == ["0", "0", "–", "–", "–", "–"]
    assert shown[-1].change == "no rows lately"


def test_the_last_hour_or_day_with_rows_says_how_quickly_they_are_stored() -> None:
    rows = (stored(p95_ms=1.0), stored(p95_ms=2.0), stored(calls=0, p95_ms=None))
    assert last_stored(Result("pipeline", "", PipelineRow, Filters(), rows)).p95_ms == 2.0


def test_a_line_fills_its_box_and_is_interrupted_where_nothing_is_known() -> None:
    assert line([0, 5, 10]) == f"M0.0 {LINE_HEIGHT - 1}.0L50.0 {LINE_HEIGHT / 2:.1f}L{LINE_WIDTH}.0 1.0"
    assert line([1, 1, None, 1, 1]).count("M") == 2
    assert line([0, 0]).count("L") == 1
    assert line([1]) == line([]) == line([None, None]) == line([1, None, 1]) == ""


def test_the_lines_have_the_numbers_of_the_reports(tmp_path: Path) -> None:
    dsn = store_history(tmp_path / "calls.db", days=20)
    zone = recent_filters().tz
    filters = Filters(since=start_of_day(date(2026, 11, 6), zone), until=recent_filters().until, zone=zone.key)
    with insights.open_reader(dsn) as reader:
        points = reader.run(trend, filters)
        calls = reader.run(insights.calls, filters).rows
        users = reader.run(insights.active_users, filters).rows
        assert [point.start for point in points] == sorted({row.start for row in calls})
        for point, day in zip(points, users, strict=True):
            assert point.calls == sum(row.calls for row in calls if row.start == point.start)
            assert point.users == day.dau
        whole = points[3].start.date()
        edges = [start_of_day(each, filters.tz) for each in (whole, points[4].start.date())]
        (total,) = reader.run(insights.totals, Filters(since=edges[0], until=edges[1], zone=filters.zone)).rows
    late = (total.over_3s + total.never) / total.interactions
    expected = Point(points[3].start, total.calls, total.users, total.error_rate, total.p95_ms, late)
    assert points[3] == expected
    lines = [tile.line for tile in tiles(total, None, points)]
    assert all(lines)
