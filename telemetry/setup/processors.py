"""Settings → the processors of spans: of rows, with their spool, and of every other exporter, with retries."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from slashspan.exporters.delivery import self_metrics
from slashspan.exporters.delivery.exporter import CommandCallsExporter
from slashspan.exporters.delivery.processor import CommandCallsProcessor, DeadlineBatchProcessor
from slashspan.exporters.delivery.retrying_exporter import RetryingExporter
from slashspan.exporters.delivery.traces_processor import TracesProcessor
from slashspan.exporters.rows.service import service_of
from slashspan.exporters.spool.destinations import Destination
from slashspan.exporters.spool.journal import Journal
from slashspan.exporters.spool.row_spool import RowSpool
from slashspan.exporters.spool.span_spool import SpanSpool
from slashspan.settings import COMMAND_CALLS, Settings
from slashspan.telemetry.setup.trace_exporters import OTLP, build, otlp_endpoint

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace.export import SpanExporter

    from slashspan.exporters.stores.base import Store
    from slashspan.telemetry.setup.config_file import ConfigFile
    from slashspan.telemetry.setup.trace_exporters import Endpoint


class OtherExporter(NamedTuple):
    """An exporter besides `command_calls`."""

    name: str
    exporter: SpanExporter
    endpoint: Endpoint | None
    settings: Settings
    """With the bounds of its batches."""


def other_exporters(settings: Settings, environ: Mapping[str, str], file: ConfigFile | None) -> list[OtherExporter]:
    """Those that the variables name, or the batches of `file`. Raises ConfigurationError."""
    if file is None:
        names = [name for name in settings.exporters if name != COMMAND_CALLS]
        return [
            OtherExporter(name, build(name), otlp_endpoint(environ) if name == OTLP else None, settings)
            for name in names
        ]
    return [
        OtherExporter(
            batch.name,
            file.exporter(batch),
            batch.endpoint,
            Settings.from_environ(file.environ(environ, batch)),
        )
        for batch in file.batches
        if batch.name != COMMAND_CALLS
    ]


def rows_processor(
    store: Store, settings: Settings, resource: Resource, environ: Mapping[str, str]
) -> CommandCallsProcessor:
    """The processor of rows, with its spool."""
    exporter = CommandCallsExporter(store, **rows_bounds(settings, resource))
    processor = CommandCallsProcessor(exporter, kinds=settings.kinds, **_bounds(settings))
    if self_metrics.wanted(environ):
        journal = None if exporter.spool is None else exporter.spool.journal
        self_metrics.observe(COMMAND_CALLS, processor.counts, journal)
    return processor


def rows_bounds(settings: Settings, resource: Resource) -> dict[str, Any]:
    """Arguments of the exporter of rows."""
    return {
        "kinds": settings.kinds,
        "batch_rows": settings.batch_rows,
        "max_waiting_rows": settings.queue_rows,
        "spool": _open_spool(settings, service_of(resource)[0]),
    }


def trace_processor(
    other: OtherExporter, settings: Settings, resource: Resource, environ: Mapping[str, str]
) -> DeadlineBatchProcessor:
    """The processor of an exporter besides `command_calls`: with retries and a spool if it sends over the network."""
    name, exporter, endpoint, _ = other
    bounds = _bounds(other.settings)
    if settings.spool is None or name == "console":
        return DeadlineBatchProcessor(exporter, **bounds)
    place = name if endpoint is None else f"{name} {endpoint.identity}"
    spool = SpanSpool(_journal(settings, Destination(service_of(resource)[0] or "", place, "")))
    retrying = RetryingExporter(exporter, spool, name=name)
    if self_metrics.wanted(environ):
        self_metrics.observe(f"{name}_retrying", retrying.counts, spool.journal)
    return TracesProcessor(retrying, spool, **bounds)


def _open_spool(settings: Settings, service: str | None) -> RowSpool | None:
    """The spool of this service and store; None if it is off. Nothing is written before the first row."""
    if settings.spool is None:
        return None
    return RowSpool(_journal(settings, Destination.of(service, settings.dsn, settings.table)))


def _journal(settings: Settings, destination: Destination) -> Journal:
    assert settings.spool is not None
    folder = destination.folder(settings.spool)
    return Journal(folder, max_bytes=settings.spool_max_bytes, sync=settings.spool_sync)


def _bounds(settings: Settings) -> dict[str, int]:
    return {
        "schedule_delay_ms": settings.schedule_delay_ms,
        "batch_rows": settings.batch_rows,
        "queue_rows": settings.queue_rows,
    }
