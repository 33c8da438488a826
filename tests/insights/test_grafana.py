"""docs/grafana: each query of the dashboards answers with the numbers of the report.

No Grafana runs here: its variables and macros are replaced as its documentation says, and PostgreSQL and ClickHouse run
the result.
"""

from __future__ import annotations

import dataclasses
import json
import math
import re
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import combinations
from typing import TYPE_CHECKING, Any, Final

import pytest

from slashspan import insights
from slashspan.insights import REPORTS, Filters
from slashspan.insights.filters import ALL_KINDS, COMMAND_KINDS
from slashspan.insights.pages.sections import SECTIONS
from tests.support.call_history import generated, store_calls
from tests.support.clickhouse_rows import store_calls_in
from tests.support.grafana import ALL, GrafanaFile
from tests.support.stored_rows import as_utc
from tests.support.tables import execute
from tools.grafana.dashboard import SOURCES, document

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.support.clickhouse_server import ClickhouseServer
    from tests.support.postgres import Postgres

FILES: Final = {name: GrafanaFile(name) for name in SOURCES}
PANELS: Final = tuple(FILES["postgresql"].panels)
RENAMED: Final = {
    "calls": {"time": "start", "metric": "kind"},
    "arrival": {"time": "start"},
    "pipeline": {"time": "start"},
    "active-users": {"time": "day"},
}


def local(text: str) -> datetime:
    """Without a zone: that of the filters."""
    return datetime.fromisoformat(text)


BERLIN: Final = Filters(since=local("2025-03-20"), until=local("2025-04-06"), zone="Europe/Berlin")
SPRING: Final = Filters(since=local("2025-02-20"), until=local("2025-06-01"))
CHOICES: Final = {
    "everything": Filters(since=local("2025-01-01"), until=local("2025-12-01")),
    "a day of 23 hours": BERLIN,
    "by hour, one of which occurs twice": Filters(
        since=local("2025-10-25T12:30"), until=local("2025-10-27T10:00"), zone="Europe/Berlin"
    ),
    "by hour, 5:45 h before UTC": Filters(
        since=local("2025-03-01T05:10"), until=local("2025-03-02T05:10"), zone="Asia/Kathmandu"
    ),
    "a day without midnight": Filters(since=local("2025-04-20"), until=local("2025-05-02"), zone="Africa/Cairo"),
    "from a month in the past on": Filters(
        since=local("2025-10-22T06:00"), until=local("2025-11-20"), zone="America/New_York"
    ),
    "from before there was Discord": Filters(since=local("2000-01-01"), until=local("2025-03-01")),
    "until a time to come": Filters(since=local("2025-10-20"), until=local("2999-01-01")),
    "until the moment of a call": Filters(since=local("2025-02-26"), until=local("2025-03-01"), kinds=ALL_KINDS),
    "from the moment of a call on": Filters(
        since=local("2025-03-01"), until=local("2025-03-09T07:00:00"), kinds=ALL_KINDS
    ),
    "a time without calls": Filters(since=local("2024-01-01"), until=local("2024-01-04")),
    "commands with quotes": dataclasses.replace(SPRING, commands=("it's; --", "play")),
    "a kind": dataclasses.replace(SPRING, kinds=("component",)),
    "all kinds": dataclasses.replace(BERLIN, kinds=ALL_KINDS),
    "guilds": dataclasses.replace(SPRING, guilds=(10, 197038439483310086)),
    "an environment": dataclasses.replace(SPRING, environments=("production",)),
    "several at once": dataclasses.replace(
        SPRING, commands=("play", "setup"), kinds=("slash", "user_menu"), releases=("1.0", "2.0")
    ),
}


@dataclass(frozen=True, slots=True)
class Store:
    """A table with 700 calls, and the dashboard for it."""

    file: GrafanaFile
    reports_on: str
    """The DSN of a SQLite file with the same calls: `test_contract.py` shows that reports are the same everywhere."""
    run: Callable[[str], list[dict[str, Any]]]


@pytest.fixture(scope="module", params=SOURCES)
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    file = FILES[request.param]
    calls = generated(700, seed=7)
    if request.param == "clickhouse":
        calls = [call for call in calls if call.kind]
    reports_on = f"sqlite:///{tmp_path_factory.mktemp('reports') / 'calls.db'}"
    store_calls(reports_on, calls)
    if request.param == "postgresql":
        server: Postgres = request.getfixturevalue("server")
        name = server.create_database()
        dsn = server.dsn(name)
        store_calls(dsn, calls)
        yield Store(file, reports_on, lambda sql: execute(dsn, sql))
        server.drop_database(name)
        return
    running: ClickhouseServer = request.getfixturevalue("clickhouse_server")
    store_calls_in(running, "grafana", calls)
    client = running.client("grafana")

    def run(sql: str) -> list[dict[str, Any]]:
        rows = client.query(sql).named_results()
        return [
            {key: as_utc(each) if isinstance(each, datetime) else each for key, each in row.items()} for row in rows
        ]

    yield Store(file, reports_on, run)
    client.close()


def wanted_rows(name: str, reader: insights.BlockingReader, filters: Filters) -> list[dict[str, Any]]:
    """The report's, without the empty hours and days that Grafana does not need."""
    options = {"unused": False} if name == "commands" else {}
    rows = reader.run(REPORTS[name], filters, **options).records()
    return [row for row in rows if row["calls"]] if name in ("calls", "arrival", "pipeline") else rows


def same(value: Any, wanted: Any, unit: str, filters: Filters) -> bool:
    if value is None or wanted is None:
        return value is wanted
    if unit == "id":
        return bool(value == str(wanted))
    if unit == "date":
        return bool(
            (value.astimezone(filters.tz).date().isoformat() if isinstance(value, datetime) else value) == str(wanted)
        )
    if isinstance(wanted, datetime):
        return bool(value.timestamp() == wanted.timestamp())
    if isinstance(wanted, (int, float)):
        return isinstance(value, (int, float, Decimal)) and math.isclose(value, wanted, rel_tol=1e-9, abs_tol=1e-9)
    return bool(value == wanted)


@pytest.mark.parametrize("name", PANELS)
def test_a_panel_shows_the_rows_of_its_report(name: str, store: Store) -> None:
    units = {column.name: column.unit for column in REPORTS[name].columns}
    not_empty = 0
    with insights.open_reader(store.reports_on) as reader:
        for case, filters in CHOICES.items():
            found = store.run(store.file.query_of(name, filters))
            wanted = wanted_rows(name, reader, filters)
            if name == "recent":  # of calls at the same moment any may be first
                assert [row["at"] for row in found] == sorted((row["at"] for row in found), reverse=True)
                found, wanted = (
                    sorted(rows, key=lambda row: (row["at"], str(row["trace_id"]))) for rows in (found, wanted)
                )
            assert len(found) == len(wanted), case
            for row, expected in zip(found, wanted, strict=True):
                for key, value in row.items():
                    column = RENAMED.get(name, {}).get(key, key)
                    truth = expected[column] or "legacy" if key == "metric" else expected[column]
                    assert same(value, truth, units[column], filters), (case, column, row, expected)
            not_empty += bool(wanted)
    assert not_empty >= 10


def test_variables_offer_what_the_period_contains(store: Store) -> None:
    offered = {
        name: [row["value"] for row in store.run(store.file.expanded(each["query"], SPRING))]
        for name, each in store.file.variables.items()
        if each["type"] == "query"
    }
    with insights.open_reader(store.reports_on) as reader:
        every = dataclasses.replace(SPRING, kinds=ALL_KINDS)
        commands = {row.command for row in reader.run(insights.commands, every, unused=False).rows if row.command}
        releases = {row.release for row in reader.run(insights.releases, every).rows}
    assert set(offered["command"]) == commands
    assert set(offered["release"]) == releases
    assert set(offered["environment"]) == {"production", "staging"}
    assert set(offered["guild"]) == {"10", "20", "197038439483310086"}


@pytest.mark.parametrize("file", FILES.values(), ids=SOURCES)
class TestFile:
    def test_it_is_up_to_date(self, file: GrafanaFile) -> None:
        assert file.text == document(SOURCES[file.name]) + "\n", "run: make docs"

    def test_the_last_seven_days_and_all_commands_are_shown_by_default(self, file: GrafanaFile) -> None:
        assert file.json["time"] == {"from": "now-7d/d", "to": "now"}
        assert file.variables["kind"]["current"]["value"] == [kind or "legacy" for kind in COMMAND_KINDS]
        for name in ("command", "guild", "environment", "release"):
            assert file.variables[name]["current"]["value"] == [ALL]

    def test_names_of_users_are_in_the_latest_calls_only(self, file: GrafanaFile) -> None:
        assert [name for name, each in file.panels.items() if "player_name" in json.dumps(each)] == ["recent"]

    def test_panels_have_the_order_of_the_pages_and_the_definitions_of_the_reports(self, file: GrafanaFile) -> None:
        ordered = ["totals", *(chart for *_, charts in SECTIONS for chart in charts if chart in file.panels), "recent"]
        assert list(file.panels) == ordered
        for name, each in file.panels.items():
            assert each["description"].startswith(" ".join(REPORTS[name].definition.split()))

    def test_answers_after_three_seconds_are_red(self, file: GrafanaFile) -> None:
        overrides = file.panels["acknowledgements"]["fieldConfig"]["overrides"]
        (p95,) = (each["properties"] for each in overrides if each["matcher"]["options"] == "p95_ms")
        found = {each["id"]: each["value"] for each in p95}
        assert found["unit"] == "ms"
        assert {"color": "red", "value": 3000} in found["thresholds"]["steps"]

    def test_the_dashboard_is_well_formed(self, file: GrafanaFile) -> None:
        panels = file.json["panels"]
        assert len({each["id"] for each in panels}) == len(panels)
        for each in panels:
            assert 0 <= each["gridPos"]["x"] <= 24 - each["gridPos"]["w"]
        for one, other in combinations((each["gridPos"] for each in panels), 2):
            apart = [
                one[at] + one[size] <= other[at] or other[at] + other[size] <= one[at] for at, size in ("xw", "yh")
            ]
            assert any(apart), (one, other)
        sources = re.findall(r'"uid": "([^"]*)"', json.dumps([panels, file.json["templating"]]))
        assert set(sources) == {"${datasource}"}
        assert set(re.findall(r"\$\{(\w+)[:}]", json.dumps(panels))) <= set(file.variables)

    def test_grafanas_own_types_know_every_key(self, file: GrafanaFile) -> None:
        """What the types of its SDK do not know, they drop."""
        models = pytest.importorskip("grafana_foundation_sdk.models.dashboard", reason="needs Python 3.11")
        plugins = pytest.importorskip("grafana_foundation_sdk.cog.plugins")
        encoder = pytest.importorskip("grafana_foundation_sdk.cog.encoder")
        plugins.register_default_plugins()
        known = json.loads(encoder.JSONEncoder().encode(models.Dashboard.from_json(file.json)))
        assert list(differences(file.json, known)) == []


def differences(given: Any, known: Any, path: str = "") -> Iterator[str]:
    """Where something given is not known, or is something else."""
    if isinstance(given, dict) and isinstance(known, dict):
        for key, value in given.items():
            yield from differences(value, known.get(key, "missing"), f"{path}/{key}")
    elif isinstance(given, list) and isinstance(known, list) and len(given) == len(known):
        for place, (one, other) in enumerate(zip(given, known, strict=True)):
            yield from differences(one, other, f"{path}/{place}")
    elif given != known:
        yield f"{path}: {given!r} became {known!r}"
