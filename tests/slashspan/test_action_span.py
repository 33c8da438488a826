"""The span of a user action is what the SDK's own span is, to everybody who looks at it or changes it."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON, ParentBased, TraceIdRatioBased
from opentelemetry.trace import SpanContext, Status, StatusCode

from slashspan import action_span
from slashspan.action_record import START_FIELDS, ActionRecord, record_of
from slashspan.action_span import ActionSpan, ActionSpans
from slashspan.exporters.rows.from_span import from_span
from slashspan.semconv import ACK_MS, OUTCOME
from tests.support import spans as known
from tests.support.spans import START_NS

if TYPE_CHECKING:
    from collections.abc import Callable

    from opentelemetry.trace import Span

ATTRIBUTES = {key: known.ATTRIBUTES[key] for key in START_FIELDS if key in known.ATTRIBUTES}
START = tuple(
    int(value) if isinstance(value, str) and value.isdigit() else value for value in map(ATTRIBUTES.get, START_FIELDS)
)
END = ("ok", None, 2.5, None, None, None)
BARE = ("slash", "ping", *[None] * (len(START_FIELDS) - 2))
OTHER = SpanContext(1, 2, is_remote=True)
LIMITS = {
    "the defaults": SpanLimits(),
    "no more than five": SpanLimits(max_span_attributes=5, max_events=2, max_links=1),
    "short values": SpanLimits(max_span_attribute_length=3, max_attribute_length=4),
    "none at all": SpanLimits(max_span_attributes=0, max_events=0, max_links=0),
}


def _reads(span: Any) -> None:
    span.set_attribute("read", repr(sorted(span.attributes.items())))


def _has_a_child(span: Any) -> None:
    with trace.use_span(span):
        span.set_attribute("current", trace.get_current_span() is span)


def _raises(span: Any) -> None:
    with pytest.raises(KeyError), trace.use_span(span, record_exception=False):
        raise KeyError("typed by a user")


CHANGES: dict[str, Callable[[Any], object]] = {
    "nothing": lambda _: None,
    "set_attribute": lambda span: span.set_attribute("own", "value"),
    "set_attribute of ours": lambda span: span.set_attribute("discord.user.name", "somebody else"),
    "set_attributes": lambda span: span.set_attributes({"one": 1, "list": ["a", "b"], "odd": object}),
    "an empty key": lambda span: span.set_attribute("", 1),
    "reads": _reads,
    "add_event": lambda span: [span.add_event(f"event {n}", {"n": n}, timestamp=START_NS + n) for n in range(4)],
    "add_link": lambda span: [span.add_link(OTHER, {"n": n}) for n in range(3)],
    "set_status": lambda span: span.set_status(Status(StatusCode.ERROR, "why")),
    "set_status twice": lambda span: (span.set_status(StatusCode.OK), span.set_status(StatusCode.ERROR)),
    "update_name": lambda span: span.update_name("another"),
    "is current": _has_a_child,
    "raises inside": _raises,
    "end": lambda span: span.end(START_NS + 7),
}


class Played:
    """A span that was started with ATTRIBUTES, changed by a bot, and ended with an outcome."""

    def __init__(self, change: Callable[[Any], object], *, ours: bool, limits: SpanLimits | None = None) -> None:
        self.at_start: list[dict[str, Any]] = []
        memory = InMemorySpanExporter()
        provider = TracerProvider(
            resource=Resource({"service.name": "bot"}), span_limits=limits or SpanLimits(), shutdown_on_exit=False
        )
        provider.add_span_processor(_Starts(self.at_start))
        provider.add_span_processor(SimpleSpanProcessor(memory))
        self.record = ActionRecord(START, START_NS)
        self.span: Span = ActionSpans(provider.get_tracer("test", "1")).start("slash ping", self.record)
        assert isinstance(self.span, ActionSpan) == ours
        change(self.span)
        if isinstance(self.span, ActionSpan):
            self.span.end_with(END, START_NS + 12_000_000)
        else:
            self.record.end = END
            for key, value in self.record.attributes_of_end.items():
                self.span.set_attribute(key, value)
            self.span.end(START_NS + 12_000_000)
        (self.finished,) = memory.get_finished_spans()

    def said(self) -> Any:
        """Everything that an exporter reads, without the random ids."""
        said = json.loads(self.finished.to_json())
        context = self.finished.context
        assert context is not None
        assert said.pop("context")["trace_id"] == f"0x{context.trace_id:032x}"
        more = (
            self.finished.kind,
            self.finished.parent,
            context.trace_flags,
            context.trace_state,
            context.is_remote,
            self.finished.dropped_attributes,
            self.finished.dropped_events,
            self.finished.dropped_links,
            str(self.finished.instrumentation_scope),
            [*(self.finished.attributes or {})],
        )
        return said, more

    def row(self) -> Any:
        row = from_span(self.finished)
        assert row is not None
        row.span_id, row.trace_id = 0, ""
        return row


class _Starts(SpanProcessor):
    """Another processor, which reads what a span has at its start."""

    def __init__(self, seen: list[dict[str, Any]]) -> None:
        self._seen = seen

    def on_start(self, span: Any, parent_context: Any = None) -> None:
        assert isinstance(span, ReadableSpan)
        self._seen.append({"name": span.name, "start": span.start_time, "trace": span.context.is_valid})


def by_the_sdk(monkeypatch: pytest.MonkeyPatch, change: Callable[[Any], object], **more: Any) -> Played:
    with monkeypatch.context() as patch:
        patch.setattr(action_span, "_SPAN_STATE", frozenset({"_something_else"}))
        return Played(change, ours=False, **more)


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("limits", LIMITS)
def test_exporters_and_rows_get_what_the_sdks_span_would_give(
    change: str, limits: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = Played(CHANGES[change], ours=True, limits=LIMITS[limits])
    theirs = by_the_sdk(monkeypatch, CHANGES[change], limits=LIMITS[limits])
    assert ours.said() == theirs.said()
    assert ours.at_start == theirs.at_start
    assert ours.row() == theirs.row()


def test_other_processors_read_the_attributes_at_the_start() -> None:
    seen: list[Any] = []

    class Reads(SpanProcessor):
        def on_start(self, span: Any, parent_context: Any = None) -> None:
            seen.append(dict(span.attributes))
            span.set_attribute("added", True)

    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(Reads())
    span: Any = ActionSpans(provider.get_tracer("test")).start("slash ping", ActionRecord(START, START_NS))
    assert seen == [ATTRIBUTES]
    assert span.attributes == {**ATTRIBUTES, "added": True}


def test_nothing_is_made_that_nobody_asks_for() -> None:
    provider = TracerProvider(shutdown_on_exit=False)
    record = ActionRecord(START, START_NS)
    span: Any = ActionSpans(provider.get_tracer("test")).start("slash ping", record)
    span.end_with(END, START_NS + 1)
    assert record.span_attributes is None
    assert {"_made_context", "_made_events", "_made_links"}.isdisjoint(vars(span))
    assert record_of(span) is record
    assert span.attributes == {**ATTRIBUTES, OUTCOME: "ok", ACK_MS: 2.5}


def test_after_its_end_a_span_takes_nothing_and_says_so(caplog: pytest.LogCaptureFixture) -> None:
    span: Any = Played(lambda _: None, ours=True).span
    before = span.to_json()
    caplog.set_level(logging.WARNING)
    span.set_attribute("late", 1)
    span.set_attributes({"late": 1})
    span.add_event("late")
    span.update_name("late")
    span.set_status(StatusCode.ERROR)
    span.end()
    assert span.to_json() == before
    assert len([record for record in caplog.records if "ended span" in record.message]) == 6
    assert not span.is_recording()


def test_a_child_belongs_to_the_trace() -> None:
    provider = TracerProvider(shutdown_on_exit=False)
    tracer = provider.get_tracer("test")
    span = ActionSpans(tracer).start("slash ping", ActionRecord(BARE, START_NS))
    child: Any = tracer.start_span("child", context=trace.set_span_in_context(span))
    assert child.parent == span.get_span_context()
    assert child.context.trace_id == span.get_span_context().trace_id
    assert child.context.trace_flags == span.get_span_context().trace_flags


@pytest.mark.parametrize("sampler", [ALWAYS_OFF, TraceIdRatioBased(0.5), ParentBased(ALWAYS_ON)])
def test_a_sampler_that_may_decide_otherwise_is_asked_by_the_tracer(sampler: Any) -> None:
    tracer = TracerProvider(sampler=sampler, shutdown_on_exit=False).get_tracer("test")
    assert not isinstance(ActionSpans(tracer).start("slash ping", ActionRecord(BARE, START_NS)), ActionSpan)


def test_a_provider_that_gets_another_resource_is_followed() -> None:
    provider = TracerProvider(shutdown_on_exit=False)
    tracer: Any = provider.get_tracer("test")
    spans = ActionSpans(tracer)
    before: Any = spans.start("slash ping", ActionRecord(BARE, START_NS))
    tracer.resource = Resource({"service.name": "renamed"})
    after: Any = spans.start("slash ping", ActionRecord(BARE, START_NS))
    assert before.resource is provider.resource
    assert after.resource.attributes["service.name"] == "renamed"


def test_a_tracer_of_another_implementation_starts_its_own_spans() -> None:
    span = ActionSpans(trace.NoOpTracer()).start("slash ping", ActionRecord(BARE, START_NS))
    assert not span.is_recording()
