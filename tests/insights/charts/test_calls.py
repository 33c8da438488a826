"""Calls over time: beside them the same days before, and the releases that are new."""

from __future__ import annotations

import dataclasses
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest

from slashspan import insights
from slashspan.insights import Filters
from slashspan.insights.charts import CHARTS
from slashspan.insights.charts.calls import NAMED, Context, context
from slashspan.insights.charts.drawing import TEXT, Drawing, wall_clock
from slashspan.insights.charts.picture import svg
from slashspan.insights.zones import start_of_day
from tests.support.rows import sample
from tests.support.stored_rows import write_rows

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

BERLIN = ZoneInfo("Europe/Berlin")
CHART = CHARTS["calls"]


def at(day: date, hour: int = 12) -> datetime:
    return datetime(day.year, day.month, day.day, hour, tzinfo=BERLIN)


def store(path: Path, calls: Sequence[tuple[datetime, str | None]]) -> str:
    """A call at each time, of this release."""
    dsn = f"sqlite:///{path / 'calls.db'}"
    rows = sample(len(calls), seed=1)
    for row, (moment, release) in zip(rows, calls, strict=True):
        row.called_at, row.kind, row.outcome = int(moment.timestamp() * 1e6), "slash", "ok"
        row.service_version = release
    write_rows(dsn, rows)
    return dsn


def read(dsn: str, since: datetime, until: datetime) -> tuple[Context | None, Drawing]:
    filters = Filters(since=since, until=until, zone="Europe/Berlin")
    with insights.open_reader(dsn) as reader:
        return reader.run(context, filters), reader.run(CHART.read, filters)[1]


def layers(drawing: Drawing) -> dict[str, Any]:
    assert drawing.spec is not None
    return {layer["mark"]["type"]: layer for layer in drawing.spec["layer"]}


def test_a_day_is_compared_with_the_same_day_of_the_week_also_when_the_clocks_change(tmp_path: Path) -> None:
    first = date(2026, 10, 19)  # a Monday; the clocks change on the 25th
    days = [first + timedelta(days=number) for number in range(14)]
    calls = [(at(day), "1.0") for number, day in enumerate(days) for _ in range(number + 1)]
    dsn = store(tmp_path, calls)
    found, drawing = read(dsn, start_of_day(days[7], BERLIN), at(days[13], 18))
    assert found is not None
    assert found.shift == timedelta(days=7)
    points = layers(drawing)["line"]["data"]["values"]
    assert [point["before"] for point in points] == [1, 2, 3, 4, 5, 6, 7]
    assert [point["start"] for point in points] == [wall_clock(at(day)) for day in days[7:]]
    assert {point["series"] for point in points} == {"7 days before"}


def test_hours_are_compared_with_the_same_hours_of_the_day_before(tmp_path: Path) -> None:
    day = date(2026, 11, 10)
    dsn = store(tmp_path, [(at(day, 9), None), (at(day, 9), None), (at(day + timedelta(1), 10), None)])
    found, drawing = read(dsn, at(day, 20), at(day + timedelta(1), 20))
    assert found is not None
    assert found.shift == timedelta(days=1)
    points = layers(drawing)["line"]["data"]["values"]
    assert points[0]["before"] == 2
    assert points[0]["start"] == wall_clock(at(day + timedelta(1), 9)) + 1_800_000


def test_nothing_is_drawn_of_the_time_before_the_table_begins(tmp_path: Path) -> None:
    first = date(2026, 11, 2)
    dsn = store(tmp_path, [(at(first + timedelta(number)), "1.0") for number in range(3, 12)])
    _, drawing = read(dsn, start_of_day(first + timedelta(7), BERLIN), at(first + timedelta(13)))
    points = layers(drawing)["line"]["data"]["values"]
    assert points[0]["start_text"] == "2026-11-05 00:00"
    assert [point["before"] for point in points] == [1, 1, 1, 0]  # the last day only up to 12:00
    _, alone = read(dsn, start_of_day(first, BERLIN), at(first + timedelta(6)))
    assert set(layers(alone)) == {"bar"}


def test_a_release_is_a_line_where_it_is_new_and_nowhere_else(tmp_path: Path) -> None:
    first = date(2026, 11, 2)
    releases = {0: "1.0", 6: "1.1", 8: "2.0", 9: "1.1", 10: "2.0"}
    dsn = store(tmp_path, [(at(first + timedelta(number)), release) for number, release in releases.items()])
    found, drawing = read(dsn, start_of_day(first + timedelta(7), BERLIN), at(first + timedelta(13)))
    assert found is not None
    assert found.releases == {"2.0": at(first + timedelta(8))}
    rule, text = (layers(drawing)[name]["data"]["values"] for name in ("rule", "text"))
    assert rule == text == [{"at": wall_clock(at(first + timedelta(8))), "release": "2.0", "first": "2026-11-10 12:00"}]
    every, _ = read(dsn, start_of_day(first, BERLIN), at(first + timedelta(13)))
    assert every is not None
    assert list(every.releases) == ["1.1", "2.0"]  # the table begins with 1.0


def test_many_releases_are_lines_without_names(tmp_path: Path) -> None:
    first = date(2026, 11, 2)
    dsn = store(
        tmp_path, [(at(first + timedelta(hours // 24), hours % 24), f"1.{hours}") for hours in range(NAMED + 2)]
    )
    _, drawing = read(dsn, start_of_day(first, BERLIN), at(first + timedelta(6)))
    assert len(layers(drawing)["rule"]["data"]["values"]) == NAMED + 1
    assert "text" not in layers(drawing)


@pytest.mark.parametrize("dark", [False, True])
def test_the_line_before_has_the_colour_of_text(dark: bool, tmp_path: Path) -> None:
    first = date(2026, 11, 2)
    dsn = store(tmp_path, [(at(first + timedelta(number)), "1.0") for number in range(12)])
    _, drawing = read(dsn, start_of_day(first + timedelta(7), BERLIN), at(first + timedelta(13)))
    picture = svg(drawing, dark=dark)
    assert TEXT not in picture
    assert "7 days before" in picture
    assert "stroke-dasharray" in picture


def test_without_a_beginning_there_is_nothing_before(tmp_path: Path) -> None:
    dsn = store(tmp_path, [(at(date(2026, 11, 2)), "1.0")])
    with insights.open_reader(dsn) as reader:
        assert reader.run(context, Filters()) is None
        later = Filters(since=datetime(2100, 1, 1, tzinfo=BERLIN))
        assert reader.run(context, dataclasses.replace(later, until=None)) is None
