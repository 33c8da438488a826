"""The span of a user action: a span of the SDK that makes its attributes and its context when somebody asks for them.

What is known of an action is in its `ActionRecord`, from which rows are made. The SDK's span would keep a second copy:
each attribute is checked and cleaned in Python when it is set, which took longer than everything else that recording
does. Where only rows are written nobody reads that copy. `ActionSpan` makes it for those who do: other processors and
exporters, and a bot that reads or sets attributes of the current span.

It relies on the SDK's private names, so `ActionSpans` compares them, and lets the tracer start a span of its own where
they differ, or where a sampler has to decide.

It is here because `telemetry.instrument` uses the API of OpenTelemetry and not the SDK.
"""

from __future__ import annotations

import logging
import os
import time
from _thread import RLock  # `threading.RLock` is a function in Python, which costs a call
from typing import TYPE_CHECKING, Any, Final

from opentelemetry.attributes import BoundedAttributes
from opentelemetry.context import Context
from opentelemetry.sdk import trace as sdk
from opentelemetry.sdk.trace import sampling
from opentelemetry.sdk.util import BoundedList
from opentelemetry.trace import INVALID_SPAN_CONTEXT, SpanContext, SpanKind, TraceFlags
from opentelemetry.trace.status import Status, StatusCode

from slashspan.action_record import SPAN_ATTRIBUTE, attach, root_context
from slashspan.semconv import COMMAND_NAME

if TYPE_CHECKING:
    from opentelemetry.trace import Span, Tracer

    from slashspan.action_record import ActionRecord, End

_SPAN_STATE: Final = frozenset(
    {
        "_attributes",
        "_context",
        "_end_time",
        "_events",
        "_instrumentation_info",
        "_instrumentation_scope",
        "_kind",
        "_limits",
        "_links",
        "_lock",
        "_name",
        "_parent",
        "_record_end_metrics",
        "_record_exception",
        "_resource",
        "_sampler",
        "_set_status_on_exception",
        "_span_processor",
        "_start_time",
        "_status",
        "_trace_config",
    }
)
"""Everything that the SDK (1.45) keeps in a span; each of these is set by `ActionSpan`."""
_ROOT: Final = Context()
_LOCK: Final = RLock()
"""Of all spans of actions: one for each would be one more object for the garbage collector, and it is held for
microseconds, in which nothing of others is called."""
if hasattr(os, "register_at_fork"):
    # Another thread may hold it, and is not in the child.
    os.register_at_fork(after_in_child=_LOCK._at_fork_reinit)  # type: ignore[attr-defined]

_log = logging.getLogger("opentelemetry.sdk.trace")
_now = time.time_ns


class ActionSpan(sdk.Span):
    """Started by `ActionSpans`. Class attributes are what all spans of a tracer, or all of them, have in common."""

    _parent = None
    _kind = SpanKind.SERVER
    _status = Status(StatusCode.UNSET)
    _end_time: int | None = None
    _lock = _LOCK  # type: ignore[assignment]
    _record_exception = True
    _set_status_on_exception = True
    _record_end_metrics = None
    _trace_config = None
    _flags: TraceFlags
    _in_turn: bool
    """Whether the SDK does nothing but call its `_span_processors` in turn. That is done here, with fewer calls."""
    _slashspan_action: ActionRecord  # as SPAN_RECORD says

    @property
    def _context(self) -> SpanContext:  # type: ignore[override]
        made: SpanContext | None = self.__dict__.get("_made_context")
        if made is None:
            record = self._slashspan_action
            made = SpanContext(record.trace_id, record.span_id, is_remote=False, trace_flags=self._flags)
            made = self.__dict__.setdefault("_made_context", made)
        return made

    @property
    def _attributes(self) -> BoundedAttributes:  # type: ignore[override]
        record: ActionRecord = self._slashspan_action
        with self._lock:  # a reentrant one: the SDK's methods hold it when they read this
            if record.span_attributes is None:
                limits = self._limits
                made = BoundedAttributes(
                    limits.max_span_attributes,
                    record.attributes,
                    immutable=self._end_time is not None,
                    max_value_len=limits.max_span_attribute_length,
                )
                setattr(made, SPAN_ATTRIBUTE, record)
                record.span_attributes = made
            return record.span_attributes  # type: ignore[no-any-return]

    @property
    def _events(self) -> Any:  # type: ignore[override]
        made = self.__dict__.get("_made_events")
        if made is None:
            made = self.__dict__.setdefault("_made_events", BoundedList(self._limits.max_events))
        return made

    @property
    def _links(self) -> Any:  # type: ignore[override]
        made = self.__dict__.get("_made_links")
        if made is None:
            made = self.__dict__.setdefault("_made_links", BoundedList(self._limits.max_links))
        return made

    def rename(self, command: str) -> None:
        """Change the command's name in what is recorded, and in the span's attributes if they were made."""
        record = self._slashspan_action
        with self._lock:
            record.rename(command)
            if record.span_attributes is not None and self._end_time is None:
                record.span_attributes._set_items({COMMAND_NAME: command})

    def end(self, end_time: int | None = None) -> None:
        """End it early, as a bot may: what is recorded afterwards is not part of the span."""
        assert self._attributes is not None  # makes them
        self.end_with(self._slashspan_action.end, end_time)

    def end_with(self, end: End, end_time: int | None) -> None:
        """Record how the action has ended, and end the span."""
        record = self._slashspan_action
        with self._lock:
            record.end = end
            if self._end_time is not None:
                _log.warning("Calling end() on an ended span.")
                return
            if (made := record.span_attributes) is not None:
                made._set_items(record.attributes_of_end)
                made._immutable = True
            self._end_time = record.end_ns = _now() if end_time is None else end_time
        common: Any = self._span_processor
        processors = common._span_processors if self._in_turn else (common,)
        for processor in processors:
            processor._on_ending(self)
        for processor in processors:
            processor.on_end(self)

    def _readable_span(self) -> sdk.ReadableSpan:
        return self


class ActionSpans:
    """Starts the spans of actions with this tracer."""

    def __init__(self, tracer: Tracer) -> None:
        self._tracer: Any = tracer
        self._class: Any = None
        """That of this tracer's spans; None: the tracer has to start them itself."""

    def start(self, name: str, record: ActionRecord) -> Span:
        """Start a root span with the record's attributes."""
        tracer, cls = self._tracer, self._class
        if (
            cls is None  # or the tracer is not any more as it was when the class was made for it
            or cls._resource is not tracer.resource
            or cls._sampler is not tracer.sampler
            or cls._limits is not tracer._span_limits
            or cls._tracer_config is not tracer._tracer_config
        ):
            tracer = self._tracer = _innermost(tracer)
            cls = self._class = _class_for(tracer)
        if cls is None:
            return self._started_by_tracer(name, record)
        ids = tracer.id_generator
        span: ActionSpan = object.__new__(cls)
        span._name = name
        span._start_time = record.start_ns
        record.trace_id = ids.generate_trace_id()
        record.span_id = ids.generate_span_id()
        span._slashspan_action = record
        for processor in cls._span_processor._span_processors if cls._in_turn else (cls._span_processor,):
            processor.on_start(span, parent_context=_ROOT)
        return span

    def _started_by_tracer(self, name: str, record: ActionRecord) -> Span:
        span: Span = self._tracer.start_span(
            name,
            context=root_context(record),
            kind=SpanKind.SERVER,
            attributes=record.attributes,
            start_time=record.start_ns,
        )
        attach(span, record)
        return span


def _innermost(tracer: Any) -> Any:
    """The provider's own tracer, if `tracer` waits for a provider that exists by now."""
    current = getattr(tracer, "current", None)
    return tracer if current is None else current()


def _samples_everything(sampler: Any) -> bool:
    """Whether it records and samples every root span and adds nothing to it, so that it need not be asked."""
    known = sampler is sampling.DEFAULT_ON or sampler is sampling.ALWAYS_ON
    return known or getattr(sampler, "samples_everything", False)


def _class_for(tracer: Any) -> type[ActionSpan] | None:
    """The class of this tracer's spans; None if the tracer has to start them itself."""
    if type(tracer) is not sdk.Tracer:
        return None
    try:
        if not tracer._is_enabled() or not _samples_everything(tracer.sampler):
            return None
        if not _keeps_what_is_known(tracer):
            return None
        if type(tracer._tracer_metrics).__name__ != "NoOpTracerMetrics":  # counts every span
            return None
        flags = TraceFlags.SAMPLED | (TraceFlags.RANDOM_TRACE_ID if tracer.id_generator.is_trace_id_random() else 0)
        common = {
            "_resource": tracer.resource,
            "_sampler": tracer.sampler,
            "_limits": tracer._span_limits,
            "_tracer_config": tracer._tracer_config,
            "_span_processor": tracer.span_processor,
            "_instrumentation_scope": tracer._instrumentation_scope,
            "_instrumentation_info": tracer.instrumentation_info,
            "_flags": TraceFlags(flags),
            "_in_turn": type(tracer.span_processor) is sdk.SynchronousMultiSpanProcessor
            and hasattr(tracer.span_processor, "_span_processors"),
            "__module__": __name__,
        }
    except (AttributeError, TypeError):  # an SDK with other private names
        return None
    return type("ActionSpan", (ActionSpan,), common)


def _keeps_what_is_known(tracer: sdk.Tracer) -> bool:
    """Whether a span of this SDK keeps what `ActionSpan` sets, and nothing else."""
    span = sdk._Span("probe", INVALID_SPAN_CONTEXT, resource=tracer.resource, limits=tracer._span_limits)
    return vars(span).keys() | {"_start_time"} == _SPAN_STATE
