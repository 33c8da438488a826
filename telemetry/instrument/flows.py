"""`slashspan.flow`: named work that is not a user action, with its own checkpoints. A span, never a row."""

from __future__ import annotations

import contextlib
import time
from contextvars import ContextVar
from typing import TYPE_CHECKING

from opentelemetry import context as context_api
from opentelemetry.trace import SpanKind, set_span_in_context
from opentelemetry.trace.status import Status, StatusCode

from slashspan.telemetry.instrument import outcomes

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextvars import Token

    from opentelemetry.context import Context
    from opentelemetry.trace import Span, Tracer


class Flow:
    """What checkpoints need to know about a running flow."""

    __slots__ = ("_monotonic_ns", "ended", "last_checkpoint_ns", "path", "span", "started_ns")

    def __init__(self, name: str, span: Span) -> None:
        self.path = f"flow.{name}"
        self.span = span
        self.started_ns = time.time_ns()
        self._monotonic_ns = time.perf_counter_ns()
        self.last_checkpoint_ns = 0
        self.ended = False

    def elapsed_ns(self) -> int:
        """Since its start, on the monotonic clock."""
        return time.perf_counter_ns() - self._monotonic_ns


current_flow: ContextVar[Flow | None] = ContextVar("slashspan_flow", default=None)
_tracer: Tracer | None = None


def use_tracer(tracer: Tracer | None) -> None:
    """The tracer of flows; None: flows do nothing."""
    global _tracer
    _tracer = tracer


@contextlib.contextmanager
def flow(name: str) -> Iterator[None]:
    """A block in which `checkpoint` records steps of `name`: for start-up, imports, nightly jobs.

    ```python
    import slashspan

    with slashspan.flow("season_reset"):
        ...  # archive the season
        slashspan.checkpoint("archived")
        ...  # begin another one
    ```
    Creates an INTERNAL span, a child of the current one. Does nothing without instrumentation. Exceptions propagate.
    """
    if _tracer is None:
        yield
        return
    span = _tracer.start_span(f"flow {name}", kind=SpanKind.INTERNAL)
    running = Flow(name, span)
    token = current_flow.set(running)
    context = context_api.attach(set_span_in_context(span))
    try:
        yield
    except BaseException as error:
        span.set_attribute("error.type", outcomes.type_name(error))
        span.set_status(Status(StatusCode.ERROR, outcomes.type_name(error)))
        raise
    finally:
        running.ended = True
        span.end(end_time=running.started_ns + running.elapsed_ns())
        _restore(token, context)


def _restore(token: Token[Flow | None], context: Token[Context]) -> None:
    try:
        current_flow.reset(token)
    except ValueError:  # a coroutine or generator that is closed in another context: there is nothing to undo
        return
    context_api.detach(context)
