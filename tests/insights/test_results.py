"""What every report has in common: its description, and the forms in which a result can be had."""

from __future__ import annotations

import asyncio
import concurrent.futures
import csv
import dataclasses
import io
import json
import sqlite3
import subprocess
import sys
import threading
from datetime import datetime
from typing import TYPE_CHECKING, get_args

import pytest
from rich.console import Console

from slashspan import insights
from slashspan.errors import ConfigurationError
from slashspan.insights import Filters
from slashspan.insights.readers.sqlite import SqliteReader
from slashspan.insights.result import Unit
from slashspan.insights.terminal.reports import print_report
from slashspan.table import Table
from tests.support.call_history import generated, store_calls
from tests.support.rows import FULL, rows
from tests.support.stored_rows import write_rows
from tests.support.waiting import until, until_async

if TYPE_CHECKING:
    from pathlib import Path

NASTY = '=HYPERLINK("http://x"),\n[red]"quoted"\x1b[31m'


@pytest.fixture
def dsn_of_names(dsn: str) -> str:
    write_rows(dsn, [dataclasses.replace(FULL, command=NASTY, player_name=NASTY)])
    return dsn


def test_every_report_and_column_is_described() -> None:
    for name, report in insights.REPORTS.items():
        assert insights.find_report(name.replace("-", "_")) is report
        assert getattr(insights, report.__name__) is report
        assert len(report.definition) > 40
        assert report.title
        for column in report.columns:
            assert column.unit in get_args(Unit)
            assert column.meaning
            assert len(column.label) <= 15
    with pytest.raises(ConfigurationError, match="retention"):
        insights.find_report("retentoin")


def test_json_has_ids_as_strings_and_times_with_their_offset(dsn_of_names: str) -> None:
    with insights.open_reader(dsn_of_names) as reader:
        found = json.loads(reader.run(insights.recent, Filters(zone="Europe/Berlin")).to_json())
    (row,) = found["rows"]
    assert row["user_id"] == str(FULL.discord_uid)
    assert datetime.fromisoformat(row["at"]).utcoffset() is not None
    assert row["at"].endswith("+01:00")
    assert row["command"] == NASTY
    assert [column["name"] for column in found["columns"]] == list(row)


def test_csv_can_be_read_back_and_runs_no_formula(dsn_of_names: str) -> None:
    with insights.open_reader(dsn_of_names) as reader:
        text = reader.run(insights.recent).to_csv()
    (row,) = csv.DictReader(io.StringIO(text))
    assert row["command"] == f"'{NASTY}"
    assert row["guild_id"] == str(FULL.guild_id)


def test_a_frame_has_the_columns_also_without_rows(dsn: str) -> None:
    pytest.importorskip("pandas")
    write_rows(dsn, rows(2))
    with insights.open_reader(dsn) as reader:
        full, empty = (reader.run(insights.recent, Filters(bots=bots)).to_pandas() for bots in ((), ("nobody",)))
    assert list(full["command"]) == ["admin ban", "admin ban"]
    assert list(full["guild_id"]) == [FULL.guild_id, FULL.guild_id]
    assert list(empty.columns) == list(full.columns)
    assert len(empty) == 0


@pytest.mark.parametrize("name", insights.REPORTS)
def test_a_report_fits_80_columns_of_a_terminal(name: str, tmp_path: Path) -> None:
    dsn = f"sqlite:///{tmp_path / 'calls.db'}"
    store_calls(dsn, [dataclasses.replace(call, command=call.command * 20) for call in generated(60, seed=2)])
    options = {"steps": ("play" * 20, "setup" * 20)} if name == "funnel" else {}
    stream = io.StringIO()
    with insights.open_reader(dsn) as reader:
        result = reader.run(insights.REPORTS[name], Filters(), **options)
        print_report(result, Console(file=stream, width=80), limit=5)
    lines = stream.getvalue().splitlines()
    assert len(lines) > 2
    assert max(map(len, lines)) <= 80


def test_a_result_says_how_many_rows_it_leaves_out(dsn: str) -> None:
    write_rows(dsn, rows(5))
    with insights.open_reader(dsn) as reader:
        result = reader.run(insights.recent)
    assert (len(result.head(2).rows), result.head(2).left_out) == (2, 3)
    assert (result.tail(2).rows, result.tail(2).left_out) == (result.rows[-2:], 3)
    assert result.head(9) == result


def test_a_reader_cannot_write(dsn: str) -> None:
    write_rows(dsn, rows(3))
    write = "(DELETE FROM command_calls RETURNING 'x' AS outcome)"
    attempts = {"sqlite": f"{write}", "postgresql": f"(WITH d AS {write} SELECT * FROM d)"}

    async def read() -> int:
        async with insights.connect(dsn) as reader:
            with pytest.raises(insights.ReadError):
                await reader.query("outcomes", Filters(), {"calls": attempts[dsn.partition(":")[0]]})
            results = await asyncio.gather(*(insights.totals(reader) for _ in range(4)))
            return sum(result.rows[0].calls for result in results)

    assert asyncio.run(read()) == 12
    until(lambda: not [thread for thread in threading.enumerate() if thread.name.startswith("slashspan-reader")])


def test_a_snapshot_sees_one_state_of_the_table(dsn: str) -> None:
    write_rows(dsn, rows(3))

    async def read() -> list[int]:
        counts = []
        async with insights.connect(dsn) as reader:
            async with reader.snapshot():
                counts.append((await insights.totals(reader)).rows[0].calls)
                await asyncio.to_thread(write_rows, dsn, rows(5))
                counts.append((await insights.totals(reader)).rows[0].calls)
            counts.append((await insights.totals(reader)).rows[0].calls)
        return counts

    assert asyncio.run(read()) == [3, 3, 5]


@pytest.mark.parametrize("begun", [False, True])
def test_a_query_ends_when_its_task_is_cancelled(begun: bool, tmp_path: Path) -> None:
    dsn = f"sqlite:///{tmp_path / 'calls.db'}"
    write_rows(dsn, rows(3))
    running = threading.Event()

    async def read() -> int:
        async with SqliteReader(tmp_path / "calls.db", Table("command_calls")) as reader:
            reader._opened().create_function("begin", 0, running.set)
            numbers = "WITH RECURSIVE n(x) AS (SELECT begin() UNION ALL SELECT 1 FROM n) SELECT max(x) FROM n"
            task = asyncio.ensure_future(
                reader.query("outcomes", Filters(), {"calls": f"(SELECT ({numbers}) AS outcome)"})
            )
            await until_async(running.is_set) if begun else await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            return (await insights.totals(reader)).rows[0].calls

    assert asyncio.run(read()) == 3


async def test_a_cancellation_at_the_moment_of_the_answer_is_not_lost(tmp_path: Path) -> None:
    await asyncio.to_thread(write_rows, f"sqlite:///{tmp_path / 'calls.db'}", rows(3))
    async with SqliteReader(tmp_path / "calls.db", Table("command_calls")) as reader:
        answer: concurrent.futures.Future[int] = concurrent.futures.Future()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(reader._thread, "submit", lambda *_: answer)
            task = asyncio.ensure_future(reader._run(lambda: 1))
            await asyncio.sleep(0)
            answer.set_result(1)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task


def test_a_locked_or_damaged_file_is_a_read_error(tmp_path: Path) -> None:
    (tmp_path / "text.db").write_text("no database " * 100, "utf-8")
    with insights.open_reader(f"sqlite:///{tmp_path / 'text.db'}") as reader:
        with pytest.raises(insights.ReadError, match="not a database"):
            reader.run(insights.totals)
    sqlite3.connect(tmp_path / "empty.db").close()
    with insights.open_reader(f"sqlite:///{tmp_path / 'empty.db'}") as reader:
        with pytest.raises(insights.ReadError, match="slashspan migrate"):
            reader.run(insights.totals)
    with pytest.raises(insights.ReadError, match="does not exist yet"):
        insights.open_reader(f"sqlite:///{tmp_path / 'none.db'}")
    with pytest.raises(ConfigurationError, match="SLASHSPAN_TABLE"):
        insights.open_reader(f"sqlite:///{tmp_path / 'x.db'}", table='x"; DROP TABLE y')


WITHOUT = """
import sys
sys.modules.update(dict.fromkeys(("pyroaring", "pandas", "polars", "vl_convert", "jinja2", "asyncpg")))
import slashspan.errors
from slashspan import insights
with insights.open_reader(sys.argv[1]) as reader:
    for report in insights.REPORTS.values():
        options = {"steps": ("a", "b")} if report is insights.funnel else {}
        reader.run(report, insights.Filters(), **options)
    try:
        reader.run(insights.totals).to_polars()
    except slashspan.errors.ConfigurationError as error:
        print(error)
"""


def test_reports_need_no_extra(tmp_path: Path) -> None:
    write_rows(f"sqlite:///{tmp_path}/calls.db", rows(3))
    command = [sys.executable, "-c", WITHOUT, f"sqlite:///{tmp_path}/calls.db"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr
    assert "pip install polars" in done.stdout
