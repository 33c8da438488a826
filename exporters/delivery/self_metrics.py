"""Metrics of the exporter itself, enabled by the SDK's own flag.

`OTEL_PYTHON_SDK_INTERNAL_METRICS_ENABLED=true` enables them, as it does for the SDK. Names are those of the
semantic conventions for the SDK where these exist (https://opentelemetry.io/docs/specs/semconv/otel/sdk-metrics/).
They are observed only when a reader collects, so rows cost nothing extra.
"""

from __future__ import annotations

import os
import weakref
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from opentelemetry import metrics
from opentelemetry.metrics import CallbackOptions, Observation
from opentelemetry.sdk.environment_variables import OTEL_PYTHON_SDK_INTERNAL_METRICS_ENABLED

from slashspan.semconv import SCOPE_NAME, SCOPE_VERSION

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from opentelemetry.metrics import Meter, MeterProvider

    from slashspan.exporters.rows.counts import Counts
    from slashspan.exporters.spool.journal import Journal

COMPONENT: Final = "otel.component.name"
ERROR_TYPE: Final = "error.type"


def wanted(environ: Mapping[str, str] = os.environ) -> bool:
    """Whether the SDK's flag is set."""
    return environ.get(OTEL_PYTHON_SDK_INTERNAL_METRICS_ENABLED, "").strip().lower() == "true"


@dataclass(frozen=True, slots=True)
class _Observed:
    """An exporter, held weakly: its counts, its spool, and the labels of its series."""

    counts: weakref.WeakMethod[Callable[[], Counts]]
    journal: weakref.ref[Journal] | None
    labels: Mapping[str, str]


class SelfMetrics:
    """Instruments that observe exporters, each for as long as it lives.

    One set for all of them: of several instruments with one name, OpenTelemetry calls the first one's callbacks only.
    """

    def __init__(self, meter_provider: MeterProvider | None = None) -> None:
        self._observed: list[_Observed] = []
        add_self_metrics(metrics.get_meter(SCOPE_NAME, SCOPE_VERSION, meter_provider), self)

    def observe(self, name: str, counts: Callable[[], Counts], journal: Journal | None) -> None:
        """Add an exporter. `counts` is a method of it; without a `journal` it has no series of the spool."""
        spool = None if journal is None else weakref.ref(journal)
        living = [each for each in self._observed if each.counts() is not None]
        self._observed = [*living, _Observed(weakref.WeakMethod(counts), spool, {COMPONENT: name})]

    def exported(self, _: CallbackOptions) -> Iterable[Observation]:
        for labels, counts in self._counts():
            yield Observation(counts.stored, labels)
            for reason, number in counts.dropped.items():
                yield Observation(number, {**labels, ERROR_TYPE: reason})

    def inflight(self, _: CallbackOptions) -> Iterable[Observation]:
        for labels, counts in self._counts():
            yield Observation(counts.waiting, labels)

    def retries(self, _: CallbackOptions) -> Iterable[Observation]:
        for labels, counts in self._counts():
            yield Observation(counts.retried, labels)

    def of_spools(self, read: Callable[[Journal], float]) -> Callable[[CallbackOptions], Iterable[Observation]]:
        """A callback that reads each exporter's journal."""

        def callback(_: CallbackOptions) -> Iterable[Observation]:
            for each in self._observed:
                journal = None if each.journal is None else each.journal()
                if journal is not None:
                    yield Observation(read(journal), each.labels)

        return callback

    def _counts(self) -> Iterable[tuple[Mapping[str, str], Counts]]:
        for each in self._observed:
            if (counts := each.counts()) is not None:
                yield each.labels, counts()


def add_self_metrics(meter: Meter, of: SelfMetrics) -> None:
    """Create the instruments."""
    counter, gauge, spools = meter.create_observable_counter, meter.create_observable_up_down_counter, of.of_spools
    counter("otel.sdk.exporter.span.exported", [of.exported], "{span}", "Stored, or dropped with an error.type")
    gauge("otel.sdk.exporter.span.inflight", [of.inflight], "{span}", "Recorded, but not yet stored or dropped")
    counter("slashspan.exporter.retries", [of.retries], "{try}", "Writes that failed and are retried")
    adopted = "Taken over from processes that ended"
    counter("slashspan.spool.adopted", [spools(lambda journal: journal.adopted)], "{record}", adopted)
    refused = "Appends that failed on disk"
    counter("slashspan.spool.refused", [spools(lambda journal: journal.refused)], "{record}", refused)
    gauge("slashspan.spool.records", [spools(lambda journal: journal.unacked)], "{record}", "Not delivered yet")
    gauge("slashspan.spool.size", [spools(lambda journal: journal.bytes)], "By", "Bytes of the spool on disk")
    limit = "SLASHSPAN_SPOOL_MAX_BYTES: beyond this size the oldest records are dropped"
    gauge("slashspan.spool.limit", [spools(lambda journal: journal.max_bytes)], "By", limit)
    age = "Age of the oldest segment that waits for replay"
    oldest = spools(lambda journal: journal.oldest_seconds)
    meter.create_observable_gauge("slashspan.spool.oldest.age", [oldest], "s", age)


_of_process: SelfMetrics | None = None


def observe(name: str, counts: Callable[[], Counts], journal: Journal | None) -> None:
    """Let the global MeterProvider's metrics include this exporter."""
    global _of_process
    if _of_process is None:
        _of_process = SelfMetrics()
    _of_process.observe(name, counts, journal)
