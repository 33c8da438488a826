"""Sums in ClickHouse equal the rows, whatever happens to these: doubles, merges, deletes, and others who refresh."""

from __future__ import annotations

import itertools
import math
import random
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import pytest

from slashspan import insights
from slashspan.dsn import Dsn
from slashspan.exporters.admin.migrate import run_migration
from slashspan.insights import Filters, ReadError
from slashspan.insights.query import statement
from slashspan.insights.readers.clickhouse import ClickhouseDialect
from slashspan.insights.readers.clickhouse_client import READING, ClickhouseClient
from slashspan.insights.sums import hours, open_sums
from slashspan.insights.sums.clickhouse.connection import SumsConnection
from slashspan.insights.sums.clickhouse.documents import StoredDocuments
from slashspan.insights.sums.clickhouse.groups import GREATEST, GROUPS, LEAST
from slashspan.insights.sums.clickhouse.tables import fingerprints
from slashspan.insights.sums.histograms import bin_of, edges_of
from slashspan.semconv import Outcome
from slashspan.table import Table
from tests.support.clickhouse_rows import insert_rows
from tests.support.sums import EVER, EVERY, PARTS, PERIODS, UNSUMMED, calls, check

if TYPE_CHECKING:
    from pathlib import Path

    from slashspan.exporters.rows.command_call import CommandCall
    from tests.support.clickhouse_server import ClickhouseServer, StartClickhouse

ROWS: Final = "command_calls_rows"
HERE: Final = "WHERE called_at >= '2026-10-03 00:00:00' AND called_at < '2026-10-04 00:00:00'"
_numbers = itertools.count()


class Database:
    """One of its own, with the tables."""

    def __init__(self, server: ClickhouseServer) -> None:
        self._server = server
        self.name = f"sums_{next(_numbers)}"
        self.dsn = server.dsn(self.name)
        run_migration(self.dsn, "command_calls")

    def write(self, rows: list[CommandCall]) -> None:
        insert_rows(self._server, self.name, rows)

    def run(self, sql: str) -> list[dict[str, object]]:
        for name in (ROWS, "command_calls_sum"):
            sql = sql.replace(f" {name}", f" {self.name}.{name}")
        return self._server.query(sql)


@pytest.fixture
def database(clickhouse_server: ClickhouseServer) -> Database:
    return Database(clickhouse_server)


CHANGES: Final = {
    "late rows": "",
    "deleted": f"DELETE FROM {ROWS} {HERE}",
    "deleted by a mutation": f"ALTER TABLE {ROWS} DELETE WHERE span_id % 17 = 3 SETTINGS mutations_sync = 1",
    "changed": f"ALTER TABLE {ROWS} UPDATE discord_uid = 77, duration_ms = NULL {HERE.replace('-0', '-1')} "
    "SETTINGS mutations_sync = 1",
    "a part sent again": f"INSERT INTO {ROWS} SELECT * FROM {ROWS} WHERE discord_uid = 7",
    "merged": f"OPTIMIZE TABLE {ROWS} FINAL",
    "the projection dropped": f"ALTER TABLE {ROWS} DROP PROJECTION sum_fingerprints",
    "a month dropped": f"ALTER TABLE {ROWS} DROP PARTITION 202610",
    "all deleted": f"TRUNCATE TABLE {ROWS}",
}


def test_built_of_rows_some_of_which_are_there_twice(database: Database) -> None:
    database.write(calls(400, 1))
    database.write(calls(50, 1))
    with open_sums(database.dsn) as sums:
        assert sums.install("Europe/Berlin")
        assert not sums.install("Europe/Berlin")
        assert sums.pending()
        sums.refresh()
        assert not sums.pending()
        check(database.dsn, PERIODS, queries=EVERY)
        check(database.dsn, UNSUMMED, summed=False)


@pytest.mark.timeout(600)  # many queries
def test_changed(database: Database) -> None:
    database.write(calls(300, 1))
    with open_sums(database.dsn) as sums:
        sums.install("Europe/Berlin")
        sums.refresh()
        for number, (change, statement) in enumerate(CHANGES.items(), 2):
            database.write(calls(5, number, days=0.3))
            if statement:
                database.run(statement)
            check(database.dsn, EVER if change != "all deleted" else (), summed=None)
            assert bool(sums.refresh()) == (change != "all deleted"), change
            assert sums.verify() == [], change
            check(database.dsn, EVER, queries=PARTS if number < len(CHANGES) else EVERY)
        assert sums.collect() > 0
        assert sums.status().ids == sums.status().hours == 0


def test_how_an_interrupted_action_ended_replaces_that_it_was(database: Database) -> None:
    rows = calls(60, 1, days=2)
    database.write([replace(row, outcome=Outcome.INTERRUPTED, duration_ms=None) for row in rows])
    with open_sums(database.dsn) as sums:
        sums.install("UTC")
        sums.refresh()
        database.write(rows[::2])
        check(database.dsn, [Filters()], summed=None)
        sums.refresh()
        check(database.dsn, [Filters()])


def test_hours_that_begin_at_half_past_and_zones_that_are_added(database: Database) -> None:
    database.write(calls(300, 1, days=4))
    with open_sums(database.dsn) as sums:
        sums.install("Asia/Kolkata")
        sums.refresh()
        check(database.dsn, [Filters(zone="Asia/Kolkata")], queries=EVERY)
        check(database.dsn, [Filters(zone="UTC")], summed=False)
        sums.remove()
        sums.install("UTC")
        sums.refresh()
        days: list[int] = []
        sums.add_zone("America/New_York", days.append)
        assert sum(days) >= 4
        assert sums.status().zones == {"UTC": True, "America/New_York": True}
        check(database.dsn, [Filters(zone="America/New_York"), Filters(zone="Europe/Berlin")])


def test_a_value_at_the_edge_of_a_bin_is_in_the_bin_that_python_has_it_in(database: Database) -> None:
    edges = [edges_of(number)[0] for number in range(bin_of(LEAST) - 2, bin_of(GREATEST) + 4)]
    near = [step for edge in edges for step in (math.nextafter(edge, 0.0), edge, math.nextafter(edge, math.inf))]
    values = [*near, 0.0, 1e-9, 1e-6, 1e12, 1e299, math.inf]
    rows = calls(len(values), 1, days=0.2)
    database.write(
        [
            replace(row, duration_ms=value, ack_ms=value, gateway_delay_ms=-value)
            for row, value in zip(rows, values, strict=True)
        ]
    )
    with open_sums(database.dsn) as sums:
        sums.install("UTC")
        sums.refresh()
        assert sums.verify() == []


def test_a_projection_answers_which_hours_have_changed(database: Database) -> None:
    database.write(calls(300, 1))
    with open_sums(database.dsn) as sums:
        sums.install("UTC")
    connection = SumsConnection(Dsn.parse(database.dsn), Table("command_calls"))
    connection.open()
    before = connection.fingerprints(0)
    database.write(calls(1, 2))
    after = connection.fingerprints(0)
    connection.close()
    assert len({*before.items()} ^ {*after.items()}) in (1, 2)
    expressions = {**fingerprints(0), "stored": ROWS}
    dialect = ClickhouseDialect(Table("command_calls"))
    sql, _, values = statement(dialect, "sum_fingerprints", Filters(), expressions, {"low": 0, "high": hours.END})
    client = ClickhouseClient(Dsn.parse(database.dsn)).open()
    plan = client.select(f"EXPLAIN {sql}", values, **READING)
    client.close()
    assert any("ReadFromMergeTree (sum_fingerprints)" in line["explain"] for line in plan)


def test_ids_of_users_are_erased_with_their_last_row_and_no_sum_says_anything_else(database: Database) -> None:
    rows = calls(200, 1, days=3)
    database.write(rows)
    with open_sums(database.dsn) as sums:
        sums.install("UTC")
        sums.refresh()
        before = sums.status().ids
        database.run(f"DELETE FROM {ROWS} WHERE discord_uid = 5")
        sums.refresh()
        assert sums.collect() == 1
        assert sums.status().ids == before - 1
        assert database.run("SELECT id FROM command_calls_sum_ids WHERE id = 5") == []
        assert sums.verify() == []
        database.write([replace(row, span_id=-row.span_id) for row in rows if row.discord_uid == 5])
        sums.refresh()
        check(database.dsn, [Filters()])


def test_two_that_give_numbers_at_once_give_none_twice_and_no_id_two(database: Database) -> None:
    with open_sums(database.dsn) as sums:
        sums.install("UTC")
    ready = threading.Barrier(4)

    def number(seed: int) -> dict[int, int]:
        connection = SumsConnection(Dsn.parse(database.dsn), Table("command_calls"))
        connection.open()
        stored = StoredDocuments(connection, connection.installed())
        wanted = random.Random(seed).sample(range(1, 4000), 1500)
        ready.wait()
        found = stored.numbered(set(wanted))
        connection.close()
        assert found.keys() == set(wanted)
        return found

    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(number, range(4)))
    numbers: dict[int, int] = {}
    for each in found:
        for id_, given in each.items():
            assert numbers.setdefault(id_, given) == given
    assert len(set(numbers.values())) == len(numbers)


def test_what_is_read_while_others_refresh_equals_the_rows(database: Database) -> None:
    """Rows stand still while they are compared, and change in between; the refreshers never stop."""
    stop, still = threading.Event(), threading.Lock()
    database.write(calls(300, 1, days=5))
    with open_sums(database.dsn) as sums:
        sums.install("Europe/Berlin")
        sums.refresh()

    def refresh() -> None:
        with open_sums(database.dsn) as sums:
            while not stop.is_set():
                sums.refresh()

    def change() -> None:
        dice = random.Random(1)
        for number in itertools.count(2):
            with still:
                rows = calls(dice.randint(1, 20), number, days=5)
                database.write(rows)
                if dice.random() < 0.3:
                    database.write(rows)
                if dice.random() < 0.3:
                    database.run(f"DELETE FROM {ROWS} WHERE discord_uid = {dice.randrange(30)}")
            if stop.wait(0.05):
                return

    with ThreadPoolExecutor(3) as threads:
        running = [threads.submit(each) for each in (refresh, refresh, change)]
        try:
            for _ in range(4):
                with still:
                    check(database.dsn, EVER, summed=None)
        finally:
            stop.set()
        for each in running:
            each.result()
    with open_sums(database.dsn) as sums:
        sums.refresh()
        assert sums.verify() == []
        check(database.dsn, EVER)


def test_sums_that_were_removed_meanwhile_take_nothing_from_a_refresh_that_goes_on(database: Database) -> None:
    database.write(calls(50, 1, days=2))
    with open_sums(database.dsn) as sums, open_sums(database.dsn) as other:
        sums.install("UTC")
        sums.refresh()
        connection = SumsConnection(Dsn.parse(database.dsn), Table("command_calls"))
        connection.open()
        stored, by_hour = StoredDocuments(connection, connection.installed()), connection.fingerprints(0)
        other.remove()
        with pytest.raises(ReadError, match="rollup build"):
            sums.refresh()
        other.install("UTC")
        stored.write_hours({start: {} for start in by_hour}, by_hour)  # as if it had begun before
        connection.close()
        assert other.pending() == len(by_hour)
        other.refresh()
        check(database.dsn, [Filters()])


def test_without_the_tables_build_says_what_to_run(clickhouse_server: ClickhouseServer) -> None:
    clickhouse_server.query("CREATE DATABASE IF NOT EXISTS nothing")
    with open_sums(clickhouse_server.dsn("nothing")) as sums:
        assert not sums.status().installed
        with pytest.raises(ReadError, match="slashspan migrate"):
            sums.install("UTC")


def test_tables_over_the_shards_of_a_cluster_are_read_and_have_no_sums(
    tmp_path: Path, start_clickhouse: StartClickhouse
) -> None:
    with start_clickhouse(tmp_path, cluster="main") as server:
        run_migration(server.dsn(), "command_calls", cluster="main")
        for _ in range(2):
            insert_rows(server, "slashspan", calls(60, 1, days=2))
        with open_sums(server.dsn()) as sums, pytest.raises(ReadError, match="over the shards"):
            sums.install("UTC")
        with insights.open_reader(server.dsn()) as reader:
            everything = Filters(kinds=("slash", "prefix", "component"))
            assert reader.run(insights.totals, everything).rows[0].calls == 60
            assert reader.run(insights.commands, Filters.last("1d")).rows


def test_an_hour_in_which_rows_arrive_while_it_is_read_stays_for_the_next_refresh(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = calls(30, 1, days=1)
    database.write(rows)
    query = SumsConnection.query
    late = [replace(row, span_id=-row.span_id - 1) for row in rows[:1]]

    def interrupted(self: SumsConnection, name: str, *arguments: object, **values: object) -> object:
        found = query(self, name, *arguments, **values)  # type: ignore[arg-type]
        if name == GROUPS and late:
            database.write([late.pop()])
        return found

    monkeypatch.setattr(SumsConnection, "query", interrupted)
    with open_sums(database.dsn) as sums:
        sums.install("UTC")
        sums.refresh()
        assert sums.pending() == 1
        check(database.dsn, [Filters()])
        sums.refresh()
        assert not sums.pending()
        check(database.dsn, [Filters()])
