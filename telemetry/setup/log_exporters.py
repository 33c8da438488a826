"""`OTEL_LOGS_EXPORTER`: where log records go. By default nowhere, and no LoggerProvider is created.

Log records wait in memory, not in the spool: what a killed process has not sent yet is lost.
"""

from __future__ import annotations

import asyncio
import importlib.util
import logging
import os
import threading
import time
from typing import TYPE_CHECKING, Any, Final

from opentelemetry import _logs
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor, LogRecordExporter, LogRecordExportResult

from slashspan.errors import ConfigurationError
from slashspan.exporters.common import at_fork
from slashspan.exporters.common.at_fork import ForkAware
from slashspan.exporters.common.throttled_log import ThrottledLog
from slashspan.telemetry.setup import providers, standard
from slashspan.telemetry.setup.log_capture import LogCapture, is_exporting, not_exported
from slashspan.telemetry.setup.signal_exporters import LOGS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from opentelemetry.sdk._logs import ReadableLogRecord, ReadWriteLogRecord
    from opentelemetry.sdk.resources import Resource

    from slashspan.signal_settings import LogSettings

INSTRUMENTATION: Final = "opentelemetry.instrumentation.logging"

_log = logging.getLogger("slashspan")


class Logs:
    """A LoggerProvider of ours, and what passes it the records of Python's `logging`."""

    def __init__(self, exporters: Mapping[str, LogRecordExporter], settings: LogSettings, resource: Resource) -> None:
        configurator = standard.configurator(os.environ, "LOGGER")
        self._provider = LoggerProvider(resource, shutdown_on_exit=False, _logger_configurator=configurator)
        self._processors = [CountingLogProcessor(name, exporter, settings) for name, exporter in exporters.items()]
        for processor in self._processors:
            self._provider.add_log_record_processor(processor)
        providers.LOGS.stand_in(self._provider)
        self._capture = LogCapture(self._provider, settings) if settings.capture else None
        if self._capture is not None:
            self._capture.install()

    @property
    def emitted(self) -> int:
        """How many records this process has passed to each exporter's queue."""
        return max((processor.emitted for processor in self._processors), default=0)

    def force_flush(self, seconds: float) -> bool:
        """Send what is queued, within about `seconds`. On a running event loop it only starts, and returns False."""
        thread = threading.Thread(target=self._flush, name="slashspan-flush-logs", daemon=True)
        thread.start()
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            thread.join(seconds)
            return not thread.is_alive()
        return False

    def _flush(self) -> None:
        for processor in self._processors:
            processor.force_flush()

    def shutdown(self, seconds: float) -> None:
        """Capture no more, send what is queued within `seconds`, and log how much was lost. Never raises."""
        if self._capture is not None:
            self._capture.remove()
        providers.LOGS.withdraw(self._provider)
        deadline = time.monotonic() + seconds
        for processor in self._processors:
            processor.shutdown_within(max(0.0, deadline - time.monotonic()))


class CountingLogProcessor(BatchLogRecordProcessor, ForkAware):
    """The SDK's BatchLogRecordProcessor, which counts what is lost; its shutdown has a deadline."""

    def __init__(self, name: str, exporter: LogRecordExporter, settings: LogSettings) -> None:
        self._name = name
        self._counted = _CountedExporter(name, exporter)
        self.emitted = 0
        super().__init__(
            self._counted,
            schedule_delay_millis=settings.schedule_delay_ms,
            max_export_batch_size=settings.batch_records,
            max_queue_size=settings.queue_records,
        )
        at_fork.register(self)

    def after_fork_in_child(self) -> None:
        """The parent's records belong to the parent."""
        self.emitted = self._counted.exported = 0

    def on_emit(self, log_record: ReadWriteLogRecord) -> None:
        if is_exporting():  # a handler of the bot's own does not know of it
            return
        self.emitted += 1
        super().on_emit(log_record)

    def shutdown_within(self, seconds: float) -> None:
        """Send what is queued within `seconds`; log how many records were lost in the whole run."""
        with not_exported():
            try:
                self._batch_processor.shutdown(int(seconds * 1000))
            except AttributeError:  # an SDK with other private names
                super().shutdown()  # type: ignore[no-untyped-call]
            if lost := self.emitted - self._counted.exported:
                _log.warning("%d of %d log records were lost (%s=%s)", lost, self.emitted, LOGS.variable, self._name)


class _CountedExporter(LogRecordExporter):
    """Counts what is exported. What is logged while it exports is not exported itself: that would never end."""

    def __init__(self, name: str, exporter: LogRecordExporter) -> None:
        self._name = name
        self._exporter = exporter
        self._failures = ThrottledLog()
        self.exported = 0

    def export(self, batch: Sequence[ReadableLogRecord]) -> LogRecordExportResult:
        with not_exported():
            try:
                result = self._exporter.export(batch)
            except Exception as error:  # noqa: BLE001 - whatever somebody else's exporter raises
                self._failures.warn("%s=%s: export failed: %s", LOGS.variable, self._name, type(error).__name__)
                return LogRecordExportResult.FAILURE
        if result is LogRecordExportResult.SUCCESS:
            self.exported += len(batch)
        return result

    def shutdown(self) -> None:
        with not_exported():
            self._exporter.shutdown()  # type: ignore[no-untyped-call]

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return self._exporter.force_flush(timeout_millis)


def check(settings: LogSettings, environ: Mapping[str, str]) -> None:
    """Raise ConfigurationError for an exporter that cannot be used, or with the pip command of a missing extra."""
    LOGS.check(settings.exporters, environ)
    needed_by = f"{LOGS.variable}={','.join(settings.exporters)}" if settings.exporters and settings.capture else ""
    if settings.correlation:
        needed_by = "OTEL_PYTHON_LOG_CORRELATION=true"
    if needed_by and not _is_installed(INSTRUMENTATION):
        raise ConfigurationError(f"{needed_by} needs an extra: pip install 'slashspan[logs]'")


def _is_installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ImportError:  # of a package above it
        return False


def start(settings: LogSettings, resource: Resource) -> Logs | None:
    """A provider with the chosen exporters, global until the bot sets its own; None if it has one.

    Raises ConfigurationError.
    """
    if isinstance(_logs.get_logger_provider(), LoggerProvider):
        _log.warning(
            "%s=%s is ignored: the bot has a LoggerProvider of its own", LOGS.variable, ",".join(settings.exporters)
        )
        return None
    exporters: dict[str, Any] = {name: LOGS.build(name) for name in settings.exporters}
    for name, exporter in exporters.items():
        if not isinstance(exporter, LogRecordExporter):
            raise ConfigurationError(f"{LOGS.variable}={name!r} is not a log exporter")
    return Logs(exporters, settings, resource)
