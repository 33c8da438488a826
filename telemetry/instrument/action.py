"""A user action from receipt to end: what is known of it so far. `recorder.py` turns it into a span.

Invariants
- `started` is fixed at the receipt; everything else is measured on the monotonic clock from there, so a jump of the
  wall clock moves nothing.
- An exception's message may quote what the user typed, so only its type and the code's stack are recorded.
- An action holds nothing of the bot: contexts of tasks that outlive it keep it alive. Exceptions hold frames.
"""

from __future__ import annotations

import time
import traceback
from contextvars import ContextVar
from typing import TYPE_CHECKING, Final
from weakref import ref

from slashspan.action_span import ActionSpan
from slashspan.semconv import COMMAND_NAME, Kind, Outcome
from slashspan.telemetry.instrument import outcomes
from slashspan.telemetry.instrument.intervals import Intervals

if TYPE_CHECKING:
    from collections.abc import Callable

    import discord
    from opentelemetry.trace import Span

    from slashspan.action_record import ActionRecord, End
    from slashspan.telemetry.instrument.gateway import Frame

_monotonic = time.perf_counter_ns
FAILED: Final = frozenset({Outcome.ERROR, Outcome.EXPIRED, Outcome.INTERRUPTED})

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
        "key",
        "kind",
        "last_checkpoint_ns",
        "rate_limits",
        "received_ns",
        "record",
        "recorded",
        "rejected",
        "span",
        "stack",
        "started_ns",
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
        self.started_ns = frame.wall_ns
        """`time.time_ns()` at the receipt."""
        self.received_ns = frame.monotonic_ns
        """The same on the monotonic clock, `time.perf_counter_ns()`."""
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
        return _monotonic() - self.received_ns

    def rename(self, command: str) -> None:
        """Change the command's name, also in the record and in the span."""
        self.command = command
        self.span.update_name(f"{self.kind} {command}" if command else self.kind)
        if isinstance(self.span, ActionSpan):
            self.span.rename(command)
        else:
            self.record.rename(command)
            self.span.set_attribute(COMMAND_NAME, command)

    def end_tracers_span(self, end: End, end_ns: int) -> None:
        """Record how it has ended, and end the span, which is none of ours: it has no `end_with`."""
        self.record.end = end
        for key, value in self.record.attributes_of_end.items():
            self.span.set_attribute(key, value)  # for so few `set_attributes` is slower: it copies the mapping
        self.span.end(end_time=end_ns)

    def failed(self, error: BaseException) -> None:
        """Record the exception that ended it. The first one counts: handlers may raise others."""
        if self.failure is None:
            error = outcomes.unwrap(error)
            self.failure = outcomes.outcome_of(error)
            self.error_type = outcomes.type_name(error)
            if self._stacks and self.failure in FAILED:
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
