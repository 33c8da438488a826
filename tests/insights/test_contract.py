"""Every report gives the numbers of plain Python, on each database, in each zone, with each filter."""

from __future__ import annotations

import math
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import pytest

from slashspan import insights
from slashspan.exporters.admin.prune import prune
from slashspan.insights import Filters
from slashspan.insights.filters import ALL_KINDS
from tests.support.call_history import BOTS, Call, generated, store_calls
from tests.support.clickhouse_rows import store_calls_in
from tests.support.oracle import ORACLE, STEPS
from tests.support.tables import execute

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.clickhouse_server import ClickhouseServer
    from tests.support.postgres import Postgres


def local(text: str) -> datetime:
    """Without a zone: that of the filters."""
    return datetime.fromisoformat(text)


PERIODS = {
    "everything": Filters(),
    "everything in Kathmandu, 5:45 h before UTC": Filters(zone="Asia/Kathmandu"),
    "Berlin, a day of 23 hours": Filters(since=local("2025-03-20"), until=local("2025-04-06"), zone="Europe/Berlin"),
    "Berlin, an hour that occurs twice": Filters(
        since=local("2025-10-25T12:30"), until=local("2025-10-27T10:00"), zone="Europe/Berlin"
    ),
    "New York, an hour that is skipped": Filters(
        since=local("2025-03-08T12:00"), until=local("2025-03-10T06:00"), zone="America/New_York"
    ),
    "Cairo, a day without midnight": Filters(since=local("2025-04-20"), until=local("2025-05-02"), zone="Africa/Cairo"),
    "the end of a month": Filters(since=local("2025-02-26"), until=local("2025-03-03T00:00"), zone="UTC"),
    "until the middle of a week": Filters(until=local("2025-04-09T15:00"), zone="America/New_York"),
    "from a month in the past on": Filters(
        since=local("2025-10-22T06:00"), until=local("2025-11-20"), zone="Europe/Berlin"
    ),
    "a time without calls": Filters(since=local("2024-01-01"), until=local("2024-01-04")),
}
SPRING: dict[str, Any] = {"since": local("2025-03-05"), "until": local("2025-04-20")}
CHOICES = {
    "commands with quotes": Filters(**SPRING, commands=("it's; --", "admin ban"), zone="Europe/Berlin"),
    "kinds": Filters(**SPRING, kinds=("component", "modal")),
    "all kinds": Filters(kinds=ALL_KINDS, since=local("2025-03-01"), until=local("2025-03-20")),
    "a command in some guilds": Filters(
        commands=("play",), guilds=(10, 197038439483310086), since=local("2025-03-01"), until=local("2025-04-20")
    ),
    "users": Filters(users=(3, 80351110224678912), since=local("2025-03-10"), until=local("2025-04-20")),
    "a shard of a bot that is named by its id": Filters(**SPRING, shards=(0,), bots=(str(BOTS[0][0]),)),
    "releases in an environment": Filters(
        **SPRING, releases=("1.0", "2.0"), environments=("production",), zone="Asia/Kathmandu"
    ),
    "a bot by its name": Filters(**SPRING, bots=("other-bot",)),
    "a bot that does not exist": Filters(**SPRING, bots=("1", "nobody")),
    "several at once": Filters(
        commands=("play", "setup"), kinds=("slash",), guilds=(10,), environments=("production", "staging")
    ),
}
UNORDERED = {
    "errors": ("command", "kind"),
    "error-types": ("error_type", "command", "kind", "outcome"),
    "durations": ("command", "kind"),
    "acknowledgements": ("command", "kind"),
    "checkpoints": ("command", "kind", "step"),
    "guilds": ("place", "guild_id"),
    "locales": ("whose", "locale"),
    "next-commands": ("command", "kind", "next_command", "next_kind"),
}
"""Reports whose order has a test of its own, and what identifies a row of theirs."""


History = tuple[str, list[Call]]


@pytest.fixture(scope="module", params=["sqlite", "postgresql", "clickhouse"])
def history(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[History]:
    """A store with 500 calls, and the calls. Those of an old bot cannot be in ClickHouse."""
    calls = generated(500, seed=7)
    if request.param == "sqlite":
        dsn = f"sqlite:///{tmp_path_factory.mktemp('contract') / 'calls.db'}"
        store_calls(dsn, calls)
        yield dsn, calls
    elif request.param == "clickhouse":
        running: ClickhouseServer = request.getfixturevalue("clickhouse_server")
        calls = [call for call in calls if call.kind]
        store_calls_in(running, "contract", calls)
        yield running.dsn("contract"), calls
    else:
        server: Postgres = request.getfixturevalue("server")
        name = server.create_database()
        store_calls(server.dsn(name), calls)
        yield server.dsn(name), calls
        server.drop_database(name)


def options_of(name: str) -> dict[str, Any]:
    return {"steps": STEPS} if name == "funnel" else {}


def check(reader: insights.BlockingReader, name: str, calls: list[Call], filters: Filters, **options: Any) -> None:
    """The report equals the oracle."""
    result = reader.run(insights.REPORTS[name], filters, **{**options_of(name), **options})
    found, expected = result.records(), ORACLE[name](calls, filters, **options)
    if name in UNORDERED:
        found, expected = (sorted(rows, key=lambda row: key_of(row, name)) for rows in (found, expected))
    assert len(found) == len(expected), (name, filters)
    for row, wanted in zip(found, expected, strict=True):
        assert row.keys() == wanted.keys()
        wrong = {key: (row[key], wanted[key]) for key in row if not same(row[key], wanted[key])}
        assert not wrong, (name, filters, row)
        for value in row.values():
            assert not isinstance(value, datetime) or value.tzinfo == filters.tz


def key_of(row: dict[str, Any], name: str) -> list[str]:
    return [str(row[column]) for column in UNORDERED[name]]


def same(value: Any, wanted: Any) -> bool:
    if isinstance(value, float) and isinstance(wanted, (int, float)):
        return math.isclose(value, wanted, rel_tol=1e-9, abs_tol=1e-9)
    if isinstance(value, datetime) and isinstance(wanted, datetime):
        return (
            value.timestamp() == wanted.timestamp()
        )  # times of a repeated hour are never equal to those of another zone
    return type(value) is type(wanted) and bool(value == wanted)


@pytest.mark.parametrize("name", insights.REPORTS)
def test_a_report_is_right_in_every_period_and_zone(name: str, history: History) -> None:
    store, calls = history
    with insights.open_reader(store) as reader:
        for filters in PERIODS.values():
            check(reader, name, calls, filters)


@pytest.mark.parametrize("name", insights.REPORTS)
def test_a_report_is_right_with_every_filter(name: str, history: History) -> None:
    store, calls = history
    with insights.open_reader(store) as reader:
        for filters in CHOICES.values():
            check(reader, name, calls, filters)


def test_calls_are_counted_by_hour_day_week_and_month(history: History) -> None:
    store, calls = history
    with insights.open_reader(store) as reader:
        for name in ("everything in Kathmandu, 5:45 h before UTC", "Cairo, a day without midnight"):
            for bucket in ("hour", "day", "week", "month"):
                check(reader, "calls", calls, PERIODS[name], bucket=bucket)


@pytest.mark.parametrize("count", [0, 1])
def test_without_a_call_and_with_one_every_report_is_right(count: int, dsn: str) -> None:
    calls = generated(count, seed=1)
    store_calls(dsn, calls)
    with insights.open_reader(dsn) as reader:
        for name in insights.REPORTS:
            for filters in (
                Filters(),
                Filters(since=local("2025-02-01"), until=local("2025-04-01"), zone="Europe/Berlin"),
            ):
                check(reader, name, calls, filters)


def test_after_forget_and_prune_a_report_is_that_of_the_rows_that_are_left(dsn: str) -> None:
    calls = generated(150, seed=3)
    store_calls(dsn, calls)
    before = datetime(2025, 3, 15, tzinfo=timezone.utc)
    with insights.open_reader(dsn) as reader:
        reader.run(insights.lifecycle)
        execute(dsn, "DELETE FROM command_calls WHERE discord_uid = 5")
        calls = [call for call in calls if call.user != 5]
        for _ in range(2):
            for name in insights.REPORTS:
                check(reader, name, calls, PERIODS["everything"])
            prune(dsn, "command_calls", before)
            calls = [call for call in calls if call.at >= before]
