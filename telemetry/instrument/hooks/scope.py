"""Makes an action current for the code that runs in it, and no longer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from opentelemetry import context as context_api
from opentelemetry.context import Context
from opentelemetry.trace import INVALID_SPAN, set_span_in_context

from slashspan.telemetry.instrument.action import current_action

if TYPE_CHECKING:
    from contextvars import Token
    from typing import TypeAlias

    from slashspan.telemetry.instrument.action import Action

    Tokens: TypeAlias = tuple[Token[Context], Token[Action | None]]
    """What `deactivate` needs to restore what was current before."""

_SPAN_KEY: Final = next(iter(set_span_in_context(INVALID_SPAN, Context())))
_set, _reset = current_action.set, current_action.reset
_contexts: Final[Any] = getattr(context_api, "_RUNTIME_CONTEXT", context_api)  # what the API's functions call


def activate(action: Action) -> Tokens:
    """Make the action's span the parent of new spans, in this task and those that it starts."""
    # What `set_span_in_context` returns, in a fifth of the calls.
    return _contexts.attach(Context({**_contexts.get_current(), _SPAN_KEY: action.span})), _set(action)


def deactivate(tokens: Tokens) -> None:
    """Undo `activate`. If an unawaited coroutine is closed in another context, there is nothing to undo."""
    try:
        _reset(tokens[1])
        _contexts.detach(tokens[0])
    except ValueError:
        return


class Work:
    """A coroutine that runs code of an action."""

    __slots__ = ("action", "running")

    def __init__(self, action: Action) -> None:
        self.action = action
        self.running = True
        action.work += 1

    def done(self) -> bool:
        """Mark it as ended. False if it already was."""
        if not self.running:
            return False
        self.running = False
        self.action.work -= 1
        return True
