"""collector-config.yaml and collector-gateway.yaml: valid as they are, and a variable that is missing is named."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.support import ROOT
from tests.support.collector import CONFIG, GATEWAY, Collector, needs_collector, run_collector

if TYPE_CHECKING:
    from pathlib import Path

NEEDED = {
    CONFIG: {"ANALYTICS_ENDPOINT": "backend.example:4317"},
    GATEWAY: {"OTLP_TOKEN": "12345", "TRACE_STORE_ENDPOINT": "traces.example:4317"},
}
"""What each of them does not start without."""
TLS = {"OTLP_TLS": "true", "OTLP_CERT_FILE": "cert.pem", "OTLP_KEY_FILE": "key.pem"}
each_config = pytest.mark.parametrize("config", [CONFIG, GATEWAY], ids=lambda file: file.stem)


def variables(file: Path) -> set[str]:
    return set(re.findall(r"\$\{env:(\w+)", file.read_text("utf-8")))


def resolved(config: Path, folder: Path, environ: dict[str, str] | None = None) -> Any:
    """The configuration as the collector understands it."""
    done = run_collector(["print-config", "--config", str(config)], folder, NEEDED[config] | (environ or {}))
    assert done.returncode == 0, done.stderr
    return yaml.safe_load(done.stdout)


@needs_collector
@each_config
def test_a_configuration_is_valid_with_what_it_needs_and_nothing_else(config: Path, tmp_path: Path) -> None:
    done = run_collector(["validate", "--config", str(config)], tmp_path, NEEDED[config])
    assert done.returncode == 0, done.stderr


@needs_collector
@each_config
@pytest.mark.parametrize("exporter", ["otlp_grpc", "otlp_http", "clickhouse", "clickhouse,otlp_http"])
def test_one_variable_chooses_the_backend(exporter: str, config: Path, tmp_path: Path) -> None:
    found = resolved(config, tmp_path, {"ANALYTICS_EXPORTER": exporter})
    pipelines = found["service"]["pipelines"]
    wanted = exporter.split(",")
    assert pipelines["logs"]["exporters"] == wanted
    rows = pipelines["traces"] if config is CONFIG else pipelines["traces/rows"]
    assert [name for name in rows["exporters"] if name != "span_metrics"] == wanted


@needs_collector
@pytest.mark.parametrize(
    ("config", "missing", "given"),
    [
        (CONFIG, "ANALYTICS_ENDPOINT", {}),
        (CONFIG, "OTLP_CERT_FILE", {"OTLP_TLS": "true", "OTLP_KEY_FILE": "key.pem"}),
        (GATEWAY, "ANALYTICS_ENDPOINT", {"ANALYTICS_EXPORTER": "otlp_grpc"}),
        (GATEWAY, "OTLP_TOKEN", {}),
        (GATEWAY, "TRACE_STORE_ENDPOINT", {}),
        (GATEWAY, "OTLP_CERT_FILE", {"OTLP_TLS": "true", "OTLP_KEY_FILE": "key.pem"}),
    ],
)
def test_a_variable_that_is_missing_is_named_by_the_refusal(
    config: Path, missing: str, given: dict[str, str], tmp_path: Path
) -> None:
    environ = Collector(tmp_path, {**NEEDED[config], **given}).environ
    environ.pop(missing, None)
    done = run_collector(["--config", str(config)], tmp_path, environ)
    assert done.returncode == 1
    assert missing in done.stderr
    assert not {name for name in variables(config) if name in done.stderr} - {missing}


@needs_collector
@each_config
@pytest.mark.parametrize(
    ("variable", "wrong", "said"),
    [
        ("ANALYTICS_EXPORTER", "clickhose", 'exporter "clickhose" which is not configured'),
        ("METRICS_EXPORTER", "none", 'exporter "none" which is not configured'),
        ("PERSONAL_DATA", "hash", 'processor "transform/hash" which is not configured'),
        ("OTLP_TLS", "perhaps", "'perhaps' value expected 'true' or 'false'"),
        ("COLLECTOR_FSYNC", "perhaps", "'fsync' expected type 'bool'"),
    ],
)
def test_a_choice_that_does_not_exist_is_refused(
    variable: str, wrong: str, said: str, config: Path, tmp_path: Path
) -> None:
    done = run_collector(["validate", "--config", str(config)], tmp_path, NEEDED[config] | {variable: wrong})
    assert done.returncode == 1
    assert said in done.stderr


@needs_collector
@each_config
def test_nothing_is_dropped_for_its_age_or_a_full_queue_and_a_crash_loses_nothing(config: Path, tmp_path: Path) -> None:
    found = resolved(config, tmp_path)
    sending = {name: exporter for name, exporter in found["exporters"].items() if name != "prometheus"}
    assert {"otlp_grpc", "otlp_http", "clickhouse"} <= set(sending)
    for name, exporter in sending.items():
        assert exporter["retry_on_failure"]["max_elapsed_time"] == "0s", name
        assert exporter["sending_queue"]["storage"] == "file_storage", name
        sampled = name == "otlp_grpc/traces"
        assert exporter["sending_queue"]["block_on_overflow"] is not sampled, name
        assert (exporter["sending_queue"].get("batch") is None) is sampled, name
    assert found["extensions"]["file_storage"]["fsync"] is True
    for name, pipeline in found["service"]["pipelines"].items():
        assert pipeline["processors"][0] == "memory_limiter", name
        # Spans wait in memory for the decision about their trace anyway; nothing else does.
        batches = [processor for processor in pipeline["processors"] if processor.startswith("batch")]
        assert batches == (["batch/sampled"] if "tail_sampling" in pipeline["processors"] else []), name


@needs_collector
@each_config
def test_clickhouse_is_reached_as_the_variables_say_and_its_tables_are_left_to_migrate(
    config: Path, tmp_path: Path
) -> None:
    given = {
        "CLICKHOUSE_ENDPOINT": "https://clickhouse.example:8443",
        "CLICKHOUSE_DATABASE": "ladder",
        "CLICKHOUSE_USER": "collector",
        "CLICKHOUSE_PASSWORD": "hunter2",
        "CLICKHOUSE_CA_FILE": "own.pem",
    }
    found = resolved(config, tmp_path, given)["exporters"]["clickhouse"]
    assert (found["endpoint"], found["database"]) == ("https://clickhouse.example:8443", "ladder")
    assert (found["username"], found["password"]) == ("collector", "[REDACTED]")
    assert found["tls"]["ca_file"] == "own.pem"
    assert found["create_schema"] is False
    assert found["async_insert"] is False


@needs_collector
@each_config
def test_only_this_host_can_reach_it_unless_it_is_told_otherwise(config: Path, tmp_path: Path) -> None:
    found = resolved(config, tmp_path)
    protocols = found["receivers"]["otlp"]["protocols"]
    endpoints = [protocol["endpoint"] for protocol in protocols.values()]
    endpoints += [found["extensions"]["health_check"]["endpoint"], found["exporters"]["prometheus"]["endpoint"]]
    endpoints += [
        reader["pull"]["exporter"]["prometheus"]["host"]
        for reader in found["service"]["telemetry"]["metrics"]["readers"]
    ]
    assert {endpoint.partition(":")[0] for endpoint in endpoints} == {"127.0.0.1"}


def test_what_both_configurations_have_is_the_same() -> None:
    one, gateway = (yaml.safe_load(file.read_text("utf-8")) for file in (CONFIG, GATEWAY))
    for part in ("exporters", "extensions", "processors"):
        for name in one[part].keys() - {"bearertokenauth"}:
            assert gateway[part][name] == one[part][name], name
    assert gateway["service"]["telemetry"] == one["service"]["telemetry"]


@each_config
def test_every_variable_is_documented(config: Path) -> None:
    page = (ROOT / "docs" / "collector.md").read_text("utf-8")
    rows = [line for line in page.splitlines() if line.startswith("| `")]
    documented = {name for line in rows for name in re.findall(r"`([A-Z][A-Z_]+)`", line.split("|")[1])}
    assert variables(config) <= documented
    assert documented <= variables(CONFIG) | variables(GATEWAY)
