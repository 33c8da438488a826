"""A user action from receive to end, and the recorder that turns it into a span.

Invariants
- An action has one root span, ended exactly once: by its hook, or by `Recorder.close` if its task never continues.
- `started` is set at the receive; everything else is measured from there on the monotonic clock, so adjusting the wall
  clock has no effect.
- An exception's message may quote what the user typed, so only its type and the stack are recorded.
"""

from __future__ import annotations

import time
import traceback
from contextvars import ContextVar
from typing import TYPE_CHECKING, Final

from opentelemetry.trace import SpanKind
from opentelemetry.trace.status import Status, StatusCode

from slashspan import semconv
from slashspan.action_record import ActionRecord, attach, root_context
from slashspan.semconv import Kind, Outcome
from telemetry.instrument import outcomes
from telemetry.instrument.intervals import Intervals

if TYPE_CHECKING:
    from collections.abc import Iterable

    from opentelemetry.trace import Span, Tracer
    from opentelemetry.util.types import AttributeValue

    from telemetry.instrument.gateway import Frame
    from telemetry.instrument.metrics import Instruments
    from telemetry.instrument.privacy import Attributes, Step

_FAILED: Final = frozenset({Outcome.ERROR, Outcome.EXPIRED, Outcome.INTERRUPTED})

current_action: ContextVar[Action | None] = ContextVar("slashspan_action", default=None)
"""The action whose code is running; it may have ended, if one of its tasks outlives it."""


class Action:
    """What is known about a user action so far."""

    __slots__ = (
        "ack_kind",
        "ack_ns",
        "command",
        "ended",
        "error",
        "expired",
        "frame",
        "key",
        "kind",
        "last_checkpoint_ns",
        "rate_limits",
        "record",
        "rejected",
        "span",
        "unmatched",
        "work",
    )

    def __init__(self, kind: str, command: str, key: int, frame: Frame, span: Span, record: ActionRecord) -> None:
        self.kind = kind
        self.command = command
        self.key = key
        """Id of the interaction, or of the message of a prefix command."""
        self.frame = frame
        self.span = span
        self.record = record
        self.error: BaseException | None = None
        """The first exception, unwrapped."""
        self.rejected = False
        """A check returned False, without an exception."""
        self.expired = False
        self.ack_ns: int | None = None
        """First acknowledgement, nanoseconds since the receive."""
        self.ack_kind: str | None = None
        self.rate_limits: Intervals | None = None
        """When rate limits delayed its requests, one or several at a time."""
        self.last_checkpoint_ns = 0
        self.work = 0
        """Unfinished coroutines that discord.py has created for it."""
        self.unmatched = False
        """Nothing has been found yet that answers this component or modal."""
        self.ended = False

    @property
    def started_ns(self) -> int:
        """`time.time_ns()` at the receive."""
        return self.frame.wall_ns

    @property
    def path(self) -> str:
        """For logs: `interaction.admin.ban`, `message.ladder`."""
        source = "message" if self.kind == Kind.PREFIX else "interaction"
        return ".".join((source, *self.command.split()))

    def elapsed_ns(self) -> int:
        """Since the receive, on the monotonic clock."""
        return time.perf_counter_ns() - self.frame.monotonic_ns

    def set(self, key: str, value: AttributeValue) -> None:
        """Set an attribute of the span and of the record."""
        self.record.attributes[key] = value
        self.span.set_attribute(key, value)

    def failed(self, error: BaseException) -> None:
        """Record the exception that ended it. The first one counts: handlers may raise others."""
        if self.error is None:
            self.error = outcomes.unwrap(error)

    def rate_limited(self, times: Intervals) -> None:
        """Record when rate limits delayed a request."""
        if self.rate_limits is None:
            self.rate_limits = Intervals()
        for start, end in times:
            self.rate_limits.add(start, end)

    def outcome(self) -> str:
        """The outcome, from what was recorded."""
        if self.expired:
            return Outcome.EXPIRED
        if self.error is not None:
            return outcomes.outcome_of(self.error)
        if self.rejected:
            return Outcome.REJECTED
        return Outcome.UNHANDLED if self.unmatched and self.ack_ns is None else Outcome.OK


class Recorder:
    """Begins and ends actions for one instrumentation."""

    def __init__(self, tracer: Tracer, instruments: Instruments, privacy: Iterable[Step], *, stacks: bool) -> None:
        self.tracer = tracer
        self.instruments = instruments
        self._privacy = tuple(privacy)
        self._stacks = stacks
        self._open: dict[int, Action] = {}

    def begin(self, kind: str, command: str, key: int, attributes: Attributes, frame: Frame) -> Action:
        """Start the span of an action received with `frame`; `attributes` becomes its own."""
        attributes[semconv.KIND] = kind
        attributes[semconv.COMMAND_NAME] = command
        for step in self._privacy:
            step(attributes)
        record = ActionRecord(attributes)
        span = self.tracer.start_span(
            f"{kind} {command}" if command else kind,
            context=root_context(record),
            kind=SpanKind.SERVER,
            attributes=attributes,
            start_time=frame.wall_ns,
        )
        attach(span, record)
        action = Action(kind, command, key, frame, span, record)
        self._open[key] = action
        self.instruments.began(kind)
        return action

    def find(self, key: int) -> Action | None:
        """The open action of this interaction or message id."""
        return self._open.get(key)

    def rename(self, action: Action, command: str) -> None:
        """Rename the command, when parsing has found a subcommand."""
        if command != action.command:
            action.command = command
            action.span.update_name(f"{action.kind} {command}")
            action.set(semconv.COMMAND_NAME, command)

    def end(self, action: Action, outcome: str | None = None, *, elapsed_ns: int | None = None) -> None:
        """End the span, once; later calls do nothing. `outcome` and the time default to what the action knows."""
        if action.ended:
            return
        action.ended = True
        self._open.pop(action.key, None)
        elapsed = action.elapsed_ns() if elapsed_ns is None else elapsed_ns
        outcome = outcome or action.outcome()
        error = action.error
        error_type = None if error is None else outcomes.type_name(error)
        span = action.span
        # One by one: for so few attributes the SDK's `set_attributes` is slower, because it builds a mapping.
        action.set(semconv.OUTCOME, outcome)
        if error_type is not None:
            action.set(semconv.ERROR_TYPE, error_type)
        if action.ack_ns is not None:
            action.set(semconv.ACK_MS, action.ack_ns / 1e6)
        if action.ack_kind is not None:
            action.set(semconv.ACK_KIND, action.ack_kind)
        if action.rate_limits is not None:
            action.set(semconv.RATE_LIMITED_MS, action.rate_limits.total / 1e6)
        if outcome in _FAILED:
            span.set_status(Status(StatusCode.ERROR, error_type))
            if error is not None and self._stacks:
                stack = "".join(traceback.format_tb(error.__traceback__))
                span.add_event("exception", {"exception.type": error_type or "", "exception.stacktrace": stack})
        span.end(end_time=action.frame.wall_ns + elapsed)
        self.instruments.ended(
            action.kind,
            action.command,
            outcome,
            error_type,
            seconds=elapsed / 1e9,
            ack_seconds=None if action.ack_ns is None else action.ack_ns / 1e9,
        )

    def close(self) -> None:
        """End the actions that are still open: their tasks will not continue."""
        for action in list(self._open.values()):
            waits = action.unmatched and action.work == 0
            self.end(action, action.outcome() if waits else Outcome.INTERRUPTED)
