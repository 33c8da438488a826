"""Encodes finished spans as bytes and back, for exporters of traces, which encode the copy like the original."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import msgpack
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags, TraceState

from slashspan.exporters.rows.values import jsonable
from slashspan.exporters.spool.records import MAX_PAYLOAD

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

PAYLOAD_FORMAT: Final = 1
Convert = Callable[["Mapping[str, Any]"], Any]
"""Makes a plain `dict` of attributes: `dict`, or, for values that msgpack cannot express, `jsonable`."""


def packed(spans: Sequence[ReadableSpan]) -> bytes:
    """Encode a batch. Raises ValueError if it does not fit into a record."""
    try:
        data: bytes = msgpack.packb(_fields(spans, dict), unicode_errors="surrogatepass", default=_plain)
    except (TypeError, ValueError, OverflowError):  # a value that msgpack cannot express
        data = msgpack.packb(_fields(spans, jsonable), unicode_errors="surrogatepass")
    if len(data) > MAX_PAYLOAD:
        raise ValueError(f"a batch of {len(data)} bytes is too large for the spool")
    return data


def unpacked(data: bytes) -> list[ReadableSpan]:
    """Decode a batch. Raises whatever msgpack raises for other bytes."""
    heads, said = msgpack.unpackb(data, unicode_errors="surrogatepass", strict_map_key=False, use_list=False)
    resources = [Resource(attributes, schema_url) for attributes, schema_url in heads]
    return [_span(resources, *span) for span in said]


def _fields(spans: Sequence[ReadableSpan], convert: Convert) -> tuple[Any, Any]:
    resources: list[Resource] = []
    said = []
    for span in spans:
        place = next((n for n, known in enumerate(resources) if known is span.resource), len(resources))
        if place == len(resources):
            resources.append(span.resource)
        said.append(span_fields(span, place, span.attributes or {}, convert))
    return [resource_fields(resource, convert) for resource in resources], said


def resource_fields(resource: Resource, convert: Convert) -> tuple[Any, ...]:
    """One of the resources of a batch."""
    return (convert(resource.attributes), resource.schema_url)


def span_fields(span: ReadableSpan, resource: int, attributes: Mapping[str, Any], convert: Convert) -> tuple[Any, ...]:
    """One of the spans of a batch: with these attributes, and the index of its resource."""
    scope = span.instrumentation_scope
    return (
        resource,
        span.name,
        _context(span.context),
        _context(span.parent),
        span.kind.value,
        span.start_time,
        span.end_time,
        (span.status.status_code.value, span.status.description),
        convert(attributes),
        [(event.name, event.timestamp, convert(event.attributes or {})) for event in span.events],
        [(_context(link.context), convert(link.attributes or {})) for link in span.links],
        None if scope is None else (scope.name, scope.version, scope.schema_url, convert(scope.attributes or {})),
    )


def _span(
    resources: Sequence[Resource],
    resource: int,
    name: str,
    context: tuple[Any, ...] | None,
    parent: tuple[Any, ...] | None,
    kind: int,
    start: int | None,
    end: int | None,
    status: tuple[int, str | None],
    attributes: Mapping[str, Any],
    events: Sequence[tuple[str, int, Mapping[str, Any]]],
    links: Sequence[tuple[tuple[Any, ...], Mapping[str, Any]]],
    scope: tuple[str, str | None, str | None, Mapping[str, Any]] | None,
) -> ReadableSpan:
    return ReadableSpan(
        name=name,
        context=_context_of(context),
        parent=_context_of(parent),
        resource=resources[resource],
        attributes=attributes,
        events=[Event(name, attributes=said, timestamp=at) for name, at, said in events],
        links=[Link(linked, said) for of, said in links if (linked := _context_of(of)) is not None],
        kind=SpanKind(kind),
        status=Status(StatusCode(status[0]), status[1]),
        start_time=start,
        end_time=end,
        instrumentation_scope=None if scope is None else InstrumentationScope(*scope),
    )


def _context(context: SpanContext | None) -> tuple[Any, ...] | None:
    if context is None:
        return None
    ids = context.trace_id.to_bytes(16, "big"), context.span_id.to_bytes(8, "big")
    return (*ids, context.is_remote, int(context.trace_flags), list(context.trace_state.items()))


def _context_of(said: tuple[Any, ...] | None) -> SpanContext | None:
    if said is None:
        return None
    trace_id, span_id, is_remote, flags, state = said
    return SpanContext(
        int.from_bytes(trace_id, "big"),
        int.from_bytes(span_id, "big"),
        is_remote,
        TraceFlags(flags),
        TraceState([tuple(item) for item in state]),
    )


def _plain(value: Any) -> Any:
    """For mappings and sequences of the SDK's own types."""
    return dict(value) if hasattr(value, "keys") else list(value)
