"""Each report's chart, drawn by Vega from calls of a plausible past."""

from __future__ import annotations

import dataclasses
import re
import xml.etree.ElementTree as ET
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest

from slashspan import insights
from slashspan.errors import ConfigurationError
from slashspan.insights import Filters
from slashspan.insights.charts import CHARTS, draw, find_chart
from slashspan.insights.charts.drawing import KIND_COLOURS, OUTCOME_COLOURS, SERIES, values
from slashspan.insights.charts.picture import DARK, LIGHT, inline_svg, png, svg
from slashspan.semconv import Kind, Outcome
from tests.support.history import recent_filters, store_history

if TYPE_CHECKING:
    from slashspan.insights.result import Result

EVIL = "<script>alert(1)</script>\"'&"


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Result[Any]]:
    dsn = store_history(tmp_path_factory.mktemp("history") / "calls.db")
    steps = {"funnel": ("queue", "leaderboard")}
    with insights.open_reader(dsn) as reader:
        return {
            name: reader.run(chart.report, recent_filters(commands=steps.get(name, ())))
            for name, chart in CHARTS.items()
        }


def texts(picture: str) -> list[str]:
    """All texts of an SVG, and the descriptions of its marks. Fails for what is not well-formed."""
    found = []
    for element in ET.fromstring(picture).iter():
        found += [element.text or "", element.get("aria-label") or ""]
    return [text for text in found if text.strip()]


def test_every_report_with_more_than_a_row_of_numbers_or_a_list_has_a_chart() -> None:
    assert set(insights.REPORTS) - set(CHARTS) == {"totals", "recent"}


@pytest.mark.parametrize("name", CHARTS)
def test_a_chart_shows_its_rows_and_says_what_they_mean(name: str, results: dict[str, Result[Any]]) -> None:
    result = results[name]
    drawing = draw(result)
    assert drawing.spec is not None
    assert re.search(r"\d", drawing.sentence)
    assert not drawing.sentence.endswith(".")
    assert "None" not in drawing.sentence
    shown = texts(inline_svg(drawing))
    labels = {row["label"] for row in drawing.spec["data"]["values"] if "label" in row}
    assert all(any(label[:12] in text for text in shown) for label in labels)
    assert not any("undefined" in text or "NaN" in text or "null" in text for text in shown)


@pytest.mark.parametrize("name", CHARTS)
def test_a_chart_without_rows_is_a_sentence(name: str, results: dict[str, Result[Any]]) -> None:
    drawing = draw(dataclasses.replace(results[name], rows=()))
    assert drawing.spec is None
    assert drawing.sentence


def test_a_picture_of_nothing_says_so(results: dict[str, Result[Any]]) -> None:
    drawing = draw(dataclasses.replace(results["calls"], rows=()))
    assert "No calls in this period" in texts(svg(drawing))


def test_bars_over_time_add_up_to_the_calls(results: dict[str, Result[Any]]) -> None:
    drawing = draw(results["calls"])
    assert drawing.spec is not None
    data = drawing.spec["data"]["values"]
    assert sum(row["calls"] for row in data) == sum(row.calls for row in results["calls"].rows)
    assert all(row["end"] - row["start"] == 86_400_000 for row in data)


START = datetime(2026, 7, 1, 15, 30, tzinfo=ZoneInfo("Asia/Tokyo"))


def test_times_are_those_of_the_zone_of_the_filters(results: dict[str, Result[Any]]) -> None:
    row = dataclasses.replace(results["calls"].rows[0], start=START)
    (entry,) = values(results["calls"], [row])
    assert timedelta(milliseconds=entry["start"]) == timedelta(days=20635, hours=15, minutes=30)
    assert entry["start_text"] == "2026-07-01 15:30"


def test_names_from_users_stay_text(results: dict[str, Result[Any]]) -> None:
    result = results["commands"]
    rows = (dataclasses.replace(result.rows[0], command=EVIL), *result.rows[1:])
    drawing = draw(dataclasses.replace(result, rows=rows))
    for picture in (svg(drawing), inline_svg(drawing)):
        assert "<script" not in picture
        assert any(EVIL[:20] in text for text in texts(picture))


def test_two_commands_of_one_name_have_a_bar_each(results: dict[str, Result[Any]]) -> None:
    result = results["commands"]
    row = result.rows[0]
    drawing = draw(dataclasses.replace(result, rows=(row, dataclasses.replace(row, calls=1))))
    assert drawing.spec is not None
    assert [entry["label"] for entry in drawing.spec["data"]["values"]] == ["/queue", "/queue (2)"]


def test_percentiles_of_too_few_calls_are_not_drawn(results: dict[str, Result[Any]]) -> None:
    result = results["durations"]
    rows = tuple(dataclasses.replace(result.rows[0], command=f"c{calls}", calls=calls) for calls in (19, 20, 99, 100))
    drawing = draw(dataclasses.replace(result, rows=rows))
    assert drawing.spec is not None
    shown = [(row["label"], row["series"]) for row in drawing.spec["data"]["values"]]
    assert [label for label, series in shown if series == "p50"] == ["/c19", "/c20", "/c99", "/c100"]
    assert [label for label, series in shown if series == "p95"] == ["/c20", "/c99", "/c100"]
    assert [label for label, series in shown if series == "p99"] == ["/c100"]


def test_nothing_but_negative_delays_is_said_of_a_clock_that_is_behind(results: dict[str, Result[Any]]) -> None:
    result = results["arrival"]
    rows = tuple(dataclasses.replace(row, negative=3) for row in result.rows)
    assert "clock is behind" in draw(dataclasses.replace(result, rows=rows)).sentence


def test_a_rate_is_never_taken_from_a_command_that_did_not_fail(results: dict[str, Result[Any]]) -> None:
    result = results["errors"]
    rows = tuple(dataclasses.replace(row, errors=0, error_rate=0.0) for row in result.rows)
    drawing = draw(dataclasses.replace(result, rows=rows))
    assert drawing.spec is None
    assert drawing.sentence.startswith("None of ")


def test_every_kind_and_outcome_has_a_colour() -> None:
    assert set(KIND_COLOURS) == {*Kind.ALL, "legacy"}
    assert set(OUTCOME_COLOURS) == {*Outcome.ALL, "unknown"}


def luminance(colour: str) -> float:
    """Relative luminance as WCAG 2.2 defines it."""
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_colours_have_the_contrast_that_wcag_asks_for_on_light_and_dark() -> None:
    for background, text in (LIGHT, DARK):
        assert contrast(background, text) >= 7
        for colour in {*SERIES, *KIND_COLOURS.values(), *OUTCOME_COLOURS.values()}:
            assert contrast(background, colour) >= 3, (background, colour)


def test_pictures_have_the_size_that_was_asked_for(results: dict[str, Result[Any]]) -> None:
    picture = png(draw(results["hours"]), width=500, dark=True)
    assert picture.startswith(b"\x89PNG")
    assert 1000 <= int.from_bytes(picture[16:20], "big") <= 1080  # twice as dense, and a margin


def test_an_unknown_chart_is_refused_and_similar_ones_are_named() -> None:
    with pytest.raises(ConfigurationError, match="no chart 'cals': did you mean calls"):
        find_chart("cals")
    assert find_chart("Active_Users").name == "active-users"


def test_a_report_without_calls_in_its_period_is_drawn_too(tmp_path: Any) -> None:
    dsn = store_history(tmp_path / "calls.db", days=2)
    with insights.open_reader(dsn) as reader:
        for chart in CHARTS.values():
            if chart.name != "funnel":
                filters = Filters.last("1d", zone="UTC", now=datetime(2020, 1, 2, tzinfo=ZoneInfo("UTC")))
                filters = dataclasses.replace(filters, until=datetime(2020, 1, 2, tzinfo=ZoneInfo("UTC")))
                assert chart.draw(reader.run(chart.report, filters)).spec is None, chart.name
