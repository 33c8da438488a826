"""The handle that `configure` returns: counts, flushes, and shuts down what was set up."""

from __future__ import annotations

import atexit
import logging
import threading
import time
from typing import TYPE_CHECKING, Final

from slashspan.telemetry.setup import before_exec, children, providers
from slashspan.telemetry.setup.before_exec import BeforeExec

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opentelemetry.sdk.trace import TracerProvider

    from slashspan.exporters.delivery.processor import CommandCallsProcessor, DeadlineBatchProcessor
    from slashspan.exporters.rows.counts import Counts
    from slashspan.settings import Settings
    from slashspan.telemetry.setup.config_file import FileLogs
    from slashspan.telemetry.setup.log_correlation import LogCorrelation
    from slashspan.telemetry.setup.log_exporters import Logs
    from slashspan.telemetry.setup.metric_exporters import Metrics

SHUTDOWN_SECONDS: Final = 8.0
"""Time limit of the flush at shutdown; containers allow 10 s between SIGTERM and SIGKILL."""
LAST_EXPORT_SECONDS: Final = 0.5
"""What the last metrics and the last logs get of it each, at least."""

_log = logging.getLogger("slashspan")


class Telemetry:
    """What `configure` has set up. It shuts down with the process; `shutdown` does so earlier."""

    def __init__(
        self,
        settings: Settings,
        rows: CommandCallsProcessor | None = None,
        traces: Sequence[DeadlineBatchProcessor] = (),
        provider: TracerProvider | None = None,
        metrics: Metrics | None = None,
        logs: Logs | FileLogs | None = None,
        correlation: LogCorrelation | None = None,
    ) -> None:
        self.settings = settings
        self._rows = rows
        self._traces = tuple(traces)
        self._provider = provider
        """Our provider; None if the bot has its own."""
        self._metrics = metrics
        self._logs = logs
        self._correlation = correlation
        self._before_exec = BeforeExec(self._send_metrics_and_logs) if metrics or logs else None
        self._ending = threading.Lock()
        """Held from the first call of `shutdown` on."""
        self.ended = False
        """Whether `shutdown` has done its work."""

    @property
    def counts(self) -> Counts | None:
        """How many rows were recorded, stored and dropped (by reason) and are waiting; None without `command_calls`."""
        return None if self._rows is None else self._rows.counts()

    @property
    def recorded(self) -> int | None:
        """How many rows and log records this process has made so far; None if rows are not counted."""
        return None if self._rows is None else self._rows.counts().recorded + (self._logs.emitted if self._logs else 0)

    def force_flush(self, timeout: float = SHUTDOWN_SECONDS) -> bool:
        """Send what is waiting, within about `timeout` seconds; True if nothing is waiting any more.

        On a running event loop it only starts sending, and returns False.
        """
        deadline = time.monotonic() + timeout
        done = self._rows is None or self._rows.force_flush(int(timeout * 1000))
        for processor in self._traces:
            done = processor.force_flush(max(0, int((deadline - time.monotonic()) * 1000))) and done
        if self._logs is not None:
            done = self._logs.force_flush(max(0.0, deadline - time.monotonic())) and done
        return done

    def _send_metrics_and_logs(self) -> None:
        if self._logs is not None:
            self._logs.force_flush(before_exec.SECONDS)
        if self._metrics is not None:
            self._metrics.force_flush(before_exec.SECONDS)

    def shutdown(self, timeout: float = SHUTDOWN_SECONDS) -> None:
        """Stop recording, send what is waiting within `timeout` seconds, and log what could not be sent. Only once.

        Afterwards `configure` starts anew. Tracers and meters that the bot got before belong to what was shut down.

        Blocks: in a coroutine use `await asyncio.to_thread(handle.shutdown)`.
        """
        if not self._ending.acquire(blocking=False):
            return
        atexit.unregister(self._shutdown_at_exit)
        deadline = time.monotonic() + timeout
        if self.settings.off:
            return
        from slashspan.telemetry.instrument.instrumentor import DiscordInstrumentor

        instrumentor = DiscordInstrumentor()
        if instrumentor.is_instrumented_by_opentelemetry:
            instrumentor.uninstrument(interrupt=True)
        last = [LAST_EXPORT_SECONDS for others in (self._metrics, self._logs) if others is not None]
        for processor in filter(None, (self._rows, *self._traces)):
            processor.shutdown_within(max(0.0, deadline - sum(last) - time.monotonic()))
        if self._provider is not None:
            self._provider.shutdown()
            providers.TRACES.withdraw(self._provider)
        if self._before_exec is not None:
            self._before_exec.remove()
        if self._metrics is not None:
            self._metrics.shutdown(max(LAST_EXPORT_SECONDS, deadline - sum(last[1:]) - time.monotonic()))
        if self._correlation is not None:
            self._correlation.stop()
        if self._logs is not None:  # the last: what all others have logged is exported
            self._logs.shutdown(max(LAST_EXPORT_SECONDS, deadline - time.monotonic()))
        self.ended = True

    def _shutdown_at_exit(self) -> None:
        """`shutdown`, which Ctrl-C interrupts; the bot's exit status does not change."""
        try:
            self.shutdown()
        except KeyboardInterrupt:
            _log.warning("interrupted while sending the last rows; the next start sends what is in the spool")


def end_with_the_process(telemetry: Telemetry) -> None:
    """Shut `telemetry` down when this process ends, or a child of multiprocessing that it forks."""
    atexit.register(telemetry._shutdown_at_exit)
    children.shut_down_in(telemetry)
