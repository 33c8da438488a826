"""Every standard variable, and what each way to start slashspan does with it.

The names are those of https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/, of the OTLP
exporters, and of the modules `environment_variables` of OpenTelemetry's API, SDK and instrumentation for Python.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Final

from slashspan.standard import rules
from slashspan.standard.rules import ANY, BOOLEAN, LARGEST_COUNT, LONGEST_MS, Rule, elsewhere, installed, one_of, whole

if TYPE_CHECKING:
    from collections.abc import Iterator


class Treatment(str, Enum):
    """What a way to start does with a variable."""

    HONOURED = "honoured"
    """It has its standard effect. A value that cannot be used is refused in one line."""
    REFUSED = "refused"
    """Nothing is recorded while it is set; one line says so."""
    IGNORED = "ignored, logged"
    NOT_OURS = "not ours"
    """slashspan neither reads it nor checks it."""


class Way(str, Enum):
    """How recording starts."""

    RUN = "`slashspan run`"
    CONFIGURE = "`slashspan.configure()`"
    DISTRO = "`opentelemetry-instrument`"
    """With OTEL_PYTHON_DISTRO=slashspan."""
    EXPORTER = "the exporter alone"
    """`command_calls` in a BatchSpanProcessor that somebody else has set up."""


class Use(str, Enum):
    """When the value of a variable matters."""

    ALWAYS = "always"
    PROVIDER = "our TracerProvider"
    TRACES = "traces"
    """Only in `OTEL_EXPORTER_OTLP_…` and `OTEL_EXPORTER_OTLP_TRACES_…`: the exporter `otlp`."""
    METRICS = "metrics"
    METRICS_OTLP = "metrics over OTLP"
    PROMETHEUS = "metrics for Prometheus"
    LOGS = "logs"
    LOGS_OTLP = "logs over OTLP"


@dataclass(frozen=True, slots=True)
class Variable:
    """One variable. `uses`: a value that cannot be used is refused only while one of them is in effect."""

    name: str
    rule: Rule
    uses: tuple[Use, ...] = (Use.ALWAYS,)
    run: Treatment = Treatment.HONOURED
    configure: Treatment = Treatment.HONOURED
    distro: Treatment = Treatment.HONOURED
    exporter: Treatment = Treatment.NOT_OURS
    note: str = ""
    secret: bool = False

    def treatment(self, way: Way) -> Treatment:
        return {
            Way.RUN: self.run,
            Way.CONFIGURE: self.configure,
            Way.DISTRO: self.distro,
            Way.EXPORTER: self.exporter,
        }[way]


def _ignored(name: str, rule: Rule, note: str, uses: tuple[Use, ...] = (Use.ALWAYS,)) -> Variable:
    return Variable(name, rule, uses, Treatment.IGNORED, Treatment.IGNORED, Treatment.IGNORED, note=note)


def _refused(name: str, rule: Rule, note: str) -> Variable:
    return Variable(name, rule, (Use.ALWAYS,), Treatment.REFUSED, Treatment.REFUSED, Treatment.REFUSED, note=note)


def _of_others(name: str, note: str, distro: Treatment = Treatment.NOT_OURS) -> Variable:
    return Variable(name, ANY, (), Treatment.NOT_OURS, Treatment.NOT_OURS, distro, note=note)


PROVIDER: Final = (Use.PROVIDER,)
OTLP: Final = {"TRACES": Use.TRACES, "METRICS": Use.METRICS_OTLP, "LOGS": Use.LOGS_OTLP}
"""By the word in the names of the variables."""


def _otlp(word: str, rule: Rule, note: str = "", *, secret: bool = False) -> Iterator[Variable]:
    """`OTEL_EXPORTER_OTLP_WORD`, and the variable of each signal, which wins."""
    yield Variable(f"OTEL_EXPORTER_OTLP_{word}", rule, tuple(OTLP.values()), note=note, secret=secret)
    for signal, use in OTLP.items():
        yield Variable(f"OTEL_EXPORTER_OTLP_{signal}_{word}", rule, (use,), secret=secret)


def _credentials() -> Iterator[Variable]:
    rule = installed("opentelemetry_otlp_credential_provider")
    for transport in ("GRPC", "HTTP"):
        prefix = f"OTEL_PYTHON_EXPORTER_OTLP_{transport}"
        yield Variable(f"{prefix}_CREDENTIAL_PROVIDER", rule, tuple(OTLP.values()))
        for signal, use in OTLP.items():
            yield Variable(f"{prefix}_{signal}_CREDENTIAL_PROVIDER", rule, (use,))


_LIMIT: Final = whole(0, LARGEST_COUNT)
_COUNT: Final = whole(1, LARGEST_COUNT)
_MS: Final = whole(1, LONGEST_MS, "ms")

VARIABLES: Final = (
    Variable(
        "OTEL_SDK_DISABLED", BOOLEAN, note="`true` turns everything off except propagators; no command becomes a row"
    ),
    Variable(
        "OTEL_CONFIG_FILE",
        elsewhere("a YAML or JSON file"),
        note="Needs the extra `config-file`; no other `OTEL_*` variable has an effect then",
    ),
    _refused("OTEL_EXPERIMENTAL_CONFIG_FILE", elsewhere("a file"), "Its name is now OTEL_CONFIG_FILE"),
    Variable("OTEL_SERVICE_NAME", ANY, PROVIDER, note="Default: the name of the script or module"),
    Variable("OTEL_RESOURCE_ATTRIBUTES", rules.PAIRS, PROVIDER),
    Variable(
        "OTEL_EXPERIMENTAL_RESOURCE_DETECTORS",
        installed("opentelemetry_resource_detector", "*", several=True),
        PROVIDER,
    ),
    _ignored("OTEL_ENTITIES", ANY, "OpenTelemetry for Python does not read it"),
    Variable(
        "OTEL_LOG_LEVEL",
        one_of("trace", "debug", "info", "warn", "error", "fatal", "none", any_case=True),
        note="The level of the loggers `opentelemetry` and `slashspan`",
    ),
    Variable(
        "OTEL_PROPAGATORS",
        installed("opentelemetry_propagator", "none", several=True),
        note="`opentelemetry-instrument` itself ends with a traceback for a name that is not installed",
    ),
    Variable("OTEL_PYTHON_CONTEXT", installed("opentelemetry_context")),
    Variable("OTEL_PYTHON_TRACER_PROVIDER", installed("opentelemetry_tracer_provider")),
    Variable("OTEL_PYTHON_METER_PROVIDER", installed("opentelemetry_meter_provider")),
    Variable("OTEL_PYTHON_LOGGER_PROVIDER", installed("opentelemetry_logger_provider"), (Use.LOGS,)),
    Variable("OTEL_PYTHON_ID_GENERATOR", installed("opentelemetry_id_generator"), PROVIDER),
    Variable("OTEL_TRACES_EXPORTER", elsewhere("names, comma-separated")),
    Variable("OTEL_METRICS_EXPORTER", elsewhere("names, comma-separated")),
    Variable("OTEL_LOGS_EXPORTER", elsewhere("names, comma-separated")),
    Variable(
        "OTEL_TRACES_SAMPLER",
        elsewhere("an entry point of `opentelemetry_traces_sampler`"),
        PROVIDER,
        note="Rows are never sampled",
    ),
    Variable("OTEL_TRACES_SAMPLER_ARG", elsewhere("as the sampler takes it; a ratio: 0 to 1"), PROVIDER),
    Variable("OTEL_PYTHON_TRACER_CONFIGURATOR", installed("_opentelemetry_tracer_configurator"), PROVIDER),
    Variable("OTEL_PYTHON_METER_CONFIGURATOR", installed("_opentelemetry_meter_configurator"), (Use.METRICS,)),
    Variable("OTEL_PYTHON_LOGGER_CONFIGURATOR", installed("_opentelemetry_logger_configurator"), (Use.LOGS,)),
    Variable("OTEL_PYTHON_SDK_INTERNAL_METRICS_ENABLED", BOOLEAN),
    Variable("OTEL_BSP_SCHEDULE_DELAY", _MS),
    Variable("OTEL_BSP_MAX_QUEUE_SIZE", _COUNT, exporter=Treatment.HONOURED),
    Variable("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", _COUNT, exporter=Treatment.HONOURED),
    _ignored("OTEL_BSP_EXPORT_TIMEOUT", _MS, "A batch is sent until the store or collector takes it"),
    Variable("OTEL_ATTRIBUTE_COUNT_LIMIT", _LIMIT, PROVIDER),
    Variable("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", _LIMIT, PROVIDER),
    Variable("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", _LIMIT, PROVIDER),
    Variable("OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", _LIMIT, PROVIDER),
    Variable("OTEL_SPAN_EVENT_COUNT_LIMIT", _LIMIT, PROVIDER),
    Variable("OTEL_SPAN_LINK_COUNT_LIMIT", _LIMIT, PROVIDER),
    Variable("OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT", _LIMIT, PROVIDER),
    Variable("OTEL_LINK_ATTRIBUTE_COUNT_LIMIT", _LIMIT, PROVIDER),
    *_otlp("PROTOCOL", rules.PROTOCOL, "Default: `grpc`"),
    *_otlp("ENDPOINT", rules.ENDPOINT, secret=True),
    *_otlp("HEADERS", rules.HEADERS, "Never shown", secret=True),
    *_otlp("TIMEOUT", rules.number(rules.LONGEST_SECONDS, "seconds"), "Seconds, as OpenTelemetry for Python reads it"),
    *_otlp("COMPRESSION", rules.COMPRESSION),
    *_otlp("INSECURE", BOOLEAN, "gRPC only"),
    *_otlp("CERTIFICATE", rules.CERTIFICATES),
    *_otlp("CLIENT_CERTIFICATE", rules.PEM, "With gRPC only together with `…_CERTIFICATE`"),
    *_otlp("CLIENT_KEY", rules.PEM),
    *_credentials(),
    Variable("OTEL_PYTHON_EXPORTER_OTLP_GRPC_RETRYABLE_ERROR_CODES", rules.STATUS_CODES, tuple(OTLP.values())),
    Variable("OTEL_METRIC_EXPORT_INTERVAL", _MS, (Use.METRICS,)),
    Variable("OTEL_METRIC_EXPORT_TIMEOUT", _MS, (Use.METRICS,)),
    Variable("OTEL_METRICS_EXEMPLAR_FILTER", one_of("always_on", "always_off", "trace_based"), (Use.METRICS,)),
    Variable(
        "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE",
        one_of("cumulative", "delta", "lowmemory", any_case=True),
        (Use.METRICS_OTLP,),
    ),
    Variable(
        "OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION",
        one_of("explicit_bucket_histogram", "base2_exponential_bucket_histogram"),
        (Use.METRICS_OTLP,),
    ),
    Variable("OTEL_EXPORTER_PROMETHEUS_HOST", ANY, (Use.PROMETHEUS,)),
    Variable("OTEL_EXPORTER_PROMETHEUS_PORT", whole(1, 65535), (Use.PROMETHEUS,)),
    Variable("OTEL_BLRP_SCHEDULE_DELAY", _MS, (Use.LOGS,)),
    Variable("OTEL_BLRP_MAX_QUEUE_SIZE", _COUNT, (Use.LOGS,)),
    Variable("OTEL_BLRP_MAX_EXPORT_BATCH_SIZE", _COUNT, (Use.LOGS,)),
    _ignored("OTEL_BLRP_EXPORT_TIMEOUT", _MS, "The SDK's processor has no use for it", (Use.LOGS,)),
    Variable("OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT", _LIMIT, (Use.LOGS,)),
    Variable("OTEL_LOGRECORD_ATTRIBUTE_VALUE_LENGTH_LIMIT", _LIMIT, (Use.LOGS,)),
    Variable("OTEL_PYTHON_LOG_AUTO_INSTRUMENTATION", BOOLEAN, (Use.LOGS,)),
    Variable("OTEL_PYTHON_LOG_HANDLER_LEVEL", elsewhere("a level of `logging`"), (Use.LOGS,)),
    Variable("OTEL_PYTHON_LOG_CODE_ATTRIBUTES", BOOLEAN, (Use.LOGS,)),
    Variable("OTEL_PYTHON_LOG_CORRELATION", BOOLEAN, note="Needs the extra `logs`"),
    Variable("OTEL_PYTHON_LOG_FORMAT", elsewhere("a format of `logging`"), note="With OTEL_PYTHON_LOG_CORRELATION"),
    Variable(
        "OTEL_PYTHON_LOG_LEVEL",
        elsewhere("`debug`, `info`, `warning`, `error`"),
        note="With OTEL_PYTHON_LOG_FORMAT",
    ),
    _of_others("OTEL_EXPORTER_ZIPKIN_ENDPOINT", "`opentelemetry-exporter-zipkin` reads it"),
    _of_others("OTEL_EXPORTER_ZIPKIN_TIMEOUT", "`opentelemetry-exporter-zipkin` reads it"),
    _of_others("OTEL_PYTHON_DISABLED_INSTRUMENTATIONS", "`discord` turns recording off", Treatment.HONOURED),
    _of_others("OTEL_PYTHON_DISTRO", "", Treatment.HONOURED),
    _of_others("OTEL_PYTHON_CONFIGURATOR", "", Treatment.HONOURED),
    _of_others(
        "OTEL_PYTHON_AUTO_INSTRUMENTATION_EXPERIMENTAL_GEVENT_PATCH",
        "Bots use asyncio",
    ),
    _of_others("OTEL_SEMCONV_STABILITY_OPT_IN", "Our spans have the stable names only"),
    _of_others("OTEL_PYTHON_LOGGING_AUTO_INSTRUMENTATION_ENABLED", "Deprecated"),
)
BY_NAME: Final = {variable.name: variable for variable in VARIABLES}
HONOURED_BY_THE_EXPORTER: Final = frozenset(
    variable.name for variable in VARIABLES if variable.exporter is Treatment.HONOURED
)
