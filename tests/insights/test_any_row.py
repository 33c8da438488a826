"""A report works whatever rows the table contains: other programs, older bots and people write to it too."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import math
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rich.console import Console

from slashspan import insights
from slashspan.exporters.admin.migrate import run_migration
from slashspan.insights import Filters
from slashspan.insights.terminal.overview import Overview, overview, print_overview
from slashspan.insights.terminal.table import print_result
from tests.support.rows import FULL, rows
from tests.support.stored_rows import write_rows
from tests.support.tables import execute

if TYPE_CHECKING:
    from pathlib import Path

JSON_VALUES = [
    {"slashspan.left_out_chars": 40_000},
    "text",
    5,
    None,
    [],
    [1, "two", None, [3], {}],
    [{"name": None, "step_ms": 1}, {"name": {"a": 1}, "step_ms": 1}, {"name": ["a"], "step_ms": 1}],
    [{"name": "a"}, {"name": "a", "step_ms": None}, {"name": "a", "step_ms": "1.5"}, {"name": "a", "step_ms": [1]}],
    [{"name": "a", "step_ms": 10**400}, {"name": "a", "step_ms": True}],
]


def reported(dsn: str) -> Overview:
    """The overview. Every report can be made, printed, and converted to JSON and CSV."""
    with insights.open_reader(dsn) as reader:
        for report in insights.REPORTS.values():
            options = {"steps": ("admin ban", "ping")} if report is insights.funnel else {}
            result = reader.run(report, Filters(zone="Asia/Kathmandu"), **options).head(50)
            print_result(result, Console(file=io.StringIO(), width=80))
            json.loads(result.to_json(), parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
            assert len(list(csv.reader(io.StringIO(result.to_csv())))) == len(result.rows) + 1
        found = reader.run(overview, Filters())
    print_overview(found, Console(file=io.StringIO(), width=80))
    return found


def test_any_json_in_the_checkpoints_leaves_the_other_rows_in_the_report(dsn: str) -> None:
    write_rows(
        dsn,
        [
            FULL,
            *(dataclasses.replace(row, checkpoints=json.dumps(v)) for row, v in zip(rows(9), JSON_VALUES, strict=True)),
        ],
    )
    found = reported(dsn)
    assert found.totals.rows[0].calls == 10
    assert found.checkpoints is not None
    assert [(row.step, row.calls) for row in found.checkpoints.rows] == [("rows_fetched", 1)]


def test_durations_that_are_not_numbers_leave_the_other_rows_in_the_report(dsn: str) -> None:
    write_rows(dsn, rows(1))
    odd = ["'NaN'", "'Infinity'", "'-Infinity'"] if dsn.startswith("postgres") else ["9e999", "-9e999", "'x'", "x'ff'"]
    for number, value in enumerate(odd):
        execute(
            dsn,
            "INSERT INTO command_calls (discord_uid, player_name, command, called_at, kind, outcome, duration_ms, "
            f"ack_ms, span_id) VALUES (1, 'ann', 'admin ban', '2026-01-01T00:00:00.000000Z', 'slash', 'ok', {value}, "
            f"{value}, {number + 100})",
        )
    (command,) = reported(dsn).commands.rows
    assert command.calls == len(odd) + 1
    assert (command.p50_ms, command.p95_ms, command.ack_p95_ms) == (12.5, 12.5, 3.25)


def test_calls_of_impossible_times_cost_nothing_and_leave_the_other_rows_in_the_report(dsn: str) -> None:
    write_rows(dsn, rows(1))
    never = ("infinity", "-infinity") if dsn.startswith("postgres") else ("0000-01-01 00:00:00",)
    times = [f"{year}-12-31 23:59:59" for year in ("0001", "1970", "1999", "2199", "9999")]
    times.extend(never)
    for number, time in enumerate(times):
        execute(
            dsn,
            "INSERT INTO command_calls (discord_uid, player_name, command, called_at, span_id) "
            f"VALUES ({number}, 'ann', 'ping', '{time}', {number + 100})",
        )
    assert {row.command for row in reported(dsn).commands.rows} == {"admin ban", "ping"}


_values = st.one_of(
    st.none(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False),
    st.text(st.characters(codec="utf-8")),
    st.binary(max_size=20),
    st.sampled_from(
        [
            *("9999-12-31T23:59:59.999999Z", "2026-01-01 10:00:00+02:00", "2026-02-31T10:00:00.000000Z"),
            *("[", "{}", '[{"name": 1}]', "NaN"),
        ]
    ),
)
_COLUMNS = [
    "discord_uid",
    "player_name",
    "command",
    "called_at",
    "kind",
    "outcome",
    "duration_ms",
    "ack_ms",
    "checkpoints",
]


@settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(odd=st.lists(st.lists(_values, min_size=len(_COLUMNS), max_size=len(_COLUMNS)), min_size=10, max_size=20))
def test_any_value_in_any_column_of_sqlite_leaves_the_other_rows_in_the_report(
    tmp_path: Path, odd: list[list[object]]
) -> None:
    file = tmp_path / "any.db"
    if not file.exists():
        run_migration(f"sqlite:///{file}", "command_calls")
        write_rows(f"sqlite:///{file}", rows(1))
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("DELETE FROM command_calls WHERE span_id IS NULL")
        connection.executemany(
            f"INSERT INTO command_calls ({', '.join(_COLUMNS)}) VALUES ({', '.join('?' * len(_COLUMNS))})",
            [[value if value is not None else "" for value in values[:4]] + values[4:] for values in odd],
        )
    found = reported(f"sqlite:///{file}")
    assert found.totals.rows[0].calls >= 1
    assert all(math.isfinite(row.p95_ms or 0) for row in found.commands.rows)
    assert "admin ban" in {row.command for row in found.commands.rows}
