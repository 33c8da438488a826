"""`slashspan stats`: what it shows, and how calls are chosen."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from slashspan.insights import REPORTS
from slashspan.telemetry.cli import cli
from slashspan.telemetry.instrument.privacy import pseudonym
from tests.support.call_history import EPOCH, generated, store_calls
from tests.support.rows import FULL
from tests.support.stored_rows import write_rows

if TYPE_CHECKING:
    from click.testing import Result


def stats(dsn: str, *arguments: str) -> Result:
    return CliRunner().invoke(cli, ["stats", "--dsn", dsn, *arguments], env={"COLUMNS": "80"})


def numbers(dsn: str, *arguments: str) -> list[dict[str, Any]]:
    done = stats(dsn, *arguments, "--json")
    assert done.exit_code == 0, done.output
    rows: list[dict[str, Any]] = json.loads(done.output)["rows"]
    return rows


def called(ago: timedelta, **changes: Any) -> Any:
    at = datetime.now(timezone.utc) - ago
    changes = {"span_id": hash((ago, *changes.values())), **changes}
    return dataclasses.replace(FULL, called_at=(at - EPOCH) // timedelta(microseconds=1), **changes)


def test_the_last_seven_days_are_shown_by_default(dsn: str) -> None:
    write_rows(dsn, [called(timedelta(days=days)) for days in (0, 6, 7, 9, 20)])
    assert "3 calls by 1 users" in stats(dsn).output
    assert "against the period before, which had 1" in stats(dsn).output
    assert numbers(dsn, "totals")[0]["calls"] == 3
    assert numbers(dsn, "totals", "--since", "all")[0]["calls"] == 5
    assert numbers(dsn, "totals", "--since", "1h")[0]["calls"] == 1
    assert numbers(dsn, "totals", "--since", "30d", "--until", "8d")[0]["calls"] == 2


def test_where_nothing_is_the_last_call_before_is_named(dsn: str) -> None:
    write_rows(dsn, [called(timedelta(days=20))])
    done = stats(dsn)
    assert "No calls in this period. The last one before it was on" in done.output
    since = done.output.split("--since ")[1].strip().rstrip(".")
    assert "1 calls" in stats(dsn, "--since", since).output


def test_calls_are_chosen_by_each_option(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLASHSPAN_USER_ID_KEY", "key")
    write_rows(
        dsn,
        [
            called(timedelta(hours=1)),
            called(timedelta(hours=2), command="play", kind="component", shard_id=4, guild_id=9),
            called(
                timedelta(hours=3),
                environment="live",
                discord_uid=pseudonym(5, "key"),
                service_version="9",
                service_name="two",
                application_id=2,
            ),
        ],
    )
    for options, calls in (
        (["--kind", "all"], 3),
        ([], 2),
        (["--kind", "component"], 1),
        (["--kind", "component", "--kind", "slash"], 3),
        (["--kind", "all", "--command", "play"], 1),
        (["--kind", "all", "--command", "play", "--command", "admin ban"], 3),
        (["--kind", "all", "--guild", "9"], 1),
        (["--kind", "all", "--shard", "4", "--guild", "10"], 0),
        (["--environment", "live"], 1),
        (["--release", "9"], 1),
        (["--bot", "two"], 1),
        (["--bot", "2"], 1),
        (["--user", "5"], 1),
        (["--user", str(FULL.discord_uid), "--user", "6"], 1),
        (["--bot", str(FULL.application_id)], 1),
    ):
        assert numbers(dsn, "totals", *options)[0]["calls"] == calls, options


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["retentoin"], "did you mean retention"),
        (["totals", "--since", "yesterday"], "use 7d, 24h"),
        (["totals", "--since", "1d", "--until", "2d"], "the period is empty"),
        (["totals", "--zone", "Berlin"], "Europe/Berlin"),
        (["totals", "--kind", "slahs"], "user_menu"),
        (["totals", "--guild", "x"], "--guild"),
        (["--csv"], "--csv needs a REPORT"),
        (["totals", "--csv", "--json"], "--csv needs a REPORT"),
        (["funnel"], "at least two steps"),
        (["totals", "--limit", "0"], "--limit"),
    ],
)
def test_a_wrong_option_is_explained_in_one_line(arguments: list[str], words: str, dsn: str) -> None:
    write_rows(dsn, [FULL])
    done = stats(dsn, *arguments)
    assert done.exit_code == 2
    assert words in done.output
    assert "Traceback" not in done.output


def test_each_report_is_a_table_json_and_csv(dsn: str) -> None:
    store_calls(dsn, generated(40, seed=4))
    for name in REPORTS:
        choice = ["--since", "2025-01-01", "--until", "2026-01-01", "--kind", "all"]
        choice += ["--command", "play", "--command", "setup"] if name == "funnel" else []
        shown = stats(dsn, name, *choice, "--limit", "3").output
        assert max(map(len, shown.splitlines())) <= 80, name
        rows = numbers(dsn, name, *choice)
        table = list(csv.DictReader(io.StringIO(stats(dsn, name, *choice, "--csv").output)))
        assert [list(row) for row in table] == [list(row) for row in rows], name
        assert len(rows) <= 3 or "more" in shown or name in ("hours", "retention")


def test_reports_are_listed_and_defined() -> None:
    listed = CliRunner().invoke(cli, ["stats", "--list"]).output
    assert [line.split()[0] for line in listed.splitlines()] == list(REPORTS)
    defined = CliRunner().invoke(cli, ["stats", "retention", "--list"]).output
    assert "a week that is not over is masked" in defined
    assert "  cohort (date): Monday of the week" in defined
