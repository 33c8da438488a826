"""A row that PostgreSQL rejects for its contents is dead-lettered, alone, with the reason; the others are stored.

`from_span` lets none of these through; they bypass it, as they would because of a bug.
"""

from __future__ import annotations

import dataclasses
import random
from typing import TYPE_CHECKING, Any

import pytest

from slashspan.exporters.delivery.worker import DeliveryWorker
from slashspan.exporters.rows.counts import DropReason
from slashspan.exporters.spool.dead_letters import DeadLetters
from slashspan.exporters.stores.factory import open_store
from tests.support.rows import FULL, rows
from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from slashspan.exporters.rows.command_call import CommandCall
    from tests.support.postgres import Postgres

COUNT = 50
POISON: dict[str, dict[str, Any]] = {
    "NUL in text": {"player_name": "a\x00b"},
    "a lone surrogate": {"player_name": "a\udc80b"},
    "NUL in JSON": {"attributes": '{"a": "\\u0000"}'},
    "an escaped surrogate in JSON": {"attributes": '{"a": "\\ud800"}'},
    "NaN in JSON": {"attributes": '{"a": NaN}'},
    "JSON too deep": {"attributes": "[" * 20_000 + "]" * 20_000},
    "no JSON at all": {"checkpoints": "{"},
    "more than 64 bits": {"discord_uid": 2**63},
    "more than 32 bits": {"shard_id": 2**31},
    "a text for a number": {"guild_id": "197038439483310086"},
    "a command beyond the index": {"command": "".join(random.Random(1).choices("abcdefghijklmnopqrstuvwxyz", k=6000))},
    "no command": {"command": None},
}


@pytest.fixture
def delivery(server: Postgres, database: str, tmp_path: Path) -> Iterator[DeliveryWorker]:
    made = DeliveryWorker(
        open_store(server.dsn(database)), batch_rows=COUNT, max_waiting_rows=1000, dead_letters=DeadLetters(tmp_path)
    )
    yield made
    made.close(5.0)


def stored(server: Postgres, database: str) -> list[int]:
    return [row["span_id"] for row in server.execute("SELECT span_id FROM command_calls ORDER BY span_id", database)]


def poisoned(batch: list[CommandCall], places: list[int], values: dict[str, Any]) -> list[CommandCall]:
    return [dataclasses.replace(row, **values) if n in places else row for n, row in enumerate(batch)]


@pytest.mark.parametrize("what", POISON)
def test_only_the_rejected_row_is_dead_lettered(
    what: str, delivery: DeliveryWorker, server: Postgres, database: str, tmp_path: Path
) -> None:
    expected = []
    for turn, place in enumerate((0, COUNT // 2, COUNT - 1)):
        batch = rows(COUNT * 3)[COUNT * turn : COUNT * (turn + 1)]
        delivery.put(poisoned(batch, [place], POISON[what]))
        assert delivery.flush(20.0)
        expected += [row.span_id for n, row in enumerate(batch) if n != place]
    assert stored(server, database) == expected
    counts = delivery.counts()
    assert counts.dropped == {DropReason.REJECTED: 3}
    assert (counts.recorded, counts.stored, counts.waiting) == (150, 147, 0)
    letters = list(DeadLetters(tmp_path).read())
    assert [letter["row"]["span_id"] for letter in letters] == [0, COUNT + COUNT // 2, 3 * COUNT - 1]
    assert all(letter["reason"] for letter in letters)


@pytest.mark.parametrize("what", ["NUL in text", "more than 64 bits"])
def test_a_batch_of_rejected_rows_does_not_stop_the_next_one(
    what: str, delivery: DeliveryWorker, server: Postgres, database: str
) -> None:
    delivery.put(poisoned(rows(40), list(range(40)), POISON[what]))
    delivery.put(rows(60)[40:])
    assert delivery.flush(20.0)
    assert stored(server, database) == list(range(40, 60))
    assert delivery.counts().dropped == {DropReason.REJECTED: 40}


def test_a_row_rejected_by_a_constraint_of_the_owner_waits_until_it_is_dropped(
    delivery: DeliveryWorker, server: Postgres, database: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    delivery.put(rows(1))
    assert delivery.flush(20.0)
    server.execute("ALTER TABLE command_calls ADD CONSTRAINT wanted CHECK (player_name <> 'nobody')", database)
    batch = poisoned(rows(50), [7], {"player_name": "nobody"})
    delivery.put(batch)
    until(lambda: delivery.counts().retried > 0)
    assert delivery.counts().waiting == 1
    assert stored(server, database) == [n for n in range(50) if n != 7]
    server.execute("ALTER TABLE command_calls DROP CONSTRAINT wanted", database)
    assert delivery.flush(20.0)
    assert stored(server, database) == list(range(50))
    assert delivery.counts().dropped == {}
    assert list(DeadLetters(tmp_path).read()) == []
    assert "constraint wanted" in caplog.text
    assert "nobody" not in caplog.text
    assert str(FULL.discord_uid) not in caplog.text
