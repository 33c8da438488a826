"""`ext.tasks` loops: a fresh root span for each iteration, instead of the context of `.start()` for ever."""

from __future__ import annotations

import functools
import weakref
from typing import TYPE_CHECKING, Any

from discord.ext import tasks
from opentelemetry import context as context_api
from opentelemetry.context import Context
from opentelemetry.trace import SpanKind, set_span_in_context
from opentelemetry.trace.status import Status, StatusCode

from telemetry import outcomes
from telemetry.action import current_action

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from opentelemetry.trace import Tracer

    from telemetry.patching import Patches


class LoopHooks:
    """Swaps a loop's coroutine when the loop is started; loops that run already are left as they are."""

    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer
        self._swapped: weakref.WeakKeyDictionary[tasks.Loop[Any], Any] = weakref.WeakKeyDictionary()

    def install(self, patches: Patches) -> None:
        patches.wrap(tasks.Loop, "start", self._start)

    def restore(self) -> None:
        """Give every loop its own coroutine back."""
        for loop, coro in list(self._swapped.items()):
            loop.coro = coro
        self._swapped.clear()

    def _start(
        self, wrapped: Callable[..., Any], loop: tasks.Loop[Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        if loop not in self._swapped:
            self._swapped[loop] = loop.coro
            loop.coro = self._traced(loop.coro)
        return wrapped(*args, **kwargs)

    def _traced(self, coro: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        name = f"loop {coro.__qualname__}"

        @functools.wraps(coro)
        async def iteration(*args: Any, **kwargs: Any) -> Any:
            span = self._tracer.start_span(name, context=Context(), kind=SpanKind.INTERNAL)
            context = context_api.attach(set_span_in_context(span, Context()))
            action = current_action.set(None)
            try:
                return await coro(*args, **kwargs)
            except Exception as error:
                span.set_attribute("error.type", outcomes.type_name(error))
                span.set_status(Status(StatusCode.ERROR, outcomes.type_name(error)))
                raise
            finally:
                current_action.reset(action)
                context_api.detach(context)
                span.end()

        return iteration
