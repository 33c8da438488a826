"""The ids of our scope's spans: private ones, unless somebody has chosen a generator."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, Final, Protocol

from opentelemetry import trace

from slashspan import semconv
from slashspan.guard import guarded
from slashspan.private_ids import PrivateIds, random_bits

if TYPE_CHECKING:
    from opentelemetry.trace import Span, Tracer

REMEMBERED_IDS: Final = 4096
"""How many recent ids of a chosen generator are checked for repetition."""
_DEFAULT_GENERATOR: Final = ("opentelemetry.sdk.trace.id_generator", "RandomIdGenerator")


class IdGenerator(Protocol):
    """The SDK's interface, so that the instrumentation alone does not need the SDK."""

    def generate_span_id(self) -> int: ...

    def generate_trace_id(self) -> int: ...

    def is_trace_id_random(self) -> bool: ...


class DistinctIds:
    """The ids of a chosen generator; an id that it repeats within a short time is replaced by a private one.

    `(called_at, span_id)` is the key of a row and the spool finds a record by span id: a generator that repeats itself
    would merge two actions.
    """

    def __init__(self, chosen: IdGenerator) -> None:
        self.chosen = chosen
        self._recent: set[int] = set()
        self._order: deque[int] = deque()

    def generate_span_id(self) -> int:
        return self._distinct(self.chosen.generate_span_id(), 64)

    def generate_trace_id(self) -> int:
        return self._distinct(self.chosen.generate_trace_id(), 128)

    def is_trace_id_random(self) -> bool:
        return self.chosen.is_trace_id_random()

    def _distinct(self, chosen: int, bits: int) -> int:
        while chosen in self._recent or not chosen:
            chosen = random_bits(bits)
        self._recent.add(chosen)
        self._order.append(chosen)
        if len(self._order) > REMEMBERED_IDS:
            self._recent.discard(self._order.popleft())
        return chosen


def with_private_ids(tracer: Tracer) -> Tracer:
    """`tracer`, with our own ids for its spans; the provider's other tracers are not changed.

    The tracer is used only by our scope. A generator other than the SDK's default was chosen by somebody who needs it
    (X-Ray requires the time in the trace id): it is kept, and checked for repetition.
    """
    if hasattr(tracer, "id_generator"):
        _replace_generator(tracer)
        return tracer
    return _LateTracer(tracer) if isinstance(tracer, trace.ProxyTracer) else tracer


@guarded
def _replace_generator(tracer: Any) -> None:
    current = tracer.id_generator
    if isinstance(current, (PrivateIds, DistinctIds)):
        return
    is_default = (type(current).__module__, type(current).__qualname__) == _DEFAULT_GENERATOR
    tracer.id_generator = PrivateIds() if is_default else DistinctIds(current)


class _LateTracer(trace.Tracer):
    """Our scope's tracer of a global provider that the bot has not set yet."""

    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer
        self._found = False

    def current(self) -> Tracer:
        """The provider's tracer, once there is a provider."""
        if not self._found:
            tracer = trace.get_tracer(semconv.SCOPE_NAME, semconv.SCOPE_VERSION)
            if not isinstance(tracer, trace.ProxyTracer):
                self._tracer, self._found = with_private_ids(tracer), True
        return self._tracer

    def start_span(self, *args: Any, **kwargs: Any) -> Span:
        return self.current().start_span(*args, **kwargs)

    def start_as_current_span(self, *args: Any, **kwargs: Any) -> Any:
        return self.current().start_as_current_span(*args, **kwargs)
