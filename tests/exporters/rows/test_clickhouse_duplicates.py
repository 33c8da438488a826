"""What a collector sends twice, late or in another order is in the view `command_calls` once."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest

from slashspan import semconv
from slashspan.exporters.admin.migrate import run_migration
from tests.support.otel_traces import exported, insert
from tests.support.spans import ATTRIBUTES, finished

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.clickhouse_server import ClickhouseServer

DAY_NS = 86_400 * 10**9
Rows = list[dict[str, Any]]


class Stored:
    """The tables of a database of its own."""

    def __init__(self, client: Any, database: str) -> None:
        self.client, self.database = client, database

    def send(self, rows: Rows, **settings: Any) -> None:
        insert(self.client, self.database, rows, **settings)

    def counts(self) -> tuple[int, int]:
        """Of rows in the view, and of different ones."""
        found = self.client.query("SELECT count(), uniqExact(called_at, span_id) FROM command_calls").first_row
        return (found[0], found[1])

    def outcomes(self) -> list[str]:
        return [row[0] for row in self.client.query("SELECT outcome FROM command_calls ORDER BY called_at").result_rows]


@pytest.fixture
def stored(clickhouse_server: ClickhouseServer, request: pytest.FixtureRequest) -> Iterator[Stored]:
    name = request.node.name
    run_migration(clickhouse_server.dsn(name), "command_calls")
    client = clickhouse_server.client(name)
    yield Stored(client, name)
    client.command(f"DROP DATABASE `{name}`")
    client.close()


def spans(count: int, *, days: int = 0, outcome: str = "ok") -> Rows:
    """That many actions, so many days apart or a second."""
    step = days * DAY_NS or 10**9
    rows = [exported(finished({**ATTRIBUTES, semconv.OUTCOME: outcome})) for _ in range(count)]
    return [{**row, "Timestamp": row["Timestamp"] - number * step} for number, row in enumerate(rows)]


def test_a_batch_that_is_sent_twice_is_there_once(stored: Stored) -> None:
    batch = spans(50)
    for _ in range(3):
        stored.send(batch)
    assert stored.counts() == (50, 50)


def test_batches_that_overlap_or_are_in_another_order_are_there_once(stored: Stored) -> None:
    everything = spans(60)
    dice = random.Random(1)
    stored.send(everything[:40])
    for _ in range(5):
        stored.send(dice.sample(everything, 30))
    stored.send(everything)
    assert stored.counts() == (60, 60)


def test_a_row_that_comes_months_late_and_again_is_there_once(stored: Stored) -> None:
    batch = spans(8, days=40)
    stored.send(batch[:4])
    stored.send(batch[2:])
    stored.send(batch[6:])
    assert stored.counts() == (8, 8)


def test_a_batch_of_more_than_100_days_is_stored_with_the_collectors_setting(stored: Stored) -> None:
    stored.send(spans(250, days=1), throw_on_max_partitions_per_insert_block=0)
    assert stored.counts() == (250, 250)


def test_merges_leave_each_row_once(stored: Stored) -> None:
    batch = spans(20)
    for _ in range(3):
        stored.send(batch)
    for table in ("otel_traces", "command_calls_rows"):
        stored.client.command(f"OPTIMIZE TABLE {table} FINAL")
        assert stored.client.query(f"SELECT count() FROM {table}").first_row == (20,)
    assert stored.counts() == (20, 20)


def test_the_first_row_that_was_stored_stays_as_in_other_databases(stored: Stored) -> None:
    batch = spans(1)
    stored.send(batch)
    first = stored.client.query("SELECT inserted_at FROM command_calls").first_row
    stored.send([{**batch[0], "ServiceName": "again"}])
    assert stored.client.query("SELECT inserted_at FROM command_calls").first_row == first
    stored.client.command("OPTIMIZE TABLE command_calls_rows FINAL")
    assert stored.client.query("SELECT inserted_at FROM command_calls").first_row == first


@pytest.mark.parametrize("interrupted_first", [True, False])
def test_interrupted_gives_way_to_how_the_action_ended(stored: Stored, interrupted_first: bool) -> None:
    ended = spans(1)[0]
    cut = {**ended, "SpanAttributes": {**ended["SpanAttributes"], semconv.OUTCOME: "interrupted"}}
    for row in (cut, ended) if interrupted_first else (ended, cut):
        stored.send([row])
    assert stored.outcomes() == ["ok"]


def test_a_batch_whose_first_insert_failed_half_way_is_complete_after_its_retry(stored: Stored) -> None:
    """The spans may be stored and the rows not: the engine was killed in between, or a disk was full. A retry that is
    recognized as a duplicate of the spans must not end there.
    """
    from clickhouse_connect.driver.exceptions import ClickHouseError

    batch = spans(10)
    stored.client.command("ALTER TABLE command_calls_rows ADD CONSTRAINT refuses CHECK command = 'other'")
    with pytest.raises(ClickHouseError, match="refuses"):
        stored.send(batch)
    stored.client.command("ALTER TABLE command_calls_rows DROP CONSTRAINT refuses")
    stored.send(batch)
    assert stored.counts() == (10, 10)
