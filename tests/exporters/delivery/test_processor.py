"""A span processor runs inside the bot's code: our bugs never reach the bot's own spans."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.sdk.trace import TracerProvider

from slashspan import guard, semconv
from slashspan.exporters.delivery.exporter import CommandCallsExporter
from slashspan.exporters.delivery.processor import CommandCallsProcessor
from slashspan.exporters.spool.journal import Journal
from slashspan.exporters.spool.row_spool import RowSpool
from slashspan.exporters.stores.factory import open_store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def processor(tmp_path: Path) -> Iterator[CommandCallsProcessor]:
    spool = RowSpool(Journal(tmp_path / "spool", max_bytes=2**20))
    exporter = CommandCallsExporter(open_store(f"sqlite:///{tmp_path / 'rows.db'}"), kinds={"slash"}, spool=spool)
    made = CommandCallsProcessor(exporter, kinds={"slash"}, schedule_delay_ms=20, batch_rows=10, queue_rows=100)
    yield made
    made.shutdown_within(10.0)


@pytest.mark.parametrize("bug_in", ["started", "ended"])
@pytest.mark.parametrize("raises", [False, True])
def test_a_bug_in_a_processor_never_reaches_the_span(
    bug_in: str,
    raises: bool,
    processor: CommandCallsProcessor,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def bug(*_: Any) -> None:
        raise RuntimeError("a bug of ours")

    monkeypatch.setattr(RowSpool, bug_in, bug)
    monkeypatch.setattr(guard, "_last_logged", {})
    monkeypatch.setattr(guard, "_raise", raises)
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(processor)
    tracer = provider.get_tracer("test")
    if raises:
        with pytest.raises(RuntimeError, match="a bug of ours"):
            tracer.start_span("slash ping", attributes={semconv.KIND: "slash"}).end()
        return
    with caplog.at_level(logging.ERROR, "slashspan"):
        for _ in range(3):
            tracer.start_span("slash ping", attributes={semconv.KIND: "slash"}).end()
    assert len([record for record in caplog.records if record.name == "slashspan"]) == 1, "once a minute, not per span"
