"""In SQLite the times of an old bot and ours are stored in different forms, but filtered, sorted and shown alike."""

from __future__ import annotations

import dataclasses
import random
import sqlite3
from contextlib import closing
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

import pytest

from slashspan import insights
from slashspan.exporters.admin.migrate import run_migration
from slashspan.insights import Filters
from slashspan.insights.query import statement
from slashspan.insights.readers.sqlite import NearestRanks, SqliteDialect
from slashspan.table import Table
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
        rows = reader.query("rows", Filters(since=START, until=START + timedelta(days=3)))
        assert [datetime.fromisoformat(row["called_at"].replace("Z", "+00:00")) for row in rows] == edges
        for low, high in [(0, 1), (10, 150), (99, 100), (150, 199)]:
            (found,) = reader.run(insights.totals, Filters(since=edges[low], until=edges[high])).rows
            assert found.calls == sum(edges[low] <= moment < edges[high] for moment in moments)
            assert found.first == edges[low]
            assert found.last == max(moment for moment in moments if moment < edges[high])


@pytest.mark.parametrize(
    ("filters", "plan"),
    [
        (Filters(since=START, until=START + timedelta(days=1)), "command_calls_identity (called_at>? AND called_at<?)"),
        (
            Filters(since=START, commands=("play",)),
            "command_calls_command (command=? AND called_at>?)",
        ),
    ],
)
def test_a_day_and_a_command_are_found_by_an_index(filters: Filters, plan: str, tmp_path: Path) -> None:
    dsn = f"sqlite:///{tmp_path / 'new.db'}"
    run_migration(dsn, "command_calls")
    with closing(sqlite3.connect(tmp_path / "new.db")) as connection:
        connection.create_aggregate("nearest_ranks", 1, NearestRanks)  # type: ignore[arg-type]
        dialect = SqliteDialect(connection, Table("command_calls"))
        for name in ("totals", "commands", "durations"):
            sql, _, values = statement(dialect, name, filters, {}, {})
            assert plan in " ".join(row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", values)), name


def test_the_last_call_of_each_known_command_is_found_by_the_index(tmp_path: Path) -> None:
    run_migration(f"sqlite:///{tmp_path / 'new.db'}", "command_calls")
    with closing(sqlite3.connect(tmp_path / "new.db")) as connection:
        sql, _, values = statement(
            SqliteDialect(connection, Table("command_calls")),
            "known_commands",
            Filters(until=START),
            {},
            {"used": "[]"},
        )
        plan = " ".join(row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", values))
    assert "SEARCH command_calls USING INTEGER PRIMARY KEY" in plan
    assert "SCAN command_calls" not in plan
    assert "SCAN r" not in plan
