"""What the rows alone tell about how they were recorded, checked against a store that really wrote them."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest

from slashspan import insights
from slashspan.insights import Filters
from tests.support.rows import FULL
from tests.support.stored_rows import write_rows
from tests.support.tables import execute

SINCE = datetime(2026, 3, 1, 10, tzinfo=timezone.utc)
SECOND = 1_000_000


def test_batches_are_told_by_the_time_of_their_insertion(dsn: str) -> None:
    at = int(datetime.now(timezone.utc).timestamp()) * SECOND
    for batch, size in enumerate((30, 10, 20)):
        write_rows(dsn, [replace(FULL, called_at=at, span_id=batch * 100 + n) for n in range(size)])
    with insights.open_reader(dsn) as reader:
        rows = [row for row in reader.run(insights.pipeline).rows if row.calls]
    assert sum(row.calls for row in rows) == 60
    (row,) = rows
    if dsn.startswith("postgresql"):
        assert row.batch_rows == 20
    else:  # SQLite takes so many values at a time
        assert row.batch_rows is not None
        assert 1 < row.batch_rows <= 20


def test_a_row_waits_from_the_end_of_its_call_to_its_insertion(dsn: str) -> None:
    """100 rows of calls that took 1 s, each inserted 37 s after its begin: 100 × 36 s in an hour is one at a time."""
    calls = [
        replace(FULL, called_at=int(SINCE.timestamp() + n) * SECOND, span_id=n, duration_ms=1000.0) for n in range(100)
    ]
    write_rows(dsn, calls)
    later = (
        "strftime('%Y-%m-%dT%H:%M:%f000Z', called_at, '37 seconds')"
        if dsn.startswith("sqlite")
        else "called_at + interval '37 seconds'"
    )
    execute(dsn, f"UPDATE command_calls SET inserted_at = {later}", "SELECT 1")
    hour = Filters(since=SINCE, until=SINCE + timedelta(hours=1))
    half = Filters(since=SINCE, until=SINCE + timedelta(minutes=30))
    with insights.open_reader(dsn) as reader:
        assert [row.waiting for row in reader.run(insights.pipeline, hour).rows] == [pytest.approx(1.0)]
        assert [row.waiting for row in reader.run(insights.pipeline, half).rows] == [pytest.approx(2.0)]
        (day,) = reader.run(insights.pipeline, hour, bucket="day").rows
    assert day.waiting == pytest.approx(1.0)  # only the hour of it is in the period
    assert day.batch_rows == 1
