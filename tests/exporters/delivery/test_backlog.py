"""The whole exporter: an outage or a crash loses and duplicates nothing, and live rows are not delayed by a backlog."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Any

import pytest

from slashspan.exporters.delivery import backlog, retry_loop
from slashspan.exporters.delivery.exporter import CommandCallsExporter
from slashspan.exporters.rows.counts import DropReason
from slashspan.exporters.rows.lazy_rows import row_of_source
from slashspan.exporters.spool.dead_letters import DeadLetters
from slashspan.exporters.spool.journal import Journal
from slashspan.exporters.spool.row_spool import RowSpool
from slashspan.exporters.stores.errors import StoreUnavailable
from slashspan.semconv import Kind
from tests.support.exporting import Bot
from tests.support.scripted_store import ScriptedStore, down
from tests.support.spans import spans
from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry_loop, "FIRST_RETRY_SECONDS", 0.01)
    monkeypatch.setattr(retry_loop, "LONGEST_RETRY_SECONDS", 0.05)


@pytest.fixture
def bots(tmp_path: Path) -> Iterator[Callable[..., Bot]]:
    made: list[Bot] = []

    def make(store: ScriptedStore, **bounds: int) -> Bot:
        made.append(Bot(tmp_path, store, **bounds))
        return made[-1]

    yield make
    for bot in made:
        bot.processor.shutdown_within(5.0)


def ids(of: list[Any]) -> list[int]:
    return sorted(span.context.span_id for span in of)


def stored(*stores: ScriptedStore) -> list[int]:
    return sorted(row.span_id % 2**64 for store in stores for row in store.rows)


def test_an_outage_longer_than_memory_lasts_loses_and_duplicates_nothing(bots: Callable[..., Bot]) -> None:
    bot = bots(ScriptedStore(down))
    made = bot.record(spans(1500))
    until(lambda: bot.spool.journal.pending > 1000)
    assert bot.processor.counts().waiting == 1500
    bot.store.fail = lambda: None
    assert bot.processor.force_flush(20_000)
    assert stored(bot.store) == ids(made)
    counts = bot.processor.counts()
    assert (counts.recorded, counts.stored, counts.waiting, counts.lost) == (1500, 1500, 0, 0)


def test_rows_of_a_shutdown_during_an_outage_are_written_after_the_next_start(
    bots: Callable[..., Bot], caplog: pytest.LogCaptureFixture
) -> None:
    bot = bots(ScriptedStore(down))
    made = bot.record(spans(300))
    with caplog.at_level(logging.WARNING, "slashspan"):
        bot.processor.shutdown_within(0.3)
    counts = bot.processor.counts()
    assert (counts.stored, counts.waiting, counts.lost) == (0, 300, 0)
    assert "300 rows wait in" in caplog.text
    after = bots(ScriptedStore())
    until(lambda: len(after.store.rows) == 300)
    assert stored(after.store) == ids(made)
    assert after.processor.counts().adopted == 300


def test_a_shutdown_does_not_wait_for_an_unavailable_store(bots: Callable[..., Bot]) -> None:
    bot = bots(ScriptedStore(down))
    bot.record(spans(30))
    until(lambda: bot.processor.counts().retried > 0)
    tries = bot.store.tries
    bot.processor.shutdown_within(3600.0)
    assert bot.store.tries <= tries + retry_loop.LAST_TRIES + 1, "one may have been under way"
    assert bot.processor.counts().waiting == 30


def test_a_killed_process_loses_no_row(bots: Callable[..., Bot]) -> None:
    first = bots(ScriptedStore())
    early = first.record(spans(200))
    until(lambda: len(first.store.rows) >= 100)
    late = first.record(spans(70))
    first.die()
    before = len(first.store.rows)
    after = bots(ScriptedStore())
    until(lambda: {*stored(first.store), *stored(after.store)} == {*ids(early), *ids(late)})
    counts = after.processor.counts()
    assert counts.adopted >= 270 - before


def test_live_rows_do_not_wait_behind_a_backlog(bots: Callable[..., Bot], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backlog, "REPLAY_ROWS", 100)
    bot = bots(ScriptedStore(down))
    old = {span.context.span_id for span in bot.record(spans(1500)) if span.context is not None}
    until(lambda: bot.spool.journal.pending > 1300)
    turn = threading.Semaphore(0)

    def slowly() -> None:
        assert turn.acquire(timeout=20)

    bot.store.fail = slowly
    new = {span.context.span_id for span in bot.record(spans(40)) if span.context is not None}
    while not new <= set(stored(bot.store)):
        batches = len(bot.store.batches)
        turn.release()
        until(lambda: len(bot.store.batches) > batches)  # noqa: B023
    assert len(old - set(stored(bot.store))) > 400, "what now happens has waited for the backlog"
    bot.store.fail = lambda: None
    for _ in range(9):
        turn.release()
    assert bot.processor.force_flush(20_000)
    assert set(stored(bot.store)) == old | new


def test_a_replayed_batch_that_is_too_large_is_made_smaller(bots: Callable[..., Bot]) -> None:
    bot = bots(ScriptedStore(down))
    made = bot.record(spans(1000))
    until(lambda: bot.spool.journal.pending > 800)
    tried: list[int] = []
    write = bot.store.write

    def narrow(rows: Any, *, timeout: float) -> None:
        tried.append(len(rows))
        if len(rows) > 120:
            raise StoreUnavailable("no answer within 10 s")
        write(rows, timeout=timeout)

    bot.store.write = narrow  # type: ignore[method-assign]
    bot.store.fail = lambda: None
    assert bot.processor.force_flush(20_000)
    assert max(tried) > 120
    assert stored(bot.store) == ids(made)


@pytest.mark.parametrize(("seconds", "largest"), [(0.0, 50), (3600.0, 400)])
def test_the_size_of_replayed_batches_follows_the_speed_of_the_store(
    seconds: float, largest: int, bots: Callable[..., Bot], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backlog, "REPLAY_ROWS", 400)
    monkeypatch.setattr(backlog, "REPLAY_SECONDS", seconds)
    bot = bots(ScriptedStore(down))
    made = bot.record(spans(2000))
    until(lambda: bot.spool.journal.pending > 1800)
    bot.store.fail = lambda: None
    assert bot.processor.force_flush(20_000)
    assert stored(bot.store) == ids(made)
    # The first batches measure how fast the store is.
    assert max(len(batch) for batch in bot.store.batches[3:]) == largest


def test_reading_a_backlog_stops_for_live_rows(bots: Callable[..., Bot], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backlog, "CHUNK_ROWS", 100)
    monkeypatch.setattr(backlog, "REPLAY_SECONDS", 3600.0)
    bot = bots(ScriptedStore(down))
    old = bot.record(spans(1000))
    until(lambda: bot.spool.journal.pending > 800)
    new = spans(10)
    wanted = {*ids(new)}
    lease, waiting = bot.spool.lease, bot.exporter._worker._backlog
    done: list[str] = []

    def new_rows_wait() -> bool:
        with waiting.changed:
            return any(row_of_source(item.row).span_id % 2**64 in wanted for item in waiting._waiting)

    def watched(limit: int) -> Any:
        piece = lease(limit)
        if not done:
            bot.store.fail = lambda: done.append("written")
            bot.record(new)
            until(new_rows_wait)
        done.append("read")
        return piece

    bot.spool.lease = watched  # type: ignore[method-assign]
    assert bot.processor.force_flush(20_000)
    assert done[:2] == ["read", "written"]
    assert done.count("read") > 2, "there was more to read"
    assert stored(bot.store) == sorted(ids(old) + ids(new))


def test_rows_evicted_from_the_queue_are_replayed_from_the_spool(bots: Callable[..., Bot]) -> None:
    held = threading.Event()
    bot = bots(ScriptedStore(lambda: held.wait(20)), queue_rows=10, batch_rows=10)
    made = bot.record(spans(400))
    held.set()
    assert bot.processor.force_flush(20_000)
    until(lambda: len(bot.store.rows) == 400)
    assert stored(bot.store) == ids(made)
    assert bot.processor.counts().lost == 0


def test_only_the_rejected_row_is_dead_lettered_and_can_be_read(bots: Callable[..., Bot], tmp_path: Path) -> None:
    bot = bots(ScriptedStore())
    good, bad = spans(20), spans(1, "poison")
    bot.record([*good[:9], *bad, *good[9:]])
    assert bot.processor.force_flush(20_000)
    assert stored(bot.store) == ids(good)
    [letter] = DeadLetters(tmp_path).read()
    assert letter["row"]["player_name"] == "poison"
    assert letter["reason"] == "poison"
    assert bot.processor.counts().dropped == {DropReason.REJECTED: 1}
    bot.die()
    after = bots(ScriptedStore())
    assert after.processor.force_flush(20_000)
    assert after.store.rows == [], "it does not come back"


def test_without_a_disk_rows_are_delivered_from_memory(bots: Callable[..., Bot], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    bot = Bot(tmp_path / "file" / "spool", ScriptedStore())
    made = bot.record(spans(80))
    bot.processor.shutdown_within(10.0)
    assert stored(bot.store) == ids(made)
    counts = bot.processor.counts()
    assert (counts.recorded, counts.stored, counts.waiting, counts.lost) == (80, 80, 0, 0)


def test_a_full_spool_counts_exactly_the_rows_that_it_drops(bots: Callable[..., Bot]) -> None:
    bot = bots(ScriptedStore(down), max_bytes=2**16)
    bot.record(spans(1000))
    until(lambda: bot.processor.counts().dropped.get(DropReason.SPOOL_FULL, 0) > 300)
    bot.store.fail = lambda: None
    assert bot.processor.force_flush(20_000)
    counts = bot.processor.counts()
    assert counts.waiting == 0
    assert counts.stored == len(set(stored(bot.store)))
    assert counts.recorded == 1000 == counts.stored + counts.lost


def test_the_reason_why_rows_wait_is_in_the_spool(bots: Callable[..., Bot], tmp_path: Path) -> None:
    bot = bots(ScriptedStore(down))
    bot.record(spans(3))
    until(lambda: any(tmp_path.glob("w-*/last_error.json")))
    assert "away" in next(tmp_path.glob("w-*/last_error.json")).read_text("utf-8")
    bot.store.fail = lambda: None
    assert bot.processor.force_flush(20_000)
    until(lambda: not any(tmp_path.glob("w-*/last_error.json")))


def test_an_exporter_from_the_entry_point_uses_the_spool(tmp_path: Path) -> None:
    """Behind another batch processor, rows have no receipts."""
    spool = RowSpool(Journal(tmp_path, max_bytes=2**22))
    exporter = CommandCallsExporter(ScriptedStore(down), kinds=Kind.ALL, spool=spool)
    made = spans(30)
    exporter.export(made)
    exporter.shutdown(200)
    assert exporter.counts().waiting == 30
    store = ScriptedStore()
    after = CommandCallsExporter(store, kinds=Kind.ALL, spool=RowSpool(Journal(tmp_path, max_bytes=2**22)))
    until(lambda: len(store.rows) == 30)
    after.shutdown()
    assert stored(store) == ids(made)
