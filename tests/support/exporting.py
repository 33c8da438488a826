"""The real exporter and processor on a scripted store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from slashspan.exporters.delivery.exporter import CommandCallsExporter
from slashspan.exporters.delivery.processor import CommandCallsProcessor
from slashspan.exporters.spool.journal import Journal
from slashspan.exporters.spool.row_spool import RowSpool
from slashspan.exporters.stores.errors import StoreUnavailable
from slashspan.semconv import Kind
from tests.support.journals import die

if TYPE_CHECKING:
    from pathlib import Path

    from opentelemetry.sdk.trace import ReadableSpan

    from tests.support.scripted_store import ScriptedStore

BOUNDS = {"schedule_delay_ms": 10, "batch_rows": 50, "queue_rows": 200}


def exporter_on(store: ScriptedStore, **more: Any) -> CommandCallsExporter:
    """`more`: arguments that differ from the small bounds that tests use."""
    return CommandCallsExporter(store, kinds=Kind.ALL, **{"batch_rows": 10, "max_waiting_rows": 100, **more})


def processor_on(store: ScriptedStore, **more: Any) -> CommandCallsProcessor:
    """`more`: bounds of the processor that differ from BOUNDS."""
    exporter = CommandCallsExporter(store, kinds=Kind.ALL, batch_rows=50, max_waiting_rows=1000)
    return CommandCallsProcessor(exporter, kinds=Kind.ALL, **{**BOUNDS, **more})


class Bot:
    """A processor, exporter and spool as the pipeline makes them."""

    def __init__(self, folder: Path, store: ScriptedStore, max_bytes: int = 2**22, **bounds: int) -> None:
        self.spool = RowSpool(Journal(folder, max_bytes=max_bytes))
        self.store = store
        self.exporter = CommandCallsExporter(
            store, kinds=Kind.ALL, batch_rows=50, max_waiting_rows=100, spool=self.spool
        )
        bounds = {"schedule_delay_ms": 10, "batch_rows": 50, "queue_rows": 100, **bounds}
        self.processor = CommandCallsProcessor(self.exporter, kinds=Kind.ALL, **bounds)

    def record(self, made: list[ReadableSpan]) -> list[ReadableSpan]:
        for span in made:
            self.processor.on_end(span)
        return made

    def die(self) -> None:
        """As after a SIGKILL: nothing is stored or acknowledged any more, and its lock is free."""
        self.store.fail = _dead_process
        die(self.spool.journal)


def _dead_process() -> None:
    raise StoreUnavailable("a dead process writes nothing")
