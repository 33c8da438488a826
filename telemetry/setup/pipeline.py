"""The composition root: settings → provider, processors, exporters, instrumentation; and how they are shut down.

If the bot has set up an SDK TracerProvider, processors are added to it and nothing is replaced. Otherwise we create
one. It becomes the global provider only if an exporter for traces is configured, so that a bot can still set up its
own provider later.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import os
import threading
from typing import TYPE_CHECKING, Any, Final

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

from slashspan.errors import ConfigurationError
from slashspan.exporters.delivery.exporter import CommandCallsExporter
from slashspan.exporters.stores.errors import SchemaMismatch, StoreUnavailable
from slashspan.exporters.stores.factory import open_store
from slashspan.service_name import is_given, process_name
from slashspan.settings import COMMAND_CALLS, PREFIX, Settings, unknown_variables
from slashspan.standard.check import before_import
from slashspan.standard.table import HONOURED_BY_THE_EXPORTER
from slashspan.telemetry.setup import last_resort, otlp_logs, providers, signals, standard
from slashspan.telemetry.setup.config_file import ConfigFile
from slashspan.telemetry.setup.handle import Telemetry, end_with_the_process
from slashspan.telemetry.setup.ids import id_generator
from slashspan.telemetry.setup.log_correlation import LogCorrelation
from slashspan.telemetry.setup.processors import other_exporters, rows_bounds, rows_processor, trace_processor
from slashspan.telemetry.setup.sampling import ActionsRecorded, log_what_is_sampled, sampler
from slashspan.telemetry.setup.signal_exporters import METRICS
from slashspan.telemetry.setup.trace_exporters import OTLP
from slashspan.telemetry.setup.variables import naming_variables

if TYPE_CHECKING:
    from collections.abc import Mapping

    from slashspan.exporters.stores.base import Store
    from slashspan.telemetry.setup.config_file import FileLogs
    from slashspan.telemetry.setup.log_exporters import Logs
    from slashspan.telemetry.setup.metric_exporters import Metrics

START_CHECK_SECONDS: Final = 5.0
"""Time limit for checking the store when the bot starts; the bot starts in any case."""

_log = logging.getLogger("slashspan")
_lock = threading.Lock()
_running: Telemetry | None = None


def configure(
    *,
    service_name: str | None = None,
    service_version: str | None = None,
    environment: str | None = None,
    handle_sigterm: bool = False,
    environ: Mapping[str, str] | None = None,
    check_store: bool = True,
) -> Telemetry:
    """Record every user action of discord.py bots in this process, according to the settings in `environ`.

    `service_name`, `service_version` and `environment` are stored in rows and in the resource of our own provider;
    they take precedence over `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES`. With `handle_sigterm`, SIGTERM ends
    the bot like Ctrl-C. `environ` defaults to `os.environ`. Without `check_store`, the exporter's thread checks the
    store: for `slashspan run`, which has called `check` before it starts the bot.

    Call it before the bot runs, from the main thread. What was recorded is sent when the process ends, within 8 s
    (`SHUTDOWN_SECONDS`). Called again, it returns what is already running, and logs which arguments it ignores.

    Raises `slashspan.errors.ConfigurationError` immediately for an invalid setting, or a table that is not ours. If
    the store cannot be reached, a warning is logged and the bot starts; its rows are written when the store is
    available again.
    """
    import discord  # noqa: F401 - before the lock: under `slashspan run` this import starts recording, and calls us

    global _running
    with _lock, standard.without_empty_variables():
        if _running is not None and not _running.ended:
            given = {
                "service_name": service_name,
                "service_version": service_version,
                "environment": environment,
                "handle_sigterm": handle_sigterm or None,
                "environ": environ,
            }
            if ignored := [name for name, value in given.items() if value is not None]:
                _log.warning("slashspan is already configured; ignored in this call: %s", ", ".join(ignored))
            return _running
        environ = os.environ if environ is None else environ
        before_import(environ)
        last_resort.install()
        file = None if providers.of_the_bot() else ConfigFile.load(environ)
        environ = environ if file is None else file.environ(environ)
        settings = Settings.from_environ(environ)
        if unknown := unknown_variables(environ):
            _log.warning("unknown settings: %s; docs/reference.md lists all settings", ", ".join(unknown))
        if settings.off:
            if file is not None:
                _log.warning("%s: no span processor is declared, so nothing is recorded", file)
            return Telemetry(settings)
        attributes = {
            "service.name": service_name,
            "service.version": service_version,
            "deployment.environment.name": environment,
        }
        given_attributes = {key: value for key, value in attributes.items() if value is not None}
        telemetry = _build(settings, given_attributes, environ, file, check_store=check_store)
        _running = telemetry
    end_with_the_process(telemetry)
    if handle_sigterm:
        signals.on_sigterm()
    return telemetry


def check(environ: Mapping[str, str]) -> Settings:
    """Raise ConfigurationError for all that `configure` would refuse; create or check the table. Starts nothing."""
    file = ConfigFile.load(environ)
    environ = environ if file is None else file.environ(environ)
    settings = Settings.from_environ(environ)
    if settings.off:
        return settings
    with standard.without_empty_variables():
        standard.refuse_unusable(environ, settings, own_provider=True)
        if file is None:
            METRICS.check(settings.metrics.exporters, environ)
            _check_logs(settings, environ)
            _own_provider(settings, _resource({}), environ)
        else:
            file.provider(file.resource({})).shutdown()
        for other in other_exporters(settings, environ, file):
            other.exporter.shutdown()
        if COMMAND_CALLS in settings.exporters:
            store = open_store(settings.dsn, table=settings.table)
            _check(store)
            store.close(timeout=START_CHECK_SECONDS)
    return settings


# The SDK's metrics and logs are imported only where they are exported: they take time to load, and whatever lies in a
# bot's memory is visited by each full garbage collection.


def _check_logs(settings: Settings, environ: Mapping[str, str]) -> None:
    if settings.logs.exporters or settings.logs.correlation:
        from slashspan.telemetry.setup import log_exporters

        log_exporters.check(settings.logs, environ)


def _start_logs(settings: Settings, resource: Resource) -> Logs | None:
    if not settings.logs.exporters:
        return None
    from slashspan.telemetry.setup import log_exporters

    return log_exporters.start(settings.logs, resource)


def _start_metrics(settings: Settings, resource: Resource) -> Metrics | None:
    if not settings.metrics.exporters:
        return None
    from slashspan.telemetry.setup import metric_exporters

    return metric_exporters.start(settings.metrics, resource)


def _resource(given: Mapping[str, str]) -> Resource:
    named = "service.name" in given or is_given(os.environ)
    with naming_variables("the OpenTelemetry resource"):
        return Resource.create(dict(given) if named else {"service.name": process_name(), **given})


def _own_provider(settings: Settings, resource: Resource, environ: Mapping[str, str]) -> TracerProvider:
    chosen = sampler(environ, settings.trace_ratio) if settings.exporters else ALWAYS_OFF
    ids = id_generator(environ)
    with naming_variables("the OpenTelemetry SDK"):
        return TracerProvider(
            resource=resource,
            sampler=chosen,
            shutdown_on_exit=False,
            id_generator=ids,
            _tracer_configurator=standard.configurator(environ, "TRACER"),
        )


def _build(
    settings: Settings,
    given: Mapping[str, str],
    environ: Mapping[str, str],
    file: ConfigFile | None,
    *,
    check_store: bool,
) -> Telemetry:
    # Not for `check`: a command of `slashspan` is quicker by half without discord.py, which this imports.
    from slashspan.telemetry.instrument.instrumentor import DiscordInstrumentor

    existing = providers.of_the_bot() if settings.exporters else None
    ours = existing is None and file is None
    standard.refuse_unusable(environ, settings, own_provider=ours)
    METRICS.check(settings.metrics.exporters, environ)
    _check_logs(settings, environ)
    own: TracerProvider | None = None
    if existing is not None:
        resource = getattr(existing, "resource", None) or _resource(given)
    elif file is not None:
        resource = file.resource(given)
        own = file.provider(resource)
    else:
        resource = _resource(given)
        own = _own_provider(settings, resource, environ)
    provider: Any = own or existing
    others = other_exporters(settings, environ, file)
    store = open_store(settings.dsn, table=settings.table) if COMMAND_CALLS in settings.exporters else None
    if store is not None and check_store:
        _check(store)
    otlp_logs.hide_urls()
    # Nothing of ours is refused from here on. Metrics come before the instruments of the processors.
    metrics: Metrics | None
    logs: Logs | FileLogs | None
    if file is None:
        metrics = _start_metrics(settings, resource)
        logs = _start_logs(settings, resource)
    else:
        metrics, logs = file.start_others(resource)
    correlation = LogCorrelation(settings.logs, provider) if settings.logs.correlation else None
    rows = None if store is None else rows_processor(store, settings, resource, environ)
    traces = [trace_processor(other, settings, resource, environ) for other in others]
    if own is not None and (traces or file is not None):
        providers.TRACES.stand_in(own)
    for processor in (rows, *traces):
        if processor is not None:
            provider.add_span_processor(processor)
    detail = any(name != COMMAND_CALLS for name in settings.exporters)
    if settings.exporters or metrics is not None:
        for_actions = provider if rows is None else ActionsRecorded(provider)
        DiscordInstrumentor().instrument(tracer_provider=for_actions, settings=settings, detail=detail)
    if file is not None:
        file.instrument_others()
    standard.apply(environ, settings, own_provider=ours)
    if ours and (rows is not None or OTLP in settings.exporters):
        log_what_is_sampled(environ, settings.trace_ratio, rows=rows is not None)
    return Telemetry(settings, rows, traces, own, metrics, logs, correlation)


def _check(store: Store) -> None:
    """Create or check the table before the bot starts: a table that is not ours must not be noticed by missing data."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        # If it cannot be reached, the exporter's thread logs it and keeps trying.
        with contextlib.suppress(StoreUnavailable):
            try:
                store.prepare(timeout=START_CHECK_SECONDS)
            except SchemaMismatch as error:
                raise ConfigurationError(f"SLASHSPAN_DSN: {store.address}: {error}") from error
    # Nothing may block a running loop: there the exporter's thread checks the table.


class CommandCallsSpanExporter(CommandCallsExporter):
    """The entry point `command_calls`: created without arguments, from the environment, for any BatchSpanProcessor."""

    def __init__(self) -> None:
        settings = Settings.from_environ(
            {
                name: value
                for name, value in os.environ.items()
                if name.startswith(PREFIX) or name in HONOURED_BY_THE_EXPORTER
            }
        )
        store = open_store(settings.dsn, table=settings.table)
        _check(store)
        super().__init__(store, **rows_bounds(settings, Resource.create()))
        _warn_about_foreign_processor()


@functools.cache
def _warn_about_foreign_processor() -> None:
    """Once per process."""
    _log.warning(
        "command_calls in a BatchSpanProcessor of another setup: spans are safe once they reach the exporter; if the "
        "process is killed, spans still in the memory of that processor and commands still running are lost. "
        "`slashspan run`, slashspan.configure() and OTEL_PYTHON_DISTRO=slashspan keep those too"
    )
