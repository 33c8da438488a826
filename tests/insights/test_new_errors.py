"""Which exceptions are new in the newest release, and where that is shown."""

from __future__ import annotations

import csv
import dataclasses
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from slashspan import insights
from slashspan.insights import Filters
from slashspan.insights.charts import draw
from slashspan.telemetry.cli import cli
from slashspan.telemetry.discord_extension import answers
from tests.support.dashboards import served
from tests.support.rows import FULL
from tests.support.stored_rows import write_rows

if TYPE_CHECKING:
    from pathlib import Path

    from slashspan.exporters.rows.command_call import CommandCall

START = datetime(2026, 11, 1, tzinfo=timezone.utc)
OLD, NEW = "builtins.KeyError", "builtins.ValueError"
EVER = Filters()


def call(minute: int, release: str | None, error: str | None = None, **changes: Any) -> CommandCall:
    """A call so many minutes after `START`."""
    usual: dict[str, Any] = {"kind": "slash", "command": "play", "guild_id": 10}
    outcome = {"outcome": "error" if error else "ok", "error_type": error}
    at = int(START.timestamp()) * 1_000_000 + minute * 60_000_000
    return dataclasses.replace(
        FULL, called_at=at, span_id=minute, service_version=release, **{**usual, **outcome, **changes}
    )


def new_in(dsn: str, filters: Filters = EVER) -> dict[str, str | None]:
    """By exception."""
    with insights.open_reader(dsn) as reader:
        return {row.error_type: row.new_in for row in reader.run(insights.error_types, filters).rows}


def test_an_exception_is_new_if_only_the_newest_release_has_it(dsn: str) -> None:
    write_rows(dsn, [call(0, "1.9", OLD), call(1, "1.10", OLD), call(2, "1.10", NEW)])
    assert new_in(dsn) == {OLD: None, NEW: "1.10"}


def test_the_newest_release_is_the_one_that_began_last_even_if_an_old_one_is_back(tmp_path: Path) -> None:
    dsn = f"sqlite:///{tmp_path / 'calls.db'}"
    write_rows(dsn, [call(0, "1.0"), call(1, "2.0", NEW), call(2, "1.0", OLD), call(3, "1.0")])
    assert new_in(dsn) == {OLD: None, NEW: "2.0"}
    assert new_in(dsn, Filters(since=START + timedelta(minutes=1))) == {OLD: None, NEW: "2.0"}


def test_what_was_before_the_period_or_in_another_guild_or_release_counts(tmp_path: Path) -> None:
    dsn = f"sqlite:///{tmp_path / 'calls.db'}"
    write_rows(dsn, [call(0, "1.0", OLD, guild_id=20), call(60, "2.0", OLD), call(61, "2.0", NEW)])
    since = START + timedelta(minutes=30)
    for filters in (Filters(since=since), Filters(since=since, guilds=(10,)), Filters(releases=("2.0",))):
        assert new_in(dsn, filters) == {OLD: None, NEW: "2.0"}


def test_what_was_more_than_30_days_before_the_period_does_not_count(tmp_path: Path) -> None:
    dsn = f"sqlite:///{tmp_path / 'calls.db'}"
    day = 24 * 60
    write_rows(dsn, [call(0, "1.0", OLD), call(day, "1.0"), call(31 * day, "2.0", OLD)])
    assert new_in(dsn, Filters(since=START + timedelta(days=30))) == {OLD: None}
    assert new_in(dsn, Filters(since=START + timedelta(days=30, minutes=1))) == {OLD: "2.0"}


def test_a_call_without_a_release_counts_too(tmp_path: Path) -> None:
    dsn = f"sqlite:///{tmp_path / 'calls.db'}"
    write_rows(dsn, [call(0, None, OLD), call(1, "1.0"), call(2, "2.0", OLD), call(3, "2.0", NEW)])
    assert new_in(dsn) == {OLD: None, NEW: "2.0"}


def test_the_exception_of_one_command_is_not_that_of_another(tmp_path: Path) -> None:
    dsn = f"sqlite:///{tmp_path / 'calls.db'}"
    write_rows(dsn, [call(0, "1.0", OLD, command="stop"), call(1, "2.0", OLD)])
    with insights.open_reader(dsn) as reader:
        rows = reader.run(insights.error_types, EVER).rows
    assert {row.command: row.new_in for row in rows} == {"play": "2.0", "stop": None}


@pytest.mark.parametrize("releases", [("1.0", "1.0"), (None, None), (None, "1.0")])
def test_without_two_releases_nothing_is_new(releases: tuple[str | None, str | None], tmp_path: Path) -> None:
    dsn = f"sqlite:///{tmp_path / 'calls.db'}"
    write_rows(dsn, [call(0, releases[0]), call(1, releases[1], NEW)])
    assert new_in(dsn) == {NEW: None}


def test_it_is_left_open_if_nobody_asks(tmp_path: Path) -> None:
    dsn = f"sqlite:///{tmp_path / 'calls.db'}"
    write_rows(dsn, [call(0, "1.0"), call(1, "2.0", NEW)])
    with insights.open_reader(dsn) as reader:
        assert [row.new_in for row in reader.run(insights.error_types, EVER, novelty=False).rows] == [None]


@pytest.fixture
def evil(tmp_path: Path) -> str:
    """A store in which an exception is new in a release with a bad name."""
    dsn = f"sqlite:///{tmp_path / 'calls.db'}"
    write_rows(dsn, [call(0, "1.0", OLD), call(1, "<2.0>", NEW), call(2, "<2.0>", NEW)])
    return dsn


def test_the_chart_marks_it(evil: str) -> None:
    with insights.open_reader(evil) as reader:
        drawing = draw(reader.run(insights.error_types, EVER))
    assert drawing.sentence.endswith("ValueError in /play, 2 times; 1 of 2 exceptions new in <2.0>")
    assert drawing.spec is not None
    assert [row["label"] for row in drawing.spec["data"]["values"]] == ["ValueError · /play · new", "KeyError · /play"]


async def test_the_page_marks_it_with_a_link_to_the_release(evil: str) -> None:
    async with served(evil) as client:
        table = await (await client.get("/tables/error-types?since=all")).text()
        text = await (await client.get("/tables/error-types.csv?since=all")).text()
    assert table.count('class="new"') == 1
    assert '<a class="new" href="/?since=all&amp;release=%3C2.0%3E">new in &lt;2.0&gt;</a>' in table
    assert [row["new_in"] for row in csv.DictReader(text.splitlines())] == ["<2.0>", ""]


async def test_discord_shows_it(tmp_path: Path) -> None:
    minutes = (datetime.now(timezone.utc) - START) // timedelta(minutes=1)
    dsn = f"sqlite:///{tmp_path / 'calls.db'}"
    write_rows(dsn, [call(minutes - 2, "1.0", OLD), call(minutes - 1, "2.0", NEW)])
    async with insights.connect(dsn) as reader:
        answer = await answers.command(reader, "play", "24h", "UTC", {})
    (text,) = [str(field.value) for field in answer.embed.fields if field.name == "Exceptions"]
    assert {line.partition(" ")[0]: line.endswith(", new in 2.0") for line in text.splitlines()} == {
        OLD: False,
        NEW: True,
    }


def test_the_terminal_shows_it_in_80_columns(evil: str) -> None:
    done = CliRunner().invoke(
        cli, ["stats", "error-types", "--since", "all", "--dsn", evil], env={"COLUMNS": "80"}, catch_exceptions=False
    )
    _, head, first, second = done.output.splitlines()
    assert "new in" in head
    assert [NEW in first, "<2.0>" in first] == [True, True]
    assert [OLD in second, "<2.0>" in second] == [True, False]
