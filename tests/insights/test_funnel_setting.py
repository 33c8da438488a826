"""`SLASHSPAN_FUNNEL`: the funnel that its steps make is on the page, in reports and in the terminal."""

from __future__ import annotations

import csv
import dataclasses
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from slashspan import insights
from slashspan.errors import ConfigurationError
from slashspan.insights import Filters
from slashspan.insights.pages.report import chart_names, numbers, render
from slashspan.settings import Settings
from slashspan.telemetry.cli import cli
from tests.support.dashboards import served
from tests.support.rows import FULL
from tests.support.stored_rows import write_rows

if TYPE_CHECKING:
    from pathlib import Path

STEPS = ("setup", "SetupForm", "<i>play")
"""The second one is a modal."""
EVER = Filters()
SENTENCE = "25.0 % of 4 users got from setup to <i>play"


@pytest.fixture(scope="module")
def dsn(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Four users begin, two get to the form, one to the end. Another one is only offered the form's name."""
    dsn = f"sqlite:///{tmp_path_factory.mktemp('funnel') / 'calls.db'}"
    kinds = {"setup": "slash", "SetupForm": "modal", "<i>play": "slash"}
    reached = [(1, 3), (2, 2), (3, 1), (4, 1)]
    calls = [(user, STEPS[step], kinds[STEPS[step]]) for user, steps in reached for step in range(steps)]
    calls.append((3, "SetupForm", "autocomplete"))
    rows = [
        dataclasses.replace(FULL, called_at=FULL.called_at + n, span_id=n, discord_uid=user, command=name, kind=kind)
        for n, (user, name, kind) in enumerate(calls)
    ]
    write_rows(dsn, rows)
    return dsn


@pytest.mark.parametrize(
    ("text", "steps"),
    [("", ()), ("setup,play", ("setup", "play")), (" /setup , admin ban,/setup,", ("setup", "admin ban", "setup"))],
)
def test_steps_are_names_in_their_order(text: str, steps: tuple[str, ...]) -> None:
    assert Settings.from_environ({"SLASHSPAN_FUNNEL": text}).funnel == steps


@pytest.mark.parametrize("text", ["setup", "setup play", ","])
def test_fewer_than_two_steps_are_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match=f"^SLASHSPAN_FUNNEL='{text}': must be at least two steps"):
        Settings.from_environ({"SLASHSPAN_FUNNEL": text})


async def test_the_page_has_it_with_sentence_table_and_csv(dsn: str) -> None:
    async with served(dsn, funnel=STEPS) as client:
        page = await (await client.get("/")).text()
        chart = await (await client.get("/charts/funnel?since=all")).json()
        text = await (await client.get("/tables/funnel.csv?since=all")).text()
        picture = await client.get("/pictures/funnel.png?since=all")
        assert picture.content_type == "image/png"
    assert 'data-chart="funnel"' in page
    assert chart["sentence"] == SENTENCE
    assert [row["users"] for row in chart["spec"]["data"]["values"]] == [4, 2, 1]
    assert "&lt;i&gt;play" in chart["table"]
    assert "<i>" not in chart["table"]
    assert [row["users"] for row in csv.DictReader(text.splitlines())] == ["4", "2", "1"]


async def test_a_filter_narrows_it_down_but_does_not_change_its_steps(dsn: str) -> None:
    async with served(dsn, funnel=STEPS) as client:
        pages = [await (await client.get(f"/?command={name}")).text() for name in ("setup", "other")]
        one = await (await client.get("/charts/funnel?since=all&command=setup&user=1")).json()
        slash = await (await client.get("/charts/funnel?since=all&kind=slash")).json()
    assert ['data-chart="funnel"' in page for page in pages] == [True, False]
    assert [row["users"] for row in one["spec"]["data"]["values"]] == [1, 1, 1]
    assert [row["users"] for row in slash["spec"]["data"]["values"]] == [4, 0, 0]


async def test_without_the_setting_the_page_has_none_and_says_how_to_get_one(dsn: str) -> None:
    async with served(dsn) as client:
        page = await (await client.get("/")).text()
        answer = await client.get("/charts/funnel")
        assert answer.status == 400
        assert "SLASHSPAN_FUNNEL=setup,play" in (await answer.json())["error"]
    assert "funnel" not in page


def test_the_report_file_has_it(dsn: str) -> None:
    assert "funnel" not in chart_names(EVER)
    with insights.open_reader(dsn) as reader:
        found = reader.run(numbers, EVER, funnel=STEPS)
    text = render(found, title="x")
    assert '<article class="card" id="funnel">' in text
    assert f"<h3>{SENTENCE.replace('<i>', '&lt;i&gt;')}</h3>" in text


def test_the_command_line_takes_its_steps_from_it_unless_told_otherwise(dsn: str, tmp_path: Path) -> None:
    environ = {"SLASHSPAN_FUNNEL": ",".join(STEPS), "SLASHSPAN_DSN": dsn}

    def printed(*arguments: str) -> str:
        done = CliRunner().invoke(cli, [*arguments, "--since", "all"], env=environ, catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return done.output

    rows = list(csv.DictReader(printed("stats", "funnel", "--csv").splitlines()))
    assert [(row["command"], row["users"]) for row in rows] == [("setup", "4"), ("SetupForm", "2"), ("<i>play", "1")]
    assert printed("chart", "funnel", str(tmp_path / "funnel.json")).endswith(f"funnel.json: {SENTENCE}\n")
    printed("report", str(tmp_path / "report.html"))
    assert 'id="funnel"' in (tmp_path / "report.html").read_text("utf-8")
    rows = list(
        csv.DictReader(printed("stats", "funnel", "--csv", "--command", "setup", "--command", "x").splitlines())
    )
    assert [row["command"] for row in rows] == ["setup", "x"]
