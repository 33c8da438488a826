"""Times with an offset, as Python's SQLite adapters store aware datetimes, are converted to UTC."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

import pytest

from slashspan import insights
from slashspan.exporters.admin.migrate import run_migration
from slashspan.exporters.admin.prune import count_old, prune
from slashspan.insights import Filters
from tests.support.legacy_tables import SQLITE
from tests.support.tables import execute

if TYPE_CHECKING:
    from pathlib import Path

UTC = timezone.utc
FORMS = {
    "2026-03-05 01:30:00+02:00": datetime(2026, 3, 4, 23, 30, tzinfo=UTC),
    "2026-03-05T01:30:00.123456+02:00": datetime(2026, 3, 4, 23, 30, 0, 123456, tzinfo=UTC),
    "2026-03-05T01:30:00.1+02:00": datetime(2026, 3, 4, 23, 30, 0, 100000, tzinfo=UTC),
    "2026-03-04 20:00:00.999999-05:30": datetime(2026, 3, 5, 1, 30, 0, 999999, tzinfo=UTC),
    "2026-03-04T20:00:59.9999999-0530": datetime(2026, 3, 5, 1, 30, 59, 999999, tzinfo=UTC),
    "2026-03-05 14:00:00+14": datetime(2026, 3, 5, tzinfo=UTC),
    "2026-03-05 10:00:00 UTC": datetime(2026, 3, 5, 10, tzinfo=UTC),
    "2026-03-05 10:00:00z": datetime(2026, 3, 5, 10, tzinfo=UTC),
    "2026-03-05 10:00": datetime(2026, 3, 5, 10, tzinfo=UTC),
    "2026-03-05": datetime(2026, 3, 5, tzinfo=UTC),
}


def table_of(dsn: str, *times: str) -> None:
    execute(dsn, SQLITE["timestamp"])
    for time in times:
        execute(
            dsn,
            "INSERT INTO command_calls (discord_uid, player_name, command, called_at) "
            f"VALUES (1, 'ann', 'ping', '{time}')",
        )
    run_migration(dsn, "command_calls")


@pytest.mark.parametrize("form", FORMS)
def test_a_time_with_an_offset_is_read_in_utc(form: str, tmp_path: Path) -> None:
    dsn, moment = f"sqlite:///{tmp_path / 'old.db'}", FORMS[form]
    table_of(dsn, form)
    with insights.open_reader(dsn) as reader:
        (found,) = reader.run(insights.totals, Filters(since=moment, until=moment + timedelta(microseconds=1))).rows
        assert (found.calls, found.first, found.last) == (1, moment, moment)
        for period, calls in (
            (Filters(since=moment + timedelta(microseconds=1)), 0),
            (Filters(until=moment), 0),
            (Filters(), 1),
        ):
            assert reader.run(insights.totals, period).rows[0].calls == calls


@pytest.mark.parametrize("form", FORMS)
def test_a_time_with_an_offset_is_pruned_when_it_is_old_enough(form: str, tmp_path: Path) -> None:
    dsn, moment = f"sqlite:///{tmp_path / 'old.db'}", FORMS[form]
    table_of(dsn, form)
    assert count_old(dsn, "command_calls", moment).rows == 0
    assert prune(dsn, "command_calls", moment) == 0
    assert prune(dsn, "command_calls", moment + timedelta(microseconds=1)) == 1


@pytest.mark.parametrize("text", ["", "yesterday", "10:00", "2026-03-05 10:00:00.12x", "2026-03-05 10:00:00+99:99"])
def test_an_invalid_time_is_in_no_period(text: str, tmp_path: Path) -> None:
    dsn = f"sqlite:///{tmp_path / 'old.db'}"
    table_of(dsn, text, "2026-03-05 10:00:00")
    with insights.open_reader(dsn) as reader:
        assert reader.run(insights.totals).rows[0].calls == 1
    assert prune(dsn, "command_calls", datetime(9000, 1, 1, tzinfo=UTC)) == 1
