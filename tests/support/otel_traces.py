"""Rows of `otel_traces` as the collector's ClickHouse exporter makes them of spans.

tests/collector/test_clickhouse_exporter.py compares them with those of a real collector.
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from opentelemetry.trace import format_span_id, format_trace_id

from slashspan import semconv
from slashspan.exporters.rows.command_call import ROW_COLUMNS

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan

    from slashspan.exporters.rows.command_call import CommandCall


def exported(span: ReadableSpan) -> dict[str, Any]:
    """The columns of the row; times in ns since 1970."""
    context, start, end = span.context, span.start_time, span.end_time
    assert context is not None
    assert start is not None
    assert end is not None
    scope = span.instrumentation_scope
    return {
        "Timestamp": start,
        "TraceId": format_trace_id(context.trace_id),
        "SpanId": format_span_id(context.span_id),
        "ParentSpanId": "" if span.parent is None else format_span_id(span.parent.span_id),
        "TraceState": "",
        "SpanName": span.name,
        "SpanKind": span.kind.name.capitalize(),
        "ServiceName": _text(span.resource.attributes.get("service.name", "")),
        "ResourceAttributes": _texts(span.resource.attributes),
        "ScopeName": scope.name if scope else "",
        "ScopeVersion": (scope.version if scope else "") or "",
        "SpanAttributes": _texts(span.attributes),
        "Duration": (end - start) % 2**64,
        "StatusCode": span.status.status_code.name.capitalize(),
        "StatusMessage": span.status.description or "",
        "Events.Timestamp": [event.timestamp for event in span.events],
        "Events.Name": [event.name for event in span.events],
        "Events.Attributes": [_texts(event.attributes) for event in span.events],
        "Links.TraceId": [format_trace_id(link.context.trace_id) for link in span.links],
        "Links.SpanId": [format_span_id(link.context.span_id) for link in span.links],
        "Links.TraceState": ["" for _ in span.links],
        "Links.Attributes": [_texts(link.attributes) for link in span.links],
    }


def exported_for(row: CommandCall) -> dict[str, Any]:
    """The same columns for a span that becomes this row."""
    values = {column.attribute: getattr(row, column.name) for column in ROW_COLUMNS if column.attribute}
    resource = {
        "service.name": row.service_name,
        "service.version": row.service_version,
        "deployment.environment.name": row.environment,
    }
    events = []
    for mark in json.loads(row.checkpoints or "[]"):
        times = {semconv.CHECKPOINT_AT_MS: mark.pop("at_ms"), semconv.CHECKPOINT_STEP_MS: mark.pop("step_ms")}
        events.append((mark.pop("name"), {**times, **mark}))
    return {
        "Timestamp": row.called_at * 1000,
        "TraceId": row.trace_id,
        "SpanId": format_span_id(row.span_id % 2**64),
        "SpanName": f"{row.kind} {row.command}",
        "ServiceName": row.service_name or "",
        "ResourceAttributes": _texts(_known(resource)),
        "SpanAttributes": _texts(_known({**values, **json.loads(row.attributes or "{}")})),
        "Duration": round((row.duration_ms or 0) * 1e6) % 2**64,
        "Events.Timestamp": [row.called_at * 1000 for _ in events],
        "Events.Name": [name for name, _ in events],
        "Events.Attributes": [_texts(_known(attributes)) for _, attributes in events],
    }


def _known(values: Mapping[Any, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if key is not None and value is not None}


def insert(client: Any, database: str, rows: Sequence[Mapping[str, Any]], **settings: Any) -> None:
    """Insert them as the collector does, in one statement. `settings`: of the query."""
    names = list(rows[0])
    values = [[row[name] for name in names] for row in rows]
    client.insert("otel_traces", values, column_names=names, database=database, settings=settings)


def _texts(attributes: Mapping[str, Any] | None) -> dict[str, str]:
    return {key: _text(value) for key, value in (attributes or {}).items()}


def _text(value: Any) -> str:
    """pcommon.Value.AsString"""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return _float(value)
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, Sequence):
        return json.dumps([_jsonable(item) for item in value], ensure_ascii=False, separators=(",", ":"))
    return str(value)


def _jsonable(value: Any) -> Any:
    if isinstance(value, float):
        return int(value) if value.is_integer() else value
    return value


def _float(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    mantissa, _, exponent = repr(value).partition("e")
    if value != 0 and not 1e-6 <= abs(value) < 1e21:
        power = int(exponent)
        return (
            f"{mantissa.removesuffix('.0')}e{power:+d}"
            if -10 < power < 0
            else f"{mantissa.removesuffix('.0')}e{power:+03d}"
        )
    return format(Decimal(repr(value)), "f").removesuffix(".0")
