"""A release is called better or worse only where chance cannot be the reason, and the same from rows and from sums."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from slashspan import insights
from slashspan.insights.charts import draw
from slashspan.insights.sums import open_sums
from tests.support.rows import FULL
from tests.support.stored_rows import write_rows

RELEASES = {
    # release: (calls, share of errors, median of the durations in ms)
    "1.0": (400, 0.02, 50),
    "1.1": (400, 0.02, 50),
    "1.2": (400, 0.20, 90),
    "1.3": (400, 0.02, 50),
    "2.0": (60, 0.02, 500),
    "2.1": (71, 0.02, 5),
    "2.2": (400, 0.02, 5),
}


def written(dsn: str) -> None:
    dice = random.Random(3)
    rows = []
    for day, (release, (count, errors, median)) in enumerate(RELEASES.items()):
        rows += [
            replace(
                FULL,
                called_at=(day * 86_400 + number) * 1_000_000 + 1_700_000_000_000_000,
                span_id=day * 10_000 + number,
                service_version=release,
                outcome="error" if number < count * errors else "ok",
                duration_ms=dice.lognormvariate(0, 0.4) * median,
            )
            for number in range(count)
        ]
    write_rows(dsn, rows)


@pytest.mark.parametrize("summed", [False, True])
def test_a_release_is_compared_with_the_one_before(dsn: str, summed: bool) -> None:
    written(dsn)
    if summed:
        with open_sums(dsn) as sums:
            sums.install("UTC")
            sums.refresh()
    with insights.open_reader(dsn) as reader:
        result = reader.run(insights.releases)
    verdicts = {row.release: (row.error_verdict, row.p95_verdict) for row in result.rows}
    assert verdicts == {
        "1.0": (None, None),
        "1.1": ("unclear", "unclear"),
        "1.2": ("worse", "worse"),
        "1.3": ("better", "better"),
        "2.0": ("unclear", "worse"),  # a lower bound is enough to be worse
        "2.1": ("unclear", "unclear"),  # 71 calls have no upper bound
        "2.2": ("unclear", "unclear"),
    }
    bounds = {row.release: (row.p95_low_ms, row.p95_high_ms) for row in result.rows}
    assert [release for release, (_, high) in bounds.items() if high is None] == ["2.0", "2.1"]
    for row in result.rows:
        assert row.p95_ms is not None
        assert row.p95_low_ms is not None
        assert row.p95_low_ms <= row.p95_ms * 1.01
        assert row.p95_high_ms is None or row.p95_ms * 0.99 <= row.p95_high_ms


def test_the_chart_says_both_verdicts(dsn: str) -> None:
    written(dsn)
    with insights.open_reader(dsn) as reader:
        until_worse = reader.run(insights.releases, insights.Filters(releases=("1.1", "1.2")))
        result = reader.run(insights.releases, insights.Filters(releases=("1.2", "1.3")))
    assert draw(until_worse).sentence.count("clearly worse than before") == 2
    assert draw(result).sentence.count("clearly better than before") == 2


def test_an_id_of_a_release_is_a_value_and_no_sql(dsn: str) -> None:
    name = "it's; :release_9 {calls}"
    write_rows(dsn, [replace(FULL, span_id=number, service_version=name) for number in range(80)])
    with insights.open_reader(dsn) as reader:
        (row,) = reader.run(insights.releases).rows
    assert row.release == name
    assert row.p95_low_ms == pytest.approx(row.p95_ms, rel=0.021)
