"""How long one command takes: a histogram, and its steps one after the other."""

from __future__ import annotations

import dataclasses
import itertools
from typing import TYPE_CHECKING, Any

import pytest

from slashspan import insights
from slashspan.insights.charts import CHARTS
from slashspan.insights.charts.picture import svg
from tests.support.history import recent_filters, store_history

if TYPE_CHECKING:
    from slashspan.insights.charts import Drawing
    from slashspan.insights.result import Result


@pytest.fixture(scope="module")
def dsn(tmp_path_factory: pytest.TempPathFactory) -> str:
    return store_history(tmp_path_factory.mktemp("history") / "calls.db", days=20)


def read(dsn: str, name: str, *commands: str) -> tuple[Result[Any], Drawing]:
    with insights.open_reader(dsn) as reader:
        return reader.run(CHARTS[name].read, recent_filters(commands=commands))


def test_a_histogram_has_all_calls_without_gaps_and_lines_at_the_percentiles(dsn: str) -> None:
    result, drawing = read(dsn, "duration-histogram", "leaderboard")
    with insights.open_reader(dsn) as reader:
        (total,) = reader.run(insights.totals, recent_filters(commands=("leaderboard",))).rows
    assert drawing.spec is not None
    data = drawing.spec["data"]["values"]
    assert sum(row["calls"] for row in data) == total.calls
    assert all(one["high"] == other["low"] for one, other in itertools.pairwise(data))
    rule = drawing.spec["layer"][1]
    assert [row["at"] for row in rule["data"]["values"]] == [total.p50_ms, total.p95_ms, total.p99_ms]
    inside = [row.calls for row in result.rows if (row.at_most_ms or 0) <= (total.p50_ms or 0)]
    assert sum(inside) <= total.calls / 2
    assert drawing.sentence.startswith(f"Half of {total.calls:,} calls take at most ")


def test_the_first_and_the_last_step_have_a_place_on_the_scale(dsn: str) -> None:
    result, _ = read(dsn, "duration-histogram")
    first = dataclasses.replace(result.rows[0], at_least_ms=0.0, at_most_ms=0.1)
    last = dataclasses.replace(result.rows[0], at_least_ms=900_000.0, at_most_ms=None, calls=10**6)
    drawing = CHARTS["duration-histogram"].draw(dataclasses.replace(result, rows=(first, last)))
    assert drawing.spec is not None
    assert all(0 < row["low"] < row["high"] for row in drawing.spec["data"]["values"])
    assert drawing.sentence.endswith("take 15.0 min or longer")
    assert "NaN" not in svg(drawing)


def test_the_steps_of_one_command_follow_each_other(dsn: str) -> None:
    result, drawing = read(dsn, "checkpoints", "leaderboard")
    assert drawing.spec is not None
    data = drawing.spec["data"]["values"]
    assert [row["label"] for row in data] == ["guard_checks_complete", "rows_fetched", "embed_built"]
    steps = {row.step: row for row in result.rows}
    for row in data:
        step = steps[row["label"]]
        assert row["end"] - row["begin"] == pytest.approx(step.p50_ms)
        assert row["late"] - row["begin"] == pytest.approx(step.p95_ms)
        assert row["end"] == pytest.approx(step.reached_ms) or row["begin"] == 0
    assert drawing.sentence.startswith("The longest step is rows_fetched: half of them take at most ")


def test_the_steps_of_several_commands_are_ranked(dsn: str) -> None:
    _, drawing = read(dsn, "checkpoints", "leaderboard", "setup")
    assert drawing.spec is not None
    assert drawing.spec["data"]["values"][0]["label"] == "/leaderboard · rows_fetched"
    assert "took longer than 100 ms" in drawing.sentence


def test_a_step_that_was_reached_at_no_known_time_begins_at_the_receive(dsn: str) -> None:
    result, _ = read(dsn, "checkpoints", "leaderboard")
    rows = tuple(dataclasses.replace(row, reached_ms=None, share=None) for row in result.rows)
    drawing = CHARTS["checkpoints"].draw(dataclasses.replace(result, rows=rows))
    assert drawing.spec is not None
    assert {row["begin"] for row in drawing.spec["data"]["values"]} == {0.0}
    assert "NaN" not in svg(drawing)
