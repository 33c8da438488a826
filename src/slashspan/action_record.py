"""A complete record of a user action, kept beside its span.

OpenTelemetry's limits (`OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT`, `OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT`,
`OTEL_SPAN_EVENT_COUNT_LIMIT`, …) cut or drop a span's attributes and events. They are meant for
tracing backends; a row whose user id is cut to eight digits would be wrong. So the instrumentation keeps this record,
and the row is made from it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from opentelemetry.context import Context, create_key

from slashspan import semconv

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import TypeAlias

    from opentelemetry.util.types import AttributeValue

    Start: TypeAlias = tuple[Any, ...]
    """The values of START_FIELDS; None: it does not have this one. Ids are integers, as in rows."""
    End: TypeAlias = tuple[Any, ...]
    """The values of END_FIELDS; None: it does not have this one, or the same as at the start."""

START_FIELDS: Final = (
    semconv.KIND,
    semconv.COMMAND_NAME,
    semconv.INTERACTION_ID,
    semconv.APPLICATION_ID,
    semconv.USER_ID,
    semconv.USER_NAME,
    semconv.GUILD_ID,
    semconv.CHANNEL_ID,
    semconv.SHARD_ID,
    semconv.LOCALE,
    semconv.GUILD_LOCALE,
    semconv.CONTEXT,
    semconv.INSTALLATION,
    semconv.GATEWAY_DELAY_MS,
    semconv.LOOP_DELAY_MS,
)
"""Attributes that an action has at its start. The spool's records have them in this order."""
END_FIELDS: Final = (
    semconv.OUTCOME,
    semconv.ERROR_TYPE,
    semconv.ACK_MS,
    semconv.ACK_KIND,
    semconv.RATE_LIMITED_MS,
    semconv.COMMAND_NAME,
)
"""Attributes that an action gets until its end, the last one if it is renamed. Records have them in this order too."""
_IDS: Final = frozenset(
    {
        semconv.INTERACTION_ID,
        semconv.APPLICATION_ID,
        semconv.USER_ID,
        semconv.GUILD_ID,
        semconv.CHANNEL_ID,
    }
)
MAX_CHECKPOINTS: Final = 1000
"""Checkpoints kept for one action: more than fit into the column. Of an endless loop the first ones are enough."""
_NOTHING: Final = (None,) * len(END_FIELDS)
_KEY: Final = create_key("slashspan-action-record")
SPAN_RECORD: Final = "_slashspan_action"
"""Where a span refers to its record that makes its attributes when they are asked for."""
SPAN_ATTRIBUTE: Final = "_slashspan_record"
"""Where a span's attributes refer to the record: the SDK passes on copies of a span, which share their attributes."""


class ActionRecord:
    """What an action had at its start, what it got until its end, and checkpoints in their order."""

    __slots__ = (
        "checkpoints",
        "dropped_checkpoints",
        "end",
        "end_ns",
        "packed",
        "service",
        "span_attributes",
        "span_id",
        "start",
        "start_ns",
        "trace_id",
    )

    def __init__(self, start: Start, start_ns: int) -> None:
        self.start = start
        self.start_ns = start_ns
        self.end_ns: int | None = None
        self.checkpoints: Sequence[tuple[str, Mapping[str, Any]]] = ()
        self.dropped_checkpoints = 0
        self.end: End = _NOTHING
        self.packed: bytes | None = None
        """What the spool has written about the start; the record of the end begins with it."""
        self.service: tuple[str | None, str | None, str | None] | None = None
        """Name, version and environment of the service, as the spool has packed them."""
        self.trace_id = self.span_id = 0
        """Those of its span, once that is started."""
        self.span_attributes: Any = None
        """The attributes of its span: what the SDK's limits left of ours, and what the bot has set. None: the same as
        `attributes`."""

    @property
    def kind(self) -> str:
        """The kind of the action."""
        return self.start[0]  # type: ignore[no-any-return]

    @property
    def attributes(self) -> dict[str, AttributeValue]:
        """All attributes by the keys of `slashspan.semconv`, as spans have them: ids are strings. Made anew."""
        return {**attributes_of_start(self.start), **self.attributes_of_end}

    @property
    def attributes_of_end(self) -> dict[str, AttributeValue]:
        """Those that were added or changed since the start."""
        return {key: value for key, value in zip(END_FIELDS, self.end, strict=True) if value is not None}

    def rename(self, command: str) -> None:
        """Change the command's name."""
        self.end = (*self.end[:-1], command)

    def add_checkpoint(self, name: str, attributes: Mapping[str, Any]) -> None:
        """Add a checkpoint; beyond MAX_CHECKPOINTS they are only counted."""
        kept = self.checkpoints
        if not isinstance(kept, list):  # most actions have none: one object less for the garbage collector
            kept = self.checkpoints = []
        if len(kept) < MAX_CHECKPOINTS:
            kept.append((name, attributes))
        else:
            self.dropped_checkpoints += 1


def attributes_of_start(start: Sequence[Any]) -> dict[str, AttributeValue]:
    """The attributes of a span that begins with these values of START_FIELDS."""
    return {
        key: str(value) if key in _IDS else value
        for key, value in zip(START_FIELDS, start, strict=True)
        if value is not None
    }


def root_context(record: ActionRecord) -> Context:
    """A context without a parent span in which to start the action's span: processors find the record in it."""
    return Context({_KEY: record})


def from_context(context: Context | None) -> ActionRecord | None:
    """The record of the action whose span is started in this context."""
    record: Any = None if context is None else context.get(_KEY)
    return record  # type: ignore[no-any-return]  # nobody else has the key


def attach(span: Any, record: ActionRecord) -> None:
    """Attach the record to the span, for its processors and exporters, if it is a span of the SDK."""
    attributes = getattr(span, "_attributes", None)
    if hasattr(attributes, "__dict__"):
        setattr(attributes, SPAN_ATTRIBUTE, record)
    record.span_attributes = {} if attributes is None else attributes
    context = span.get_span_context()
    record.trace_id, record.span_id = context.trace_id, context.span_id


def record_of(span: Any) -> ActionRecord | None:
    """The record of the action's span, or that was attached to it."""
    record: ActionRecord | None = getattr(span, SPAN_RECORD, None)
    if record is None:
        record = getattr(getattr(span, "_attributes", None), SPAN_ATTRIBUTE, None)
    return record
