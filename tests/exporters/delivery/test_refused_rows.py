"""Rows that something of the table's owner refuses wait by themselves: the others are stored."""

from __future__ import annotations

import dataclasses
import logging
from typing import TYPE_CHECKING, Any

import pytest

from slashspan.exporters.delivery import backlog
from slashspan.exporters.delivery.worker import SAMPLE_ROWS, DeliveryWorker
from slashspan.exporters.rows.counts import DropReason
from slashspan.exporters.spool import dead_letters
from slashspan.exporters.spool.dead_letters import DeadLetters
from slashspan.exporters.spool.destinations import Destination
from slashspan.exporters.spool.journal import Journal
from slashspan.exporters.spool.row_spool import RowSpool
from slashspan.exporters.spool.status import inspect
from slashspan.exporters.stores.errors import RowsRefused
from slashspan.exporters.stores.factory import open_store
from tests.support.rows import rows
from tests.support.scripted_store import ScriptedStore
from tests.support.tables import add_check, drop_check, execute
from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from slashspan.exporters.rows.command_call import CommandCall
    from slashspan.exporters.stores.base import Store

COUNT = 100
REFUSED = (0, 40, 41, 99)


def some_refused(refused: Sequence[int] = REFUSED, count: int = COUNT) -> list[CommandCall]:
    return [
        dataclasses.replace(row, player_name="refused") if number in refused else row
        for number, row in enumerate(rows(count))
    ]


class Refusing(ScriptedStore):
    """Refuses rows of the user `refused` while `strict`; a mock, to count its writes."""

    strict = True

    def write(self, rows: Sequence[CommandCall], *, timeout: float) -> None:
        refused = self.strict and any(row.player_name == "refused" for row in rows)
        self.fail = self._refuse if refused else lambda: None
        super().write(rows, timeout=timeout)

    @staticmethod
    def _refuse() -> None:
        raise RowsRefused("CHECK own_check")


class Bot:
    """A worker with a spool in `folder`, or without one."""

    def __init__(self, store: Store, folder: Path | None, **bounds: int) -> None:
        self.spool = None if folder is None else RowSpool(Journal(folder, max_bytes=2**24))
        letters = None if folder is None else DeadLetters(folder)
        more: dict[str, Any] = {"batch_rows": COUNT, "max_waiting_rows": 1000, **bounds}
        self.worker = DeliveryWorker(store, spool=self.spool, dead_letters=letters, **more)

    def put(self, batch: list[CommandCall]) -> int:
        receipts = None if self.spool is None else [self.spool.append(row) for row in batch]
        return self.worker.put(batch, receipts)

    def has(self, *, stored: int, waiting: int) -> bool:
        counts = self.worker.counts()
        return (counts.stored, counts.waiting, counts.lost) == (stored, waiting, 0)


@pytest.mark.parametrize("spooled", [True, False], ids=["spool", "memory"])
def test_the_other_rows_of_the_batch_and_later_ones_are_stored(
    spooled: bool, dsn: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "slashspan")
    store = open_store(dsn)
    store.prepare(timeout=20)
    add_check(dsn, "player_name <> 'refused'")
    bot = Bot(store, tmp_path / "spool" / "bot" if spooled else None)
    assert bot.put(some_refused()) == COUNT
    until(lambda: bot.has(stored=COUNT - len(REFUSED), waiting=len(REFUSED)))
    later = bot.put(rows(2 * COUNT)[COUNT:])
    until(lambda: bot.has(stored=2 * COUNT - len(REFUSED), waiting=len(REFUSED)))
    assert not bot.worker.wait(later, 20), "not everything is stored"
    assert "own_check" in caplog.text
    assert "refused'" not in caplog.text
    assert not bot.worker.flush(20)
    drop_check(dsn)
    assert bot.worker.flush(20)
    assert bot.has(stored=2 * COUNT, waiting=0)
    assert "accepts the rows that it refused" in caplog.text
    bot.worker.close(5)
    assert execute(dsn, "SELECT count(*) AS n FROM command_calls")[0]["n"] == 2 * COUNT


def test_a_table_that_refuses_every_row_costs_few_writes(tmp_path: Path) -> None:
    store = Refusing()
    bot = Bot(store, tmp_path)
    bot.put(some_refused(range(COUNT)))
    until(lambda: store.tries > SAMPLE_ROWS)
    bot.put(rows(COUNT + 1)[COUNT:])
    until(lambda: bot.has(stored=1, waiting=COUNT))
    assert store.tries == 1 + SAMPLE_ROWS + 1
    store.strict = False
    assert bot.worker.flush(20)
    assert bot.has(stored=COUNT + 1, waiting=0)
    bot.worker.close(5)


def test_refused_rows_are_tried_again_by_themselves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Refusing()
    bot = Bot(store, tmp_path)
    bot.put(some_refused())
    until(lambda: bot.has(stored=COUNT - len(REFUSED), waiting=len(REFUSED)))
    store.strict = False
    monkeypatch.setattr(backlog, "HELD_SECONDS", 0.0)
    bot.put(rows(COUNT + 1)[COUNT:])  # wakes the worker, which otherwise looks once a minute
    until(lambda: bot.has(stored=COUNT + 1, waiting=0))
    bot.worker.close(5)


def test_they_are_left_to_the_next_process(tmp_path: Path) -> None:
    folder = Destination("bot", "scripted://", "command_calls").folder(tmp_path)
    store = Refusing()
    bot = Bot(store, folder)
    bot.put(some_refused())
    until(lambda: bot.has(stored=COUNT - len(REFUSED), waiting=len(REFUSED)))
    bot.worker.close(5)
    assert bot.has(stored=COUNT - len(REFUSED), waiting=len(REFUSED))
    (left,) = inspect(tmp_path)
    assert (left.rows, left.last_error) == (len(REFUSED), "CHECK own_check")
    later = ScriptedStore()
    again = Bot(later, folder)
    until(lambda: len(later.rows) == len(REFUSED))
    again.worker.close(5)


def test_without_a_spool_they_are_bounded(caplog: pytest.LogCaptureFixture) -> None:
    store = Refusing()
    bot = Bot(store, None, max_waiting_rows=10)
    for start in range(0, COUNT, 5):
        bot.put(some_refused(range(COUNT))[start : start + 5])
        until(lambda: bot.worker._backlog.all_tried())
    counts = bot.worker.counts()
    assert (counts.stored, counts.waiting, counts.dropped) == (0, 10, {DropReason.BACKLOG_FULL: COUNT - 10})
    bot.worker.close(5)
    assert bot.worker.counts().dropped == {DropReason.BACKLOG_FULL: COUNT - 10, DropReason.SHUTDOWN: 10}


def test_a_rejected_row_that_the_dead_letters_cannot_keep_is_counted_as_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    bot = Bot(ScriptedStore(), tmp_path)
    poison = [dataclasses.replace(row, player_name="poison") for row in rows(2)]
    bot.put(poison[:1])
    until(lambda: bot.worker.counts().dropped == {DropReason.REJECTED: 1})
    monkeypatch.setattr(dead_letters, "MAX_BYTES", 1)
    bot.put(poison[1:])
    until(lambda: bot.worker.counts().dropped == {DropReason.REJECTED: 1, DropReason.REJECTED_LOST: 1})
    assert "row rejected and lost" in caplog.text
    bot.worker.close(5)
