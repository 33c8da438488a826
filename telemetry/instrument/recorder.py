"""Begins and ends actions, each with its span.

An action has one span, a root, ended exactly once: when its handlers have ended and it is acknowledged or cannot be any
more, or by `Recorder.close`.
"""

from __future__ import annotations

import asyncio
import os
import time
from typing import TYPE_CHECKING, Final
from weakref import WeakSet

from opentelemetry.trace.status import Status, StatusCode

from slashspan.action_record import ActionRecord
from slashspan.action_span import ActionSpans
from slashspan.guard import guarded
from slashspan.semconv import Kind, Outcome
from slashspan.telemetry.instrument.action import FAILED, Action

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import discord
    from opentelemetry.trace import Tracer

    from slashspan.action_record import Start
    from slashspan.telemetry.instrument.gateway import Frame
    from slashspan.telemetry.instrument.metrics import Instruments
    from slashspan.telemetry.instrument.privacy import Step

ACK_SECONDS: Final = 3.0
"""How long Discord waits for the first acknowledgement, from when it sent the interaction."""
ACK_GRACE_SECONDS: Final = 0.5
"""How much later an acknowledgement that was sent in time may be confirmed."""
_monotonic = time.perf_counter_ns


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
            action.rename(command)

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
        action.ended_ns = _monotonic() - action.received_ns
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
            outcome = action.outcome()
        if outcome in FAILED:
            span = action.span
            span.set_status(Status(StatusCode.ERROR, error_type))
            if action.stack is not None:
                span.add_event("exception", {"exception.type": error_type or "", "exception.stacktrace": action.stack})
        limits, ack_ns = action.rate_limits, action.ack_ns
        end = (  # END_FIELDS
            outcome,
            error_type,
            None if ack_ns is None else ack_ns / 1e6,
            action.ack_kind,
            None if limits is None else limits.total / 1e6,
            action.record.end[-1],
        )
        # `isinstance` would be a call in Python
        getattr(action.span, "end_with", action.end_tracers_span)(end, action.started_ns + action.ended_ns)
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
