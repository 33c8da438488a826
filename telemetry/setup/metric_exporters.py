"""`OTEL_METRICS_EXPORTER`: where the bot's metrics go. By default nowhere, and no MeterProvider is created."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING, Any, Final

from opentelemetry import metrics
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricExporter, MetricReader, PeriodicExportingMetricReader

from slashspan.errors import ConfigurationError
from slashspan.exporters.common import at_fork
from slashspan.exporters.common.at_fork import ForkAware
from slashspan.telemetry.setup import providers, standard
from slashspan.telemetry.setup.signal_exporters import METRICS

if TYPE_CHECKING:
    from opentelemetry.sdk.resources import Resource

    from slashspan.signal_settings import MetricSettings

PROMETHEUS: Final = "prometheus"

_log = logging.getLogger("slashspan")


class Metrics:
    """A MeterProvider of ours and what serves its metrics; `shutdown` exports them a last time."""

    def __init__(self, provider: MeterProvider, server: PrometheusServer | None = None) -> None:
        self._provider = provider
        self._server = server
        providers.METRICS.stand_in(provider)

    def force_flush(self, seconds: float) -> bool:
        """Export now, within `seconds`. Never raises."""
        try:
            return self._provider.force_flush(seconds * 1000)
        except Exception as error:  # noqa: BLE001 - whatever somebody else's reader raises
            _log.warning("metrics could not be exported: %s", error)
            return False

    def shutdown(self, seconds: float) -> None:
        """Export a last time, within `seconds`. Never raises."""
        providers.METRICS.withdraw(self._provider)
        try:
            self._provider.shutdown(seconds * 1000)
        except Exception as error:  # noqa: BLE001 - whatever somebody else's reader raises; the bot is ending
            _log.warning("the last metrics could not be exported: %s", error)
        if self._server is not None:
            self._server.close()


class PrometheusServer(ForkAware):
    """Serves the metrics of the process, also those that the bot has registered with `prometheus_client`.

    The class behind the entry point would leave a collector behind where the port is taken, and its server at the end.
    Raises OSError.
    """

    def __init__(self, host: str, port: int) -> None:
        from prometheus_client import start_http_server

        self._server, self._thread = start_http_server(port, host)
        at_fork.register(self)

    def after_fork_in_child(self) -> None:
        """Nothing in the child answers; a copy of the socket would keep the port after the parent's end."""
        self._server.server_close()

    def close(self) -> None:
        """Free the port."""
        if self._thread.is_alive():  # not in a forked child
            self._server.shutdown()
        self._server.server_close()


def start(settings: MetricSettings, resource: Resource) -> Metrics | None:
    """A provider with the chosen exporters, global until the bot sets its own; None if it has one
    of its own, or nothing is left to export.

    Where a port is taken, as in the second process of a bot with shards, that exporter is one warning.
    Raises ConfigurationError.
    """
    if isinstance(metrics.get_meter_provider(), MeterProvider):
        _log.warning(
            "%s=%s is ignored: the bot has a MeterProvider of its own", METRICS.variable, ",".join(settings.exporters)
        )
        return None
    METRICS.check(settings.exporters, os.environ)
    made = [_reader(name, settings) for name in settings.exporters if name != PROMETHEUS]
    server = _serve(settings) if PROMETHEUS in settings.exporters else None
    if server is not None:
        from opentelemetry.exporter.prometheus import PrometheusMetricReader

        made.append(PrometheusMetricReader())
    if not made:
        return None
    configurator = standard.configurator(os.environ, "METER")
    provider = MeterProvider(made, resource=resource, shutdown_on_exit=False, _meter_configurator=configurator)
    return Metrics(provider, server)


def _reader(name: str, settings: MetricSettings) -> MetricReader:
    made: Any = METRICS.build(name)
    if isinstance(made, MetricExporter):
        return PeriodicExportingMetricReader(made, settings.interval_ms, settings.timeout_ms)
    if isinstance(made, MetricReader):
        return made
    raise ConfigurationError(f"{METRICS.variable}={name!r} is not a metric exporter")


def _serve(settings: MetricSettings) -> PrometheusServer | None:
    host, port = settings.prometheus_host, settings.prometheus_port
    try:
        return PrometheusServer(host, port)
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or error
        _log.warning(
            "%s=%s: metrics of this process are not served at %s:%d (%s); OTEL_EXPORTER_PROMETHEUS_PORT sets the port",
            *(METRICS.variable, PROMETHEUS, host, port, reason),
        )
        return None
