"""`OTEL_CONFIG_FILE`: declarative configuration, read and built by OpenTelemetry's own loader.

Its batch processors become ours: `command_calls: {}` has the spool and the shutdown of `slashspan run`, and what other
exporters get is retried from the spool. Sampler, limits, resource, propagators, metrics, logs and simple processors are
the loader's. As the specification says, no other `OTEL_*` variable has an effect; `SLASHSPAN_*` variables have.
"""

from __future__ import annotations

import contextlib
import logging
import os
import threading
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, Final

from opentelemetry.sdk.resources import Resource

from slashspan import service_name
from slashspan.errors import ConfigurationError
from slashspan.setting import NONE
from slashspan.settings import COMMAND_CALLS, Settings
from slashspan.standard.rules import GRPC, HTTP
from slashspan.telemetry.setup import providers
from slashspan.telemetry.setup.ids import id_generator
from slashspan.telemetry.setup.sampling import UserActionsRecorded
from slashspan.telemetry.setup.standard import set_log_level
from slashspan.telemetry.setup.trace_exporters import endpoint_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from opentelemetry.sdk._logs import LoggerProvider
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SpanExporter

    from slashspan.telemetry.setup.metric_exporters import Metrics
    from slashspan.telemetry.setup.trace_exporters import Endpoint

VARIABLE: Final = "OTEL_CONFIG_FILE"
INSTALLED_BY: Final = "pip install 'slashspan[config-file]'"
_BOUNDS: Final = {
    "schedule_delay": "OTEL_BSP_SCHEDULE_DELAY",
    "max_export_batch_size": "OTEL_BSP_MAX_EXPORT_BATCH_SIZE",
    "max_queue_size": "OTEL_BSP_MAX_QUEUE_SIZE",
}
"""Properties of a batch processor in the file, and the variables that mean the same."""
_PROTOCOLS: Final = {"otlp_grpc": GRPC, "otlp_http": HTTP}
_SAFE_MESSAGES: Final = ("additionalProperties", "required")
"""Kinds of schema errors whose message quotes names, and no values of the file."""


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch processor of the file."""

    name: str
    """Of its exporter."""
    properties: Any
    """Of its exporter."""
    processor: Any
    """The loader's BatchSpanProcessor or, for `command_calls`, SimpleSpanProcessor."""

    @classmethod
    def replacing(cls, processor: Any) -> Batch | None:
        """In place of this processor; None if it remains the loader's."""
        name, properties = _exporter(processor)
        if processor.batch is None and name != COMMAND_CALLS:
            return None
        return cls(name, properties, processor.batch or processor.simple)

    @property
    def endpoint(self) -> Endpoint | None:
        """Where it sends to, if it is an OTLP exporter."""
        protocol = _PROTOCOLS.get(self.name)
        if protocol is None:
            return None
        return endpoint_of(self.properties.endpoint or "", protocol, f"{VARIABLE}: endpoint")


@dataclass(frozen=True, slots=True)
class ConfigFile:
    """A loaded file."""

    path: str
    config: Any
    """The loader's OpenTelemetryConfiguration."""

    def __str__(self) -> str:
        return f"{VARIABLE}={self.path!r}"

    @classmethod
    def load(cls, environ: Mapping[str, str]) -> ConfigFile | None:
        """The file that `OTEL_CONFIG_FILE` names; None if it is not set. Raises ConfigurationError in one line."""
        path = environ.get(VARIABLE, "").strip()
        if not path:
            return None
        try:
            from opentelemetry.configuration import load_config_file
        except ImportError:
            raise ConfigurationError(f"{VARIABLE}={path!r} needs an extra: {INSTALLED_BY}") from None
        with _naming(path), _no_tracebacks_in_the_log():
            file = cls(path, load_config_file(path))
        file._check()
        return file

    def _check(self) -> None:
        """Raise ConfigurationError for what the loader's schema lets through."""
        from opentelemetry.configuration.file import create_propagator

        for batch in self.batches:
            if batch.name == COMMAND_CALLS and batch.properties:
                raise ConfigurationError(f"{self}: command_calls takes no properties, but the SLASHSPAN_* variables")
            try:
                Settings.from_environ(self.environ({}, batch))
            except ConfigurationError as error:
                raise ConfigurationError(f"{self}: {error}") from None
        with _naming(self.path):
            create_propagator(self.config.propagator)

    @property
    def _processors(self) -> list[Any]:
        provider = self.config.tracer_provider
        return [] if provider is None or self.config.disabled else provider.processors

    @property
    def batches(self) -> tuple[Batch, ...]:
        """The processors that ours replace: all of `command_calls`, and the batch processors of other exporters."""
        return tuple(batch for processor in self._processors if (batch := Batch.replacing(processor)) is not None)

    def environ(self, environ: Mapping[str, str], batch: Batch | None = None) -> dict[str, str]:
        """The variables in effect: `environ` without `OTEL_*`, and instead of these what the file says.

        With the bounds of `batch`, by default of the one for rows.
        """
        given = {name: value for name, value in environ.items() if not name.startswith("OTEL_")}
        names = dict.fromkeys(_exporter(processor)[0] for processor in self._processors)
        given["OTEL_TRACES_EXPORTER"] = ",".join(names) or NONE
        if batch is None:
            batch = next((batch for batch in self.batches if batch.name == COMMAND_CALLS), None)
        for key, name in _BOUNDS.items():
            if (value := getattr(batch and batch.processor, key, None)) is not None:
                given[name] = str(value or 1)
        return given

    def resource(self, given: Mapping[str, str]) -> Resource:
        """The file's resource. `given` takes precedence; the script names the service if nothing else does."""
        from opentelemetry.configuration.file import create_resource

        with _naming(self.path):
            resource = create_resource(self.config.resource)
        default = os.environ.get(service_name.VARIABLE) or service_name.process_name()
        attributes = dict(given)
        if attributes.get("service.name", default) == default:
            unnamed = service_name.is_unknown(str(resource.attributes.get("service.name", "")))
            attributes["service.name"] = default if unnamed else str(resource.attributes["service.name"])
        return resource.merge(Resource(attributes))

    def provider(self, resource: Resource) -> TracerProvider:
        """A provider with the file's sampler, limits and remaining processors; those of `batches` are missing."""
        from opentelemetry.configuration.file import create_tracer_provider

        remaining = [processor for processor in self._processors if Batch.replacing(processor) is None]
        declared = self.config.tracer_provider
        with _naming(self.path):
            config = replace(declared, processors=remaining)
            provider: TracerProvider = create_tracer_provider(config, resource, self.config.attribute_limits)
        provider.sampler = UserActionsRecorded(provider.sampler)
        if declared.id_generator is None:
            provider.id_generator = id_generator({})  # type: ignore[assignment] # declared too narrowly
        return provider

    def exporter(self, batch: Batch) -> SpanExporter:
        """The exporter of a batch other than `command_calls`."""
        from opentelemetry.configuration._tracer_provider import _create_span_exporter  # it has no public name

        with _naming(self.path):
            exporter: SpanExporter = _create_span_exporter(batch.processor.exporter)
        return exporter

    def start_others(self, resource: Resource) -> tuple[Metrics | None, FileLogs | None]:
        """Apply what the file says of propagators, metrics and logs; the latter two, if it declares any.

        Their providers are global until the bot sets its own.
        """
        from opentelemetry.configuration.file import (
            configure_propagator,
            create_logger_provider,
            create_meter_provider,
        )

        config = self.config
        if config.log_level is not None:
            set_log_level(config.log_level.value.rstrip("234"))
        with _naming(self.path):
            configure_propagator(config.propagator)
            metrics = None
            if config.meter_provider:
                from slashspan.telemetry.setup import metric_exporters

                metrics = metric_exporters.Metrics(create_meter_provider(config.meter_provider, resource))
            logs = config.logger_provider and FileLogs(
                create_logger_provider(config.logger_provider, resource, config.attribute_limits)
            )
        return metrics, logs

    def instrument_others(self) -> None:
        """Start the instrumentations that the file lists; ours is skipped, as it has been started."""
        from opentelemetry.configuration.instrumentation import configure_instrumentation

        configure_instrumentation(self.config.instrumentation_development)


class FileLogs:
    """The LoggerProvider of a file. Only what is emitted through OpenTelemetry's API reaches it."""

    emitted = 0
    """Not counted."""

    def __init__(self, provider: LoggerProvider) -> None:
        self._provider = provider
        providers.LOGS.stand_in(provider)

    def force_flush(self, seconds: float) -> bool:
        """Send what is queued, within about `seconds`."""
        return self._provider.force_flush(int(seconds * 1000))

    def shutdown(self, seconds: float) -> None:
        """Send what is queued, and wait for it for `seconds`."""
        providers.LOGS.withdraw(self._provider)
        thread = threading.Thread(target=self._provider.shutdown, name="slashspan-end-logs", daemon=True)
        thread.start()
        thread.join(seconds)


def _exporter(processor: Any) -> tuple[str, Any]:
    """The name and the properties of a processor's exporter."""
    declared = (processor.batch or processor.simple).exporter
    for field in fields(declared):
        if (properties := getattr(declared, field.name)) is not None:
            return field.name, properties
    name, properties = next(iter(declared.additional_properties.items()))
    return name, properties


@contextlib.contextmanager
def _naming(path: str) -> Iterator[None]:
    """Turn what the loader raises into a ConfigurationError in one line, which quotes no value of the file."""
    try:
        yield
    except ConfigurationError:
        raise
    except UnicodeDecodeError:
        raise ConfigurationError(f"{VARIABLE}={path!r} is not UTF-8 text") from None
    except Exception as error:  # noqa: BLE001 - whatever the loader, or a component that it creates, raises
        raise ConfigurationError(f"{VARIABLE}={path!r}: {_reason(error)}") from None


def _reason(error: Exception) -> str:
    from opentelemetry.configuration import ConfigurationError as LoaderError

    cause: Any = error.__cause__
    if hasattr(cause, "absolute_path"):  # jsonschema's
        place = ".".join(str(part) for part in cause.absolute_path) or "the file"
        if cause.validator in _SAFE_MESSAGES:
            return f"{place}: {cause.message}"
        return f"{place}: must have {cause.validator} {str(cause.validator_value)[:80]}"
    if (mark := getattr(cause, "problem_mark", None)) is not None:  # PyYAML's
        return f"line {mark.line + 1}: {cause.problem}"
    if hasattr(cause, "lineno"):  # json's
        return f"line {cause.lineno}: {cause.msg}"
    if isinstance(error, LoaderError):
        return str(error).split("\n", 1)[0]
    return f"cannot be set up ({type(error).__name__})"


@contextlib.contextmanager
def _no_tracebacks_in_the_log() -> Iterator[None]:
    """The loader logs what it also raises."""
    log = logging.getLogger("opentelemetry.configuration.file._loader")

    def passes(record: logging.LogRecord) -> bool:
        return record.levelno < logging.ERROR

    log.addFilter(passes)
    try:
        yield
    finally:
        log.removeFilter(passes)
