"""A store and an exporter that discard everything, so that only what comes before them is measured."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opentelemetry.sdk.trace import ReadableSpan

    from slashspan.exporters.rows.command_call import CommandCall


class NoStore:
    """Discards every row."""

    address = "nowhere"

    def prepare(self, *, timeout: float) -> None: ...

    def write(self, rows: Sequence[CommandCall], *, timeout: float) -> None: ...

    def close(self, *, timeout: float) -> None: ...


class NoExporter(SpanExporter):
    """Discards every span."""

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        return SpanExportResult.SUCCESS

    def shutdown(self) -> None: ...
