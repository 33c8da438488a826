"""`slashspan demo --history`."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from typing import TYPE_CHECKING

from click.testing import CliRunner
from ladder_demo.history import history

from slashspan import insights
from slashspan.insights import Filters
from slashspan.insights.filters import ALL_KINDS
from slashspan.telemetry.cli import cli
from tests.support.history import NOW
from tests.support.rows import sample
from tests.support.stored_rows import write_rows

if TYPE_CHECKING:
    from pathlib import Path


def test_the_same_seed_makes_the_same_calls_in_the_order_of_time_and_none_to_come() -> None:
    rows = list(history(10, seed=3, now=NOW))
    ids = {"discord_uid", "guild_id", "channel_id", "interaction_id"}  # made of the time at which they are made
    again = history(10, seed=3, now=NOW)
    for one, other in zip(rows, again, strict=True):
        differing = {f.name for f in dataclasses.fields(one) if getattr(one, f.name) != getattr(other, f.name)}
        assert differing <= ids
    times = [row.called_at for row in rows]
    assert times == sorted(times)
    begin = NOW - timedelta(days=11)
    assert begin.timestamp() * 1e6 < times[0] < times[-1] < NOW.timestamp() * 1e6


def test_the_past_is_stored_and_can_be_extended(dsn: str) -> None:
    for _ in range(2):
        done = CliRunner().invoke(cli, ["demo", "--history", "3d", "--dsn", dsn])
        assert done.exit_code == 0, done.output
        assert "slashspan report report.html" in done.output
    with insights.open_reader(dsn) as reader:
        (total,) = reader.run(insights.totals, Filters(kinds=ALL_KINDS)).rows
        lags = [row for row in reader.run(insights.pipeline, Filters(kinds=ALL_KINDS)).rows if row.calls]
    assert total.calls > 100
    assert total.errors
    assert sum(row.calls for row in lags) == total.calls
    assert not any(row.late for row in lags)  # as if each had been stored when it was called
    assert all(0 < (row.p50_ms or 0) < (row.longest_ms or 0) < 60_000 for row in lags)


def test_calls_of_a_real_bot_are_not_mixed_with_it(tmp_path: Path) -> None:
    dsn = f"sqlite:///{tmp_path / 'calls.db'}"
    write_rows(dsn, sample(3, seed=1))
    done = CliRunner().invoke(cli, ["demo", "--history", "90d", "--dsn", dsn])
    assert done.exit_code == 1
    assert "3 calls that are not from a demo" in done.output
    with insights.open_reader(dsn) as reader:
        assert reader.run(insights.totals, Filters(kinds=ALL_KINDS)).rows[0].calls == 3
