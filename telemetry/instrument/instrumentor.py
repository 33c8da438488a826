"""`DiscordInstrumentor`: discord.py → spans and metrics, like any OpenTelemetry instrumentation."""

from __future__ import annotations

import functools
import logging
import os
from typing import TYPE_CHECKING, Any

import discord
from opentelemetry import metrics, trace
from opentelemetry.instrumentation.instrumentor import BaseInstrumentor  # type: ignore[attr-defined]

from slashspan import guard, semconv
from slashspan.settings import Settings
from slashspan.telemetry.instrument import checkpoints, flows, gateway, privacy
from slashspan.telemetry.instrument.hooks import context
from slashspan.telemetry.instrument.hooks.app_commands import AppCommandHooks
from slashspan.telemetry.instrument.hooks.components import ComponentHooks
from slashspan.telemetry.instrument.hooks.loops import LoopHooks
from slashspan.telemetry.instrument.hooks.prefix import PrefixHooks
from slashspan.telemetry.instrument.hooks.rate_limits import RateLimitHooks
from slashspan.telemetry.instrument.hooks.rest import RestHooks
from slashspan.telemetry.instrument.hooks.unanswered import Unanswered
from slashspan.telemetry.instrument.ids import with_private_ids
from slashspan.telemetry.instrument.loop_lag import LoopProbes
from slashspan.telemetry.instrument.metrics import Instruments
from slashspan.telemetry.instrument.package import _instruments
from slashspan.telemetry.instrument.patching import Patches
from slashspan.telemetry.instrument.recorder import Recorder

if TYPE_CHECKING:
    from collections.abc import Collection


_log = logging.getLogger("slashspan")


class DiscordInstrumentor(BaseInstrumentor):  # type: ignore[misc] # ships no types
    """Instruments discord.py, even under a bot that is already connected.

    `instrument(tracer_provider=…, meter_provider=…, settings=…, detail=True)`: the providers default to the global
    ones, the settings to `Settings.from_environ(os.environ)`. With `detail` off, as when only rows are written, REST
    requests get no spans and exceptions no stack; their times and types are kept. `request_hook(span, route)` and
    `response_hook(span, status)` are called with the span of each REST request.
    `uninstrument()` puts back every attribute that was patched. Commands that are running then are recorded when they
    end; with `interrupt=True`, for when nothing can be recorded any more, they are recorded as interrupted.
    """

    _patches: Patches | None = None
    _recorder: Recorder | None = None
    _probes: LoopProbes | None = None

    def instrumentation_dependencies(self) -> Collection[str]:
        return _instruments

    def _instrument(self, **kwargs: Any) -> None:
        settings: Settings = kwargs.get("settings") or Settings.from_environ(os.environ)
        tracer = with_private_ids(
            trace.get_tracer(semconv.SCOPE_NAME, semconv.SCOPE_VERSION, kwargs.get("tracer_provider"))
        )
        meter = metrics.get_meter(semconv.SCOPE_NAME, semconv.SCOPE_VERSION, kwargs.get("meter_provider"))
        detail: bool = kwargs.get("detail", True)
        probes = LoopProbes(lambda seconds: instruments.loop_lag(seconds))  # noqa: PLW0108 - they are made below
        shards = gateway.Shards(probes)
        instruments = Instruments(meter, latencies=shards.latencies, guild_count=shards.guild_count)
        recorder = Recorder(tracer, instruments, privacy.steps(settings), stacks=detail)
        unanswered = Unanswered(recorder)
        guard.raise_internal_errors(settings.raise_internal_errors)
        checkpoints.set_slow_ms(settings.slow_checkpoint_ms)
        flows.use_tracer(tracer)
        limits = RateLimitHooks()
        rest = RestHooks(
            recorder,
            limits,
            spans=detail and settings.rest_spans,
            request_hook=kwargs.get("request_hook"),
            response_hook=kwargs.get("response_hook"),
        )
        patches = Patches()
        for records, install in (
            ("the time of receipt, gateway metrics", functools.partial(gateway.install, shards=shards)),
            ("where the context of an action ends", context.install),
            ("slash commands, menus, autocomplete", AppCommandHooks(recorder).install),
            ("prefix commands", PrefixHooks(recorder).install),
            ("components, modals", ComponentHooks(recorder, unanswered).install),
            ("components answered by on_interaction", unanswered.install),
            ("acknowledgements, REST requests", rest.install),
            ("rate limits", limits.install),
            ("ext.tasks loops", LoopHooks(tracer, spans=settings.loop_spans).install),
        ):
            patches.install(records, install)
        if patches.missing:
            warning = f"unsupported discord.py {discord.__version__}: not recorded: {'; '.join(patches.missing)}"
            if settings.raise_internal_errors:
                patches.restore()
                raise RuntimeError(warning)
            _log.warning(warning)
        self._patches, self._recorder, self._probes = patches, recorder, probes

    def _uninstrument(self, **kwargs: Any) -> None:
        if self._patches is not None:
            self._patches.restore()
        if self._probes is not None:
            self._probes.stop()
        if self._recorder is not None:
            self._recorder.close(interrupt=kwargs.get("interrupt", False))
        flows.use_tracer(None)
        self._patches = self._recorder = self._probes = None
