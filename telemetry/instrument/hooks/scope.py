"""Makes an action current for the code that runs in it, and no longer."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from opentelemetry import context as context_api
from opentelemetry.trace import set_span_in_context

from slashspan.telemetry.instrument.action import current_action

if TYPE_CHECKING:
    from contextvars import Token

    from opentelemetry.context import Context

    from slashspan.telemetry.instrument.action import Action


class Tokens(NamedTuple):
    """What `deactivate` needs to restore what was current before."""

    context: Token[Context]
    action: Token[Action | None]


def activate(action: Action) -> Tokens:
    """Make the action's span the parent of new spans, in this task and those that it starts."""
    return Tokens(context_api.attach(set_span_in_context(action.span)), current_action.set(action))


def deactivate(tokens: Tokens) -> None:
    """Undo `activate`. If an unawaited coroutine is closed in another context, there is nothing to undo."""
    try:
        current_action.reset(tokens.action)
    except ValueError:
        return
    context_api.detach(tokens.context)


class Work:
    """A coroutine that runs code of an action."""

    __slots__ = ("_running", "action")

    def __init__(self, action: Action) -> None:
        self.action = action
        self._running = True
        action.work += 1

    def done(self) -> bool:
        """Mark it as ended. False if it already was."""
        if not self._running:
            return False
        self._running = False
        self.action.work -= 1
        return True
