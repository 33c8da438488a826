"""`ext.tasks` loops: a new root span for each iteration, instead of the context of `.start()` for ever.

`Loop` keeps its coroutine in the instance and looks it up for each iteration. A data descriptor on the class takes
precedence over the instance, so that running loops are reached, and nothing of ours remains in any of them.
"""

from __future__ import annotations

import asyncio
import functools
import weakref
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from discord.ext import tasks
from opentelemetry import context as context_api
from opentelemetry.context import Context
from opentelemetry.trace import INVALID_SPAN, SpanKind, set_span_in_context
from opentelemetry.trace.status import Status, StatusCode

from slashspan.guard import guarded
from slashspan.telemetry.instrument import outcomes
from slashspan.telemetry.instrument.action import current_action

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from contextvars import Token

    from opentelemetry.trace import Span, Tracer

    from slashspan.telemetry.instrument.action import Action
    from slashspan.telemetry.instrument.patching import Patches

    Coro = Callable[..., Awaitable[Any]]

_ATTRIBUTE: Final = "coro"
_UNTRACED: Final = "_slashspan_untraced"


class LoopHooks:
    """Traces all loops, from their next iteration on."""

    def __init__(self, tracer: Tracer, *, spans: bool = True) -> None:
        self._tracer = tracer
        self._spans = spans

    def install(self, patches: Patches) -> None:
        patches.add(tasks.Loop, _ATTRIBUTE, _TracedCoro(self.traced))

    def traced(self, loop: weakref.ref[tasks.Loop[Any]], coro: Coro) -> Coro:
        """`coro` with a span around it if the loop runs it."""
        name = f"loop {coro.__qualname__}"

        @functools.wraps(coro)
        async def iteration(*args: Any, **kwargs: Any) -> Any:
            running = loop()
            if running is None or running.get_task() is not asyncio.current_task():
                return await coro(*args, **kwargs)  # called directly, so a part of its caller
            begun = self._begin(name)
            try:
                return await coro(*args, **kwargs)
            except Exception as error:
                self._failed(begun, error)
                raise
            finally:
                self._end(begun)

        setattr(iteration, _UNTRACED, coro)
        return iteration

    @guarded
    def _begin(self, name: str) -> _Begun:
        if not self._spans:
            return _Begun(INVALID_SPAN, context_api.attach(Context()), current_action.set(None))
        span = self._tracer.start_span(name, context=Context(), kind=SpanKind.INTERNAL)
        return _Begun(span, context_api.attach(set_span_in_context(span, Context())), current_action.set(None))

    @guarded
    def _failed(self, begun: _Begun | None, error: Exception) -> None:
        if begun is not None:
            begun.span.set_attribute("error.type", outcomes.type_name(error))
            begun.span.set_status(Status(StatusCode.ERROR, outcomes.type_name(error)))

    @guarded
    def _end(self, begun: _Begun | None) -> None:
        if begun is not None:
            begun.span.end()
            try:
                current_action.reset(begun.action)
            except ValueError:  # closed in another context: there is nothing to undo
                return
            context_api.detach(begun.context)


class _Begun(NamedTuple):
    """An iteration's span, and the context before it."""

    span: Span
    context: Token[Context]
    action: Token[Action | None]


class _TracedCoro:
    """`Loop.coro` while instrumented: reading it gives the traced coroutine, the instance keeps its own."""

    def __init__(self, trace: Callable[[weakref.ref[tasks.Loop[Any]], Coro], Coro]) -> None:
        self._trace = trace
        # Weak references: the coroutine function refers to its loop through the bot's names, and would keep it alive.
        self._traced: weakref.WeakKeyDictionary[tasks.Loop[Any], weakref.ref[Coro]] = weakref.WeakKeyDictionary()

    def __get__(self, loop: tasks.Loop[Any] | None, _: type) -> Any:
        if loop is None:
            return self
        try:
            own = vars(loop)[_ATTRIBUTE]
        except KeyError:
            raise AttributeError(_ATTRIBUTE) from None
        known = self._traced.get(loop)
        traced = None if known is None else known()
        if traced is None or getattr(traced, _UNTRACED) is not own:
            traced = self._trace(weakref.ref(loop), own)
            self._traced[loop] = weakref.ref(traced)
        return traced

    def __set__(self, loop: tasks.Loop[Any], coro: Coro) -> None:
        # A cog's loop is a copy of the class's loop, made from what reading `coro` returned.
        vars(loop)[_ATTRIBUTE] = getattr(coro, _UNTRACED, coro)
