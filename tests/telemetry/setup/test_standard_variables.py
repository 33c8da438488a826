"""Each cell of docs/reference.md's table of standard variables: what each way to start does with each of them."""

from __future__ import annotations

import json
import logging
import os
import platform
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import opentelemetry.environment_variables
import opentelemetry.instrumentation.environment_variables
import opentelemetry.sdk.environment_variables
import pytest
import trustme

from slashspan.errors import ConfigurationError
from slashspan.standard.table import BY_NAME, OTLP, VARIABLES, Treatment, Way
from slashspan.telemetry.setup.pipeline import CommandCallsSpanExporter
from tests.support import ROOT, plugins

PROBE = str(ROOT / "tests" / "bots" / "variables.py")
COMMANDS = {
    Way.RUN: [sys.executable, "-m", "slashspan", "run", PROBE],
    Way.CONFIGURE: [sys.executable, PROBE, "configure"],
    Way.DISTRO: [str(Path(sys.executable).parent / "opentelemetry-instrument"), sys.executable, PROBE],
}
SETS = {
    "grpc": {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"},
    "http, by signal": {},
    "insecure": {
        "OTEL_METRICS_EXPORTER": "none",
        "OTEL_LOGS_EXPORTER": "none",
        "OTEL_EXPORTER_OTLP_ENDPOINT": "host:1",
    },
    "insecure, by signal": {"OTEL_EXPORTER_OTLP_ENDPOINT": "host:1"},
    "credentials": {"OTEL_EXPORTER_OTLP_ENDPOINT": "https://host:1", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "grpc"},
    "grpc credentials, by signal": {"OTEL_EXPORTER_OTLP_ENDPOINT": "https://host:1"},
    "disabled": {},
    "file": {},
}
"""Sets of variables that are probed together; each in a process of its own."""
IN_ALL = {"OTEL_TRACES_EXPORTER": "command_calls,otlp", "OTEL_METRICS_EXPORTER": "otlp", "OTEL_LOGS_EXPORTER": "otlp"}
AT_START = "at start"
"""Not a set: variables that are read before the script begins."""
DECLARED = """
file_format: "1.0"
resource: {attributes: [{name: service.name, value: declared}]}
propagator: {composite: [{baggage: {}}]}
tracer_provider: {processors: [{batch: {exporter: {command_calls: {}}}}]}
"""


class Effect(NamedTuple):
    """What shows that a variable is honoured: in this set, with this value, the probe finds this."""

    among: str
    value: str
    place: tuple[str | int, ...]
    expected: Any


def _otlp_effects() -> dict[str, Effect]:
    all_files = ["certificate_chain", "private_key", "root_certificates"]
    effects = {
        "PROTOCOL": Effect("credentials", "http/protobuf", ("LOGS", "compression"), "none"),
        "ENDPOINT": Effect("grpc", "https://host:1", ("METRICS", "endpoint"), "host:1"),
        "HEADERS": Effect("grpc", "a=general", ("LOGS", "header"), "general"),
        "TIMEOUT": Effect("grpc", "3", ("TRACES", "timeout"), 3.0),
        "COMPRESSION": Effect("grpc", "gzip", ("METRICS", "compression"), "Gzip"),
        "INSECURE": Effect("insecure", "true", ("TRACES", "insecure"), True),
        "CERTIFICATE": Effect("grpc", "{ca}", ("files", 0), all_files),
        "CLIENT_CERTIFICATE": Effect("grpc", "{cert}", ("files", 1), all_files),
        "CLIENT_KEY": Effect("grpc", "{key}", ("files", 2), all_files),
    }
    found = {f"OTEL_EXPORTER_OTLP_{word}": effect for word, effect in effects.items()}
    http, insecure = "http, by signal", "insecure, by signal"
    for place, signal in enumerate(OTLP):
        ours = {
            "PROTOCOL": Effect(http, "http/protobuf", (signal, "session"), "PigeonSession"),
            "ENDPOINT": Effect(http, f"https://host/{signal}", (signal, "endpoint"), f"https://host/{signal}"),
            "HEADERS": Effect(http, f"a={signal}", (signal, "header"), signal),
            "TIMEOUT": Effect(http, str(4 + place), (signal, "timeout"), 4.0 + place),
            "COMPRESSION": Effect(http, "deflate", (signal, "compression"), "deflate"),
            "INSECURE": Effect(insecure, "true", (signal, "insecure"), True),
            "CERTIFICATE": Effect(http, "{ca}", (signal, "verify"), "{ca}"),
            "CLIENT_CERTIFICATE": Effect(http, "{cert}", (signal, "cert", 0), "{cert}"),
            "CLIENT_KEY": Effect(http, "{key}", (signal, "cert", 1), "{key}"),
        }
        found |= {f"OTEL_EXPORTER_OTLP_{signal}_{word}": effect for word, effect in ours.items()}
        credentials = {
            "GRPC": Effect("grpc credentials, by signal", "grpc", (signal, "credentials"), "PigeonCredentials"),
            "HTTP": Effect(http, "http", (signal, "session"), "PigeonSession"),
        }
        for transport, effect in credentials.items():
            found[f"OTEL_PYTHON_EXPORTER_OTLP_{transport}_{signal}_CREDENTIAL_PROVIDER"] = effect
        # OpenTelemetry reads that of gRPC only beside a certificate of the same signal.
        SETS["grpc credentials, by signal"][f"OTEL_EXPORTER_OTLP_{signal}_CERTIFICATE"] = "{ca}"
    general = "OTEL_PYTHON_EXPORTER_OTLP_{}_CREDENTIAL_PROVIDER"
    found[general.format("GRPC")] = Effect("credentials", "grpc", ("TRACES", "credentials"), "PigeonCredentials")
    found[general.format("HTTP")] = Effect("credentials", "http", ("METRICS", "session"), "PigeonSession")
    return found


EFFECTS = {
    "OTEL_SDK_DISABLED": Effect("disabled", "true", ("recorded",), False),
    "OTEL_CONFIG_FILE": Effect("file", "{file}", ("resource", "service.name"), "declared"),
    "OTEL_SERVICE_NAME": Effect(AT_START, "probed", ("resource", "service.name"), "probed"),
    "OTEL_RESOURCE_ATTRIBUTES": Effect("grpc", "team=blue%20ones", ("resource", "team"), "blue ones"),
    "OTEL_EXPERIMENTAL_RESOURCE_DETECTORS": Effect("grpc", "os", ("resource", "os.type"), platform.system().lower()),
    "OTEL_LOG_LEVEL": Effect("grpc", "ERROR", ("log level",), logging.ERROR),
    "OTEL_PROPAGATORS": Effect(AT_START, "pigeon", ("propagated",), ["x-pigeon"]),
    "OTEL_PYTHON_CONTEXT": Effect(AT_START, "pigeon", ("context",), "PigeonContext"),
    "OTEL_PYTHON_TRACER_PROVIDER": Effect(
        "insecure", "default_tracer_provider", ("global providers", 0), "NoOpTracerProvider"
    ),
    "OTEL_PYTHON_METER_PROVIDER": Effect(
        "insecure", "default_meter_provider", ("global providers", 1), "NoOpMeterProvider"
    ),
    "OTEL_PYTHON_LOGGER_PROVIDER": Effect("insecure", "sdk_logger_provider", ("global providers", 2), "LoggerProvider"),
    "OTEL_PYTHON_ID_GENERATOR": Effect("grpc", "pigeon", ("ids",), "PigeonIds"),
    "OTEL_TRACES_EXPORTER": Effect("grpc", "otlp,command_calls", ("exporters",), ["otlp", "command_calls"]),
    "OTEL_METRICS_EXPORTER": Effect("grpc", "otlp", ("METRICS", "endpoint"), "host:1"),
    "OTEL_LOGS_EXPORTER": Effect("grpc", "otlp", ("LOGS", "endpoint"), "host:1"),
    "OTEL_TRACES_SAMPLER": Effect("grpc", "traceidratio", ("sampler",), "UserActionsRecorded{TraceIdRatioBased{0.25}}"),
    "OTEL_TRACES_SAMPLER_ARG": Effect("grpc", "0.25", ("sampler",), "UserActionsRecorded{TraceIdRatioBased{0.25}}"),
    "OTEL_PYTHON_TRACER_CONFIGURATOR": Effect("grpc", "quiet", ("noisy tracer",), False),
    "OTEL_PYTHON_METER_CONFIGURATOR": Effect("grpc", "quiet", ("noisy meter",), False),
    "OTEL_PYTHON_LOGGER_CONFIGURATOR": Effect("grpc", "quiet", ("noisy logger",), False),
    "OTEL_PYTHON_SDK_INTERNAL_METRICS_ENABLED": Effect("grpc", "true", ("self metrics",), "ProcessorMetrics"),
    "OTEL_BSP_SCHEDULE_DELAY": Effect("grpc", "7000", ("rows", 0), 7000),
    "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": Effect("grpc", "70", ("rows", 1), 70),
    "OTEL_BSP_MAX_QUEUE_SIZE": Effect("grpc", "700", ("rows", 2), 700),
    "OTEL_ATTRIBUTE_COUNT_LIMIT": Effect("grpc", "201", ("limits", "max_attributes"), 201),
    "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT": Effect("grpc", "202", ("limits", "max_attribute_length"), 202),
    "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT": Effect("grpc", "203", ("limits", "max_span_attributes"), 203),
    "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT": Effect("grpc", "204", ("limits", "max_span_attribute_length"), 204),
    "OTEL_SPAN_EVENT_COUNT_LIMIT": Effect("grpc", "205", ("limits", "max_events"), 205),
    "OTEL_SPAN_LINK_COUNT_LIMIT": Effect("grpc", "206", ("limits", "max_links"), 206),
    "OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT": Effect("grpc", "207", ("limits", "max_event_attributes"), 207),
    "OTEL_LINK_ATTRIBUTE_COUNT_LIMIT": Effect("grpc", "208", ("limits", "max_link_attributes"), 208),
    **_otlp_effects(),
    "OTEL_PYTHON_EXPORTER_OTLP_GRPC_RETRYABLE_ERROR_CODES": Effect(
        "grpc", "unavailable,ABORTED", ("TRACES", "retried"), ["ABORTED", "UNAVAILABLE"]
    ),
    "OTEL_METRIC_EXPORT_INTERVAL": Effect("grpc", "8000", ("metric export", 0), 8000),
    "OTEL_METRIC_EXPORT_TIMEOUT": Effect("grpc", "800", ("metric export", 1), 800),
    "OTEL_METRICS_EXEMPLAR_FILTER": Effect("grpc", "always_off", ("exemplars",), "AlwaysOffExemplarFilter"),
    "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE": Effect("grpc", "Delta", ("counters",), "DELTA"),
    "OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION": Effect(
        "grpc", "base2_exponential_bucket_histogram", ("histograms",), "ExponentialBucketHistogramAggregation"
    ),
    "OTEL_EXPORTER_PROMETHEUS_HOST": Effect("http, by signal", "0.0.0.0", ("served at", 0), "0.0.0.0"),
    "OTEL_EXPORTER_PROMETHEUS_PORT": Effect("http, by signal", "{port}", ("served at", 1), "{port}"),
    "OTEL_BLRP_SCHEDULE_DELAY": Effect("grpc", "9000", ("log records", 0), 9000),
    "OTEL_BLRP_MAX_EXPORT_BATCH_SIZE": Effect("grpc", "90", ("log records", 1), 90),
    "OTEL_BLRP_MAX_QUEUE_SIZE": Effect("grpc", "900", ("log records", 2), 900),
    "OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT": Effect("grpc", "301", ("log limits", "max_log_record_attributes"), 301),
    "OTEL_LOGRECORD_ATTRIBUTE_VALUE_LENGTH_LIMIT": Effect(
        "grpc", "302", ("log limits", "max_log_record_attribute_length"), 302
    ),
    "OTEL_PYTHON_LOG_CORRELATION": Effect("grpc", "true", ("correlation", 0), True),
    "OTEL_PYTHON_LOG_FORMAT": Effect("grpc", "ours %(message)s", ("root formats", -1), "ours %(message)s"),
    "OTEL_PYTHON_LOG_LEVEL": Effect("grpc", "warning", ("correlation", 1), "warning"),
    "OTEL_PYTHON_LOG_AUTO_INSTRUMENTATION": Effect("http, by signal", "false", ("captured logs", 0), False),
    "OTEL_PYTHON_LOG_HANDLER_LEVEL": Effect("grpc", "error", ("captured logs", 1), "ERROR"),
    "OTEL_PYTHON_LOG_CODE_ATTRIBUTES": Effect("grpc", "true", ("captured logs", 2), True),
}
SETS["http, by signal"]["OTEL_METRICS_EXPORTER"] = "otlp,prometheus"
IN_OTHER_TESTS = {"OTEL_PYTHON_DISABLED_INSTRUMENTATIONS", "OTEL_PYTHON_DISTRO", "OTEL_PYTHON_CONFIGURATOR"}
"""Honoured under `opentelemetry-instrument`: test_distro.py."""


@pytest.mark.parametrize(
    "module",
    [
        opentelemetry.environment_variables,
        opentelemetry.sdk.environment_variables,
        opentelemetry.instrumentation.environment_variables,
    ],
    ids=lambda module: module.__name__,
)
def test_every_variable_of_opentelemetry_is_in_the_table(module: Any) -> None:
    known = {value for value in vars(module).values() if isinstance(value, str) and value.startswith("OTEL_")}
    assert known
    assert known <= set(BY_NAME)


def test_every_honoured_variable_has_an_effect_to_look_for() -> None:
    honoured = {
        variable.name
        for variable in VARIABLES
        if any(variable.treatment(way) is Treatment.HONOURED for way in COMMANDS)
    }
    assert honoured == set(EFFECTS) | IN_OTHER_TESTS


class Probed(NamedTuple):
    sets: dict[str, dict[str, Any]]
    """What was found, by the name of the set."""
    output: list[str]
    """Lines on stderr."""
    filled_in: dict[str, str]
    """Paths and ports that stand for {…}."""


def probe(way: Way, folder: Path, at_start: dict[str, str]) -> Probed:
    authority = trustme.CA()
    issued = authority.issue_cert("host")
    files = {"ca": authority.cert_pem, "cert": issued.cert_chain_pems[0], "key": issued.private_key_pem}
    filled_in = {name: str(folder / f"{name}.pem") for name in files}
    for name, pem in files.items():
        pem.write_to_path(filled_in[name])
    (folder / "otel.yaml").write_text(DECLARED)
    with socket.socket() as free:
        free.bind(("0.0.0.0", 0))
        filled_in |= {"file": str(folder / "otel.yaml"), "port": str(free.getsockname()[1])}
    sets = {name: {**IN_ALL, **given} for name, given in SETS.items()}
    for name, effect in EFFECTS.items():
        if BY_NAME[name].treatment(way) is Treatment.HONOURED:
            (at_start if effect.among == AT_START else sets[effect.among])[name] = effect.value
    probed_sets = [{name: value.format(**filled_in) for name, value in given.items()} for given in sets.values()]
    plugins.install(folder / "plugins")
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "SLASHSPAN_"))}
    ended = subprocess.run(
        COMMANDS[way],
        cwd=folder,
        env={
            **inherited,
            "PYTHONPATH": str(folder / "plugins"),
            "PROBED_SETS": json.dumps(probed_sets),
            "SLASHSPAN_SPOOL": "off",
            "OTEL_PYTHON_DISTRO": "slashspan",
            **at_start,
        },
        capture_output=True,
        text=True,
        check=False,
    )
    lines = ended.stdout.splitlines()
    assert len(lines) == len(sets), ended.stderr
    assert all(lines), ended.stderr
    return Probed(dict(zip(sets, map(json.loads, lines), strict=True)), ended.stderr.splitlines(), filled_in)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the probe forks")
@pytest.mark.parametrize("way", COMMANDS, ids=lambda way: way.name.lower())
def test_each_variable_is_treated_as_the_table_says(way: Way, tmp_path: Path) -> None:
    by_treatment = {
        treatment: [variable for variable in VARIABLES if variable.treatment(way) is treatment]
        for treatment in Treatment
    }
    at_start = {variable.name: "carrier-pigeon" for variable in by_treatment[Treatment.NOT_OURS]}
    at_start |= {variable.name: "30000" for variable in by_treatment[Treatment.IGNORED]}
    probed = probe(way, tmp_path, at_start)
    wrong = {}
    for variable in by_treatment[Treatment.HONOURED]:
        if variable.name in IN_OTHER_TESTS:
            continue
        effect = EFFECTS[variable.name]
        found: Any = probed.sets["grpc" if effect.among == AT_START else effect.among]
        try:
            for step in effect.place:
                found = found[step]
        except (KeyError, IndexError, TypeError) as error:
            found = repr(error)
        expected = effect.expected
        if isinstance(expected, str) and expected.startswith("{"):
            expected = expected.format(**probed.filled_in)
        if found != expected and str(found) != expected:
            wrong[variable.name] = (expected, found)
    assert not wrong, probed.output
    assert probed.sets["file"]["propagated"] == ["baggage"]
    ignored = [variable.name for variable in by_treatment[Treatment.IGNORED]]
    not_logged = [name for name in ignored if not any(f"{name}='30000' is ignored" in line for line in probed.output)]
    assert not not_logged, probed.output
    ours = [line for line in probed.output if "is ignored" in line or "does not record" in line]
    assert not [v.name for v in by_treatment[Treatment.NOT_OURS] if any(v.name in line for line in ours)]


def test_the_exporter_alone_reads_only_its_own_variables(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("SLASHSPAN_DSN", f"sqlite:///{tmp_path / 'calls.db'}")
    for variable in VARIABLES:
        if variable.exporter is Treatment.NOT_OURS:
            monkeypatch.setenv(variable.name, "carrier-pigeon")
    honoured = {variable.name for variable in VARIABLES if variable.exporter is Treatment.HONOURED}
    assert honoured == {"OTEL_BSP_MAX_QUEUE_SIZE", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE"}
    exporter = CommandCallsSpanExporter()
    exporter.shutdown()
    said = [record.getMessage() for record in caplog.records if record.name == "slashspan"]
    said = [line for line in said if "BatchSpanProcessor of another setup" not in line]
    assert not [line for line in said for variable in VARIABLES if variable.name in line]
    for name in honoured:
        with monkeypatch.context() as patched:
            patched.setenv(name, "9" * 20)
            with pytest.raises(ConfigurationError, match=rf"^{name}='9+': must be a whole number from 1 to"):
                CommandCallsSpanExporter()
