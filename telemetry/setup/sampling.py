"""Sampling of traces that leaves rows complete: `OTEL_TRACES_SAMPLER`, or `SLASHSPAN_TRACE_RATIO`."""

from __future__ import annotations

import logging
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any, Final, cast

from opentelemetry import trace
from opentelemetry.sdk.trace.sampling import (
    ALWAYS_ON,
    DEFAULT_ON,
    Decision,
    ParentBased,
    Sampler,
    SamplingResult,
    TraceIdRatioBased,
)

from slashspan import semconv
from slashspan.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from opentelemetry.context import Context
    from opentelemetry.trace import Link, SpanKind
    from opentelemetry.trace.span import TraceState
    from opentelemetry.util.types import Attributes


VARIABLE: Final = "OTEL_TRACES_SAMPLER"
ARGUMENT: Final = "OTEL_TRACES_SAMPLER_ARG"
GROUP: Final = "opentelemetry_traces_sampler"
_KEEP_ALL: Final = ("always_on", "parentbased_always_on")
_BY_RATIO: Final = ("traceidratio", "parentbased_traceidratio")

_log = logging.getLogger("slashspan")


def sampler(environ: Mapping[str, str], ratio: float) -> Sampler:
    """For a provider that we create. `ratio` is that of `SLASHSPAN_TRACE_RATIO`.

    Raises ConfigurationError for an unknown sampler, an argument that it cannot use, or two ways to sample at once.
    """
    name = environ.get(VARIABLE, "").strip()
    if not name:
        return DEFAULT_ON if ratio == 1 else UserActionsRecorded(ParentBased(TraceIdRatioBased(ratio)))
    if ratio != 1:
        raise ConfigurationError(f"{VARIABLE}={name!r} and SLASHSPAN_TRACE_RATIO={ratio:g} both sample traces; set one")
    points = entry_points(group=GROUP)
    point = next((point for point in points if point.name == name), None)
    if point is None:
        raise ConfigurationError(f"{VARIABLE}={name!r}: must be one of: {', '.join(sorted({p.name for p in points}))}")
    argument = environ.get(ARGUMENT, "").strip()
    try:
        chosen: Any = point.load()(_ratio(argument) if name in _BY_RATIO else argument or None)
    except ConfigurationError:
        raise
    except Exception as error:
        raise ConfigurationError(f"{VARIABLE}={name!r} cannot be loaded: {type(error).__name__}: {error}") from error
    if not isinstance(chosen, Sampler):
        raise ConfigurationError(f"{VARIABLE}={name!r} is not a sampler")
    return UserActionsRecorded(chosen)


def log_what_is_sampled(environ: Mapping[str, str], ratio: float, *, rows: bool) -> None:
    """Where traces are left out: that this does not apply to rows; or, without `rows` of ours, that it may.

    A collector can make rows from the spans that it gets, for ClickHouse; whether it does is not known here.
    """
    name = environ.get(VARIABLE, "").strip()
    chosen = f"{VARIABLE}={name}" if name else f"SLASHSPAN_TRACE_RATIO={ratio:g}"
    if rows:
        if name and name not in _KEEP_ALL:
            _log.warning("%s applies to traces; rows in command_calls are never sampled", chosen)
    elif not _keeps_all(environ, name, ratio):
        _log.warning(
            "%s leaves out actions: rows that a collector makes of spans are incomplete. To have all rows and fewer "
            "traces, send all and sample in the collector (docs/collector.md)",
            chosen,
        )


def _keeps_all(environ: Mapping[str, str], name: str, ratio: float) -> bool:
    if name in _BY_RATIO:
        return _ratio(environ.get(ARGUMENT, "").strip()) == 1
    return name in _KEEP_ALL if name else ratio == 1


def _ratio(argument: str) -> float:
    try:
        ratio = float(argument or 1)
    except ValueError:
        ratio = -1
    if not 0 <= ratio <= 1:
        raise ConfigurationError(f"{ARGUMENT}={argument!r}: must be a number from 0 to 1")
    return ratio


class UserActionsRecorded(Sampler):
    """Samples the traces that another sampler chooses; all other user actions are still recorded, and become rows.

    Their spans are RECORD_ONLY: other exporters get neither them nor their children.
    """

    def __init__(self, chosen: Sampler) -> None:
        self._delegate = chosen
        self.samples_everything = chosen is DEFAULT_ON or chosen is ALWAYS_ON
        """So it need not be asked about a root span: `slashspan.action_span`."""

    def should_sample(
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: SpanKind | None = None,
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,
        trace_state: TraceState | None = None,
    ) -> SamplingResult:
        result = self._delegate.should_sample(parent_context, trace_id, name, kind, attributes, links, trace_state)
        if result.decision is Decision.DROP and attributes is not None and semconv.KIND in attributes:
            return SamplingResult(Decision.RECORD_ONLY, attributes, result.trace_state)
        return result

    def get_description(self) -> str:
        return f"UserActionsRecorded{{{self._delegate.get_description()}}}"


class ActionsRecorded(trace.TracerProvider):
    """The bot's provider, with `UserActionsRecorded` in the tracers that it makes for us; others are not changed."""

    def __init__(self, provider: trace.TracerProvider) -> None:
        self._provider = provider

    def get_tracer(self, *args: Any, **kwargs: Any) -> trace.Tracer:
        tracer: Any = self._provider.get_tracer(*args, **kwargs)
        chosen = getattr(tracer, "sampler", None)
        if isinstance(chosen, Sampler) and not isinstance(chosen, UserActionsRecorded):
            tracer.sampler = UserActionsRecorded(chosen)
        return cast("trace.Tracer", tracer)
