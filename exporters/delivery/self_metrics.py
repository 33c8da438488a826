"""Metrics of the exporter itself, enabled by the SDK's own flag.

`OTEL_PYTHON_SDK_INTERNAL_METRICS_ENABLED=true` enables them, as it does for the SDK. Names are those of the
semantic conventions for the SDK where these exist (https://opentelemetry.io/docs/specs/semconv/otel/sdk-metrics/).
They are observed only when a reader collects, so rows cost nothing extra.
"""

from __future__ import annotations

import os
import weakref
from typing import TYPE_CHECKING, Any, Final

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


class SelfMetrics:
    """Instruments that observe one exporter's counts and journal for as long as it lives."""

    def __init__(
        self,
        name: str,
        counts: Callable[[], Counts],
        journal: Journal | None,
        meter_provider: MeterProvider | None = None,
    ) -> None:
        self._counts = weakref.WeakMethod(counts)
        self._journal = None if journal is None else weakref.ref(journal)
        self._labels: dict[str, Any] = {COMPONENT: name}
        meter = metrics.get_meter(SCOPE_NAME, SCOPE_VERSION, meter_provider)
        add_self_metrics(meter, self, spooled=journal is not None)

    def _now(self) -> Counts | None:
        counts = self._counts()
        return None if counts is None else counts()

    def _exported(self, _: CallbackOptions) -> Iterable[Observation]:
        if (counts := self._now()) is not None:
            yield Observation(counts.stored, self._labels)
            for reason, number in counts.dropped.items():
                yield Observation(number, {**self._labels, ERROR_TYPE: reason})

    def _inflight(self, _: CallbackOptions) -> Iterable[Observation]:
        if (counts := self._now()) is not None:
            yield Observation(counts.waiting, self._labels)

    def _retries(self, _: CallbackOptions) -> Iterable[Observation]:
        if (counts := self._now()) is not None:
            yield Observation(counts.retried, self._labels)

    def _adopted(self, _: CallbackOptions) -> Iterable[Observation]:
        yield from self._of_journal(lambda journal: journal.adopted)

    def _refused(self, _: CallbackOptions) -> Iterable[Observation]:
        yield from self._of_journal(lambda journal: journal.refused)

    def _records(self, _: CallbackOptions) -> Iterable[Observation]:
        yield from self._of_journal(lambda journal: journal.unacked)

    def _bytes(self, _: CallbackOptions) -> Iterable[Observation]:
        yield from self._of_journal(lambda journal: journal.bytes)

    def _age(self, _: CallbackOptions) -> Iterable[Observation]:
        yield from self._of_journal(lambda journal: journal.oldest_seconds)

    def _of_journal(self, read: Callable[[Journal], float]) -> Iterable[Observation]:
        journal = None if self._journal is None else self._journal()
        if journal is not None:
            yield Observation(read(journal), self._labels)


def add_self_metrics(meter: Meter, of: SelfMetrics, *, spooled: bool) -> None:
    """Create the instruments; those of the spool only if there is one."""
    counter, gauge = meter.create_observable_counter, meter.create_observable_up_down_counter
    counter("otel.sdk.exporter.span.exported", [of._exported], "{span}", "Stored, or dropped with an error.type")
    gauge("otel.sdk.exporter.span.inflight", [of._inflight], "{span}", "Recorded, but not yet stored or dropped")
    counter("slashspan.exporter.retries", [of._retries], "{try}", "Writes that failed and are retried")
    if spooled:
        counter("slashspan.spool.adopted", [of._adopted], "{record}", "Taken over from processes that ended")
        counter("slashspan.spool.refused", [of._refused], "{record}", "Appends that failed on disk")
        gauge("slashspan.spool.records", [of._records], "{record}", "Not delivered yet")
        gauge("slashspan.spool.size", [of._bytes], "By", "Bytes of the spool on disk")
        age = "Age of the oldest segment that waits for replay"
        meter.create_observable_gauge("slashspan.spool.oldest.age", [of._age], "s", age)
