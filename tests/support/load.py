"""A bot's load on the real exporter, spool and store, and the check that each recorded row is in the table once."""

from __future__ import annotations

import threading
from collections import Counter
from typing import TYPE_CHECKING, Any

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import SpanKind

from slashspan.exporters.delivery.exporter import CommandCallsExporter
from slashspan.exporters.delivery.processor import CommandCallsProcessor
from slashspan.exporters.spool.journal import Journal
from slashspan.exporters.spool.row_spool import RowSpool
from slashspan.exporters.spool.writers import LAST_ERROR
from slashspan.exporters.stores.factory import open_store
from slashspan.semconv import Kind
from tests.support.spans import ATTRIBUTES
from tests.support.waiting import until

if TYPE_CHECKING:
    from pathlib import Path

    from typing_extensions import Self

    from slashspan.exporters.rows.counts import Counts
    from tests.support.postgres import Postgres

INTERVAL_SECONDS = 0.002


class Load:
    """Records a user action every INTERVAL_SECONDS in a thread, from entering the `with` block until `stop`."""

    def __init__(self, dsn: str, folder: Path) -> None:
        self.spool = RowSpool(Journal(folder, max_bytes=2**26))
        self.store = open_store(dsn)
        exporter = CommandCallsExporter(self.store, kinds=Kind.ALL, max_waiting_rows=500, spool=self.spool)
        self.processor = CommandCallsProcessor(
            exporter, kinds=Kind.ALL, schedule_delay_ms=20, batch_rows=512, queue_rows=2048
        )
        self._provider = TracerProvider(resource=Resource.create({"service.name": "bot"}), shutdown_on_exit=False)
        self._provider.add_span_processor(self.processor)
        self._stop = threading.Event()
        self.recorded: list[int] = []

    def _run(self) -> None:
        tracer = self._provider.get_tracer("load")
        while not self._stop.wait(INTERVAL_SECONDS):
            span = tracer.start_span("slash admin ban", kind=SpanKind.SERVER, attributes=ATTRIBUTES)
            span.end()
            key = span.get_span_context().span_id
            self.recorded.append(key - 2**64 if key >= 2**63 else key)

    def __enter__(self) -> Self:
        self.start()
        return self

    def start(self) -> None:
        self._stop.clear()
        self._thread = threading.Thread(target=self._run, name="load", daemon=True)
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self.stop()
        self.processor.shutdown_within(3.0)

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()

    @property
    def counts(self) -> Counts:
        return self.processor.counts()

    @property
    def last_error(self) -> str:
        """The reason that the spool gives for waiting rows."""
        folder = self.spool.journal.own_folder
        try:
            return "" if folder is None else (folder / LAST_ERROR).read_text("utf-8")
        except FileNotFoundError:
            return ""

    def wait_for_rows(self, stored: int = 40) -> None:
        """Wait until `stored` more rows are stored."""
        goal = self.counts.stored + stored
        until(lambda: self.counts.stored >= goal)

    def wait_for_failures(self, times: int = 2) -> None:
        """Wait until `times` more writes have failed, and rows are waiting."""
        goal = self.counts.retried + times
        until(lambda: self.counts.retried >= goal and self.counts.waiting > 100)

    def assert_each_arrives_once(self, server: Postgres, database: str, table: str = "command_calls") -> None:
        self.stop()
        assert self.processor.force_flush(30_000), self.counts
        rows: list[dict[str, Any]] = server.execute(f"SELECT span_id FROM {table}", database)
        found = Counter(row["span_id"] for row in rows)
        assert found == Counter(self.recorded)
        counts = self.counts
        assert (counts.recorded, counts.stored) == (len(self.recorded), len(self.recorded))
        assert (counts.waiting, counts.lost) == (0, 0)
