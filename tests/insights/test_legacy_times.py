"""In SQLite the times of an old bot and ours are stored in different forms, but filtered, sorted and shown alike."""

from __future__ import annotations

import dataclasses
import random
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

from slashspan import insights
from slashspan.exporters.admin.migrate import run_migration
from tests.support.legacy_tables import SQLITE
from tests.support.rows import FULL
from tests.support.stored_rows import write_rows
from tests.support.tables import execute

if TYPE_CHECKING:
    from pathlib import Path

UTC = timezone.utc
START = datetime(2026, 3, 5, tzinfo=UTC)


def table_of_both(dsn: str) -> list[datetime]:
    """Fill a table with times of two days, each in a random form; returns the times."""
    dice = random.Random(5)
    moments = [START + timedelta(seconds=dice.randrange(172_800)) for _ in range(200)]
    execute(dsn, SQLITE["timestamp"])
    ours = []
    for number, moment in enumerate(moments):
        bare = moment.replace(tzinfo=None)
        forms = [f"{bare}", f"{bare}.250000", f"{bare}+00:00", f"{bare}.250000+00:00", f"{bare.isoformat()}Z"]
        if number % 2:
            moments[number] = moment + timedelta(microseconds=dice.randrange(1_000_000))
            ours.append(moments[number])
            continue
        form = dice.choice(forms)
        moments[number] = moment + timedelta(milliseconds=250 if ".25" in form else 0)
        execute(
            dsn,
            "INSERT INTO command_calls (discord_uid, player_name, command, called_at) "
            f"VALUES (1, 'ann', 'ping', '{form}')",
        )
    run_migration(dsn, "command_calls")
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    rows = [
        dataclasses.replace(FULL, called_at=(moment - epoch) // timedelta(microseconds=1), span_id=n)
        for n, moment in enumerate(ours)
    ]
    write_rows(dsn, rows)
    return moments


def test_both_forms_are_filtered_and_sorted_alike(tmp_path: Path) -> None:
    dsn = f"sqlite:///{tmp_path / 'old.db'}"
    moments = table_of_both(dsn)
    edges = sorted(moments)
    with insights.open_reader(dsn) as reader:
        rows = reader.query("calls", {"since": START, "until": START + timedelta(days=3)})
        found = [datetime.fromisoformat(row["called_at"].replace("Z", "+00:00")) for row in rows]
        assert found == edges
        for low, high in [(0, 1), (10, 150), (99, 100), (150, 199)]:
            summary = insights.summary(reader, since=edges[low], until=edges[high])
            assert summary.calls == sum(edges[low] <= moment < edges[high] for moment in moments)
            assert summary.first == edges[low]
            assert summary.last == max(moment for moment in moments if moment < edges[high])


def test_a_day_is_found_by_the_index(tmp_path: Path) -> None:
    import sqlite3
    from contextlib import closing

    dsn = f"sqlite:///{tmp_path / 'new.db'}"
    run_migration(dsn, "command_calls")
    with insights.open_reader(dsn) as reader, closing(sqlite3.connect(tmp_path / "new.db")) as connection:
        assert isinstance(reader, insights.reader.SqliteReader)
        bounds = {"since": "2026-01-01T00:00:00.000000Z", "until": "2026-01-02T00:00:00.000000Z"}
        source = reader._source(bounds)
        sql = f"SELECT count(*) FROM {source} WHERE called_at >= :since AND called_at < :until"
        plan = " ".join(row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", bounds))
    assert "command_calls_identity (called_at>? AND called_at<?)" in plan
