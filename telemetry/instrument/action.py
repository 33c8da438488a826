"""A user action from receive to end, and the recorder that turns it into a span.

Invariants
- An action has one span, a root, ended exactly once: when its handlers have ended and it is acknowledged or cannot be
  any more, or by `Recorder.close`.
- `started` is fixed at the receipt; everything else is measured on the monotonic clock from there, so a jump of the
  wall clock moves nothing.
- An exception's message may quote what the user typed, so only its type and the code's stack are recorded.
- An action holds nothing of the bot: contexts of tasks that outlive it keep it alive. Exceptions hold frames.
"""

from __future__ import annotations

import asyncio
import os
import time
import traceback
from contextvars import ContextVar
from typing import TYPE_CHECKING, Final
from weakref import WeakSet, ref

from opentelemetry.trace.status import Status, StatusCode

from slashspan import semconv
from slashspan.action_record import ActionRecord
from slashspan.action_span import ActionSpan, ActionSpans
from slashspan.guard import guarded
from slashspan.semconv import Kind, Outcome
from slashspan.telemetry.instrument import outcomes
from slashspan.telemetry.instrument.intervals import Intervals

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    import discord
    from opentelemetry.trace import Span, Tracer
    from opentelemetry.util.types import AttributeValue

    from slashspan.action_record import Start
    from slashspan.telemetry.instrument.gateway import Frame
    from slashspan.telemetry.instrument.metrics import Instruments
    from slashspan.telemetry.instrument.privacy import Step

ACK_SECONDS: Final = 3.0
"""How long Discord waits for the first acknowledgement, from when it sent the interaction."""
ACK_GRACE_SECONDS: Final = 0.5
"""How much later an acknowledgement that was sent in time may be confirmed."""
_monotonic = time.perf_counter_ns
_FAILED: Final = frozenset({Outcome.ERROR, Outcome.EXPIRED, Outcome.INTERRUPTED})

current_action: ContextVar[Action | None] = ContextVar("slashspan_action", default=None)
"""The action whose code is running; it may have ended, if one of its tasks outlives it."""


class Action:
    """What is known about a user action so far."""

    __slots__ = (
        "_client",
        "_stacks",
        "ack_kind",
        "ack_ns",
        "command",
        "ended_ns",
        "error_type",
        "expired",
        "failure",
        "frame",
        "key",
        "kind",
        "last_checkpoint_ns",
        "rate_limits",
        "record",
        "recorded",
        "rejected",
        "span",
        "stack",
        "unmatched",
        "work",
    )

    def __init__(
        self,
        kind: str,
        command: str,
        key: int,
        frame: Frame,
        span: Span,
        record: ActionRecord,
        client: discord.Client,
        *,
        stacks: bool,
    ) -> None:
        self.kind = kind
        self.command = command
        self.key = key
        """Id of the interaction, or of the message of a prefix command."""
        self.frame = frame
        self.span = span
        self.record = record
        try:
            self._client: Callable[[], discord.Client | None] = ref(client)
        except TypeError:  # a substitute made by the bot
            self._client = _no_client
        self._stacks = stacks
        self.failure: str | None = None
        """The outcome of the first exception."""
        self.error_type: str | None = None
        self.stack: str | None = None
        """The stack of the exception, if stacks are recorded."""
        self.rejected = False
        """A check returned False, without an exception."""
        self.expired = False
        self.ack_ns: int | None = None
        """First acknowledgement, nanoseconds since the receipt."""
        self.ack_kind: str | None = None
        self.rate_limits: Intervals | None = None
        """When rate limits delayed its requests, one or several at a time."""
        self.last_checkpoint_ns = 0
        self.work = 0
        """Unfinished coroutines that discord.py has created for it."""
        self.unmatched = False
        """No handler has been found yet for this component or modal."""
        self.ended_ns: int | None = None
        """When its last handler ended, in nanoseconds since the receipt: its duration."""
        self.recorded = False
        """The span has ended."""

    @property
    def started_ns(self) -> int:
        """`time.time_ns()` at the receipt."""
        return self.frame.wall_ns

    @property
    def ended(self) -> bool:
        """Whether its handlers have ended: code that outlives them is not part of it."""
        return self.ended_ns is not None

    @property
    def path(self) -> str:
        """For logs: `interaction.admin.ban`, `message.ladder`."""
        source = "message" if self.kind == Kind.PREFIX else "interaction"
        return ".".join((source, *self.command.split()))

    def elapsed_ns(self) -> int:
        """Since the receipt, on the monotonic clock."""
        return _monotonic() - self.frame.monotonic_ns

    def note(self, values: Mapping[str, AttributeValue]) -> None:
        """Set attributes of the record and of the span."""
        if isinstance(self.span, ActionSpan):
            self.span.note(values)
        else:
            self.record.note(values)
            for key, value in values.items():  # for so few the SDK's `set_attributes` is slower: it copies the mapping
                self.span.set_attribute(key, value)

    def failed(self, error: BaseException) -> None:
        """Record the exception that ended it. The first one counts: handlers may raise others."""
        if self.failure is None:
            error = outcomes.unwrap(error)
            self.failure = outcomes.outcome_of(error)
            self.error_type = outcomes.type_name(error)
            if self._stacks and self.failure in _FAILED:
                self.stack = "".join(traceback.format_tb(error.__traceback__))

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
        if self.failure is not None:
            return self.failure
        if self.rejected:
            return Outcome.REJECTED
        return Outcome.UNHANDLED if self.unmatched and self.ack_ns is None else Outcome.OK

    def can_go_on(self) -> bool:
        """Whether its bot is still running, so that its handlers can finish."""
        client = self._client()
        return client is not None and not client.is_closed()


def _no_client() -> None: ...


class Recorder:
    """Begins and ends actions for one instrumentation."""

    def __init__(self, tracer: Tracer, instruments: Instruments, privacy: Iterable[Step], *, stacks: bool) -> None:
        self.tracer = tracer
        self._spans = ActionSpans(tracer)
        self.instruments = instruments
        self.closed = False
        self._privacy = tuple(privacy)
        self._stacks = stacks
        self._open: set[Action] = set()
        _recorders.add(self)
        self._interactions: dict[int, Action] = {}
        """Open actions by interaction id. Not those of messages: two bots in one process may both answer a message."""
        self.find: Callable[[int], Action | None] = self._interactions.get
        """The open action of this interaction."""

    def begin(self, start: Start, frame: Frame, client: discord.Client) -> Action:
        """Start the span of an action that `client` received with `frame`."""
        kind, command, key = start[:3]
        for step in self._privacy:
            start = step(start)
        record = ActionRecord(start, frame.wall_ns)
        span = self._spans.start(f"{kind} {command}" if command else kind, record)
        action = Action(kind, command, key, frame, span, record, client, stacks=self._stacks)
        self._open.add(action)
        if kind != Kind.PREFIX:
            self._interactions[key] = action
        if getattr(self.instruments.proxy, "_real_instrument", True) is not None:
            self.instruments.began(kind)
        return action

    def rename(self, action: Action, command: str) -> None:
        """Rename the command, when parsing has found a subcommand, or that there is no such command."""
        if command != action.command:
            action.command = command
            action.span.update_name(f"{action.kind} {command}" if command else action.kind)
            action.note({semconv.COMMAND_NAME: command})

    def acknowledged(self, action: Action, at_ns: int, kind: str) -> None:
        """Discord accepted an answer, `at_ns` after the receipt. The first one counts."""
        if action.ack_ns is None:
            action.ack_ns = at_ns
            action.ack_kind = kind
        if action.ended_ns is not None or action.unmatched:
            self._answered(action)

    def expired(self, action: Action, error: BaseException) -> None:
        """Discord refused the first answer as too late."""
        action.expired = True
        action.failed(error)
        self._answered(action)

    def _answered(self, action: Action) -> None:
        if action.ended_ns is not None:
            self.end(action)
        elif action.unmatched and action.work == 0:
            # Answered by code that waited for it (`wait_for("interaction")`), whose end is not visible.
            self.end(action, elapsed_ns=action.ack_ns)

    def finish(self, action: Action) -> None:
        """Its handlers have ended: that is its duration.

        The interaction may still be answered: by an error handler that runs as an event, or by code that waits for the
        view or the modal. So without an acknowledgement the span stays open until Discord would refuse one.
        """
        if action.ended_ns is not None:
            return
        action.ended_ns = _monotonic() - action.frame.monotonic_ns
        if action.kind == Kind.PREFIX or action.ack_ns is not None or action.expired or self.closed:
            self.end(action)
        else:
            self.end_at_deadline(action, ACK_SECONDS + ACK_GRACE_SECONDS)

    def end_at_deadline(self, action: Action, seconds: float) -> None:
        """End it `seconds` after its receipt, unless it has ended or a handler is running."""
        remaining = seconds - action.elapsed_ns() / 1e9
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:  # a coroutine closed by the garbage collector
            remaining = 0.0
        if remaining <= 0:
            self._deadline(action)
        else:
            loop.call_later(remaining, self._deadline, action)

    @guarded
    def _deadline(self, action: Action) -> None:
        if action.work == 0:
            self.end(action)

    def end(self, action: Action, outcome: str | None = None, *, elapsed_ns: int | None = None) -> None:
        """End the span, once; later calls do nothing. `outcome` and the time default to what the action knows."""
        if action.recorded:
            return
        action.recorded = True
        self._open.discard(action)
        if self._interactions.get(action.key) is action:
            del self._interactions[action.key]
        if action.ended_ns is None:
            action.ended_ns = action.elapsed_ns() if elapsed_ns is None else elapsed_ns
        error_type = action.error_type
        if outcome is None:
            usual = action.failure is None and not (action.rejected or action.unmatched or action.expired)
            outcome = Outcome.OK if usual else action.outcome()
        known: dict[str, AttributeValue] = {semconv.OUTCOME: outcome}
        if error_type is not None:
            known[semconv.ERROR_TYPE] = error_type
        if action.ack_ns is not None:
            known[semconv.ACK_MS] = action.ack_ns / 1e6
        if action.ack_kind is not None:
            known[semconv.ACK_KIND] = action.ack_kind
        if action.rate_limits is not None:
            known[semconv.RATE_LIMITED_MS] = action.rate_limits.total / 1e6
        span = action.span
        if outcome in _FAILED:
            span.set_status(Status(StatusCode.ERROR, error_type))
            if action.stack is not None:
                span.add_event("exception", {"exception.type": error_type or "", "exception.stacktrace": action.stack})
        end_ns = action.frame.wall_ns + action.ended_ns
        end_with = getattr(span, "end_with", None)  # `isinstance` would be a call in Python
        if end_with is not None:
            end_with(known, end_ns)
        else:
            action.note(known)
            span.end(end_time=end_ns)
        if getattr(self.instruments.proxy, "_real_instrument", True) is not None:
            self.instruments.ended(
                action.kind,
                action.command,
                outcome,
                error_type,
                seconds=action.ended_ns / 1e9,
                ack_seconds=None if action.ack_ns is None else action.ack_ns / 1e9,
            )

    def forget(self) -> None:
        """In a forked child: the open actions are the parent's, which records how they end."""
        for action in self._open:
            action.recorded = True
        self._open.clear()
        self._interactions.clear()

    def close(self, *, interrupt: bool) -> None:
        """Begin no more actions; end those without a running handler.

        The others end with their own outcome if their bot is still running; otherwise they are recorded as interrupted.
        `interrupt`: all of them are, because nothing can be recorded any more.
        """
        self.closed = True
        for action in list(self._open):
            if action.ended_ns is not None or (action.unmatched and action.work == 0):
                self.end(action)
            elif interrupt or not action.can_go_on():
                self.end(action, Outcome.INTERRUPTED)


_recorders: WeakSet[Recorder] = WeakSet()


def _forget_actions_of_parent() -> None:
    for recorder in list(_recorders):
        recorder.forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_actions_of_parent)
