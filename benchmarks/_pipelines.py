"""Collectors of this repository between a load and where it ends: discarded, another collector, or ClickHouse."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import psutil

from tests.support.clickhouse_server import ClickhouseServer, clickhouse_server
from tests.support.collector import CONFIG, GATEWAY, Collector, running_collector
from tests.support.prometheus import served
from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

TOKEN: Final = "benchmark"
ONE_CORE: Final = {"GOMAXPROCS": "1"}
DRAIN_SECONDS: Final = 300.0
NULL_CONFIG: Final = """
receivers:
  otlp: {protocols: {grpc: {endpoint: "127.0.0.1:${env:OTLP_GRPC_PORT}"}}}
processors:
  memory_limiter: {check_interval: 1s, limit_mib: 512, spike_limit_mib: 128}
exporters: {nop: {}}
extensions: {health_check: {endpoint: "127.0.0.1:${env:HEALTH_PORT}"}}
service:
  extensions: [health_check]
  pipelines: {traces: {receivers: [otlp], processors: [memory_limiter], exporters: [nop]}}
  telemetry:
    logs: {level: warn}
    metrics: {readers: [{pull: {exporter: {prometheus: {host: 127.0.0.1, port: "${env:COLLECTOR_METRICS_PORT}"}}}}]}
"""


@dataclass(frozen=True, slots=True)
class Pipeline:
    """A running collector and what waits for its spans to arrive."""

    collector: Collector
    arrived: Callable[[], float]
    """How many spans have reached the end so far; of a gateway, how many commands."""
    clickhouse: ClickhouseServer | None = None

    def processes(self) -> dict[str, int]:
        """The processes whose CPU time counts."""
        found = {"collector": self.collector.pid}
        if self.clickhouse is not None:
            found["ClickHouse"] = self.clickhouse.pid
        return found

    def drain(self, before: float, count: int) -> None:
        """Wait until `count` more have arrived than `before`, and ClickHouse has merged what it wants to."""
        until(lambda: self.arrived() >= before + count, DRAIN_SECONDS)
        if self.clickhouse is not None:
            server = self.clickhouse
            until(lambda: not server.query("SELECT 1 FROM system.merges"), DRAIN_SECONDS)


@contextlib.contextmanager
def null_collector(folder: Path) -> Iterator[Pipeline]:
    """Receives, decodes and discards."""
    folder.mkdir()
    config = folder / "null.yaml"
    config.write_text(NULL_CONFIG, "utf-8")
    with running_collector(folder, ONE_CORE, config) as running:
        yield Pipeline(running, lambda: _accepted(running))


@contextlib.contextmanager
def to_backend(folder: Path, backend: Pipeline, *, fsync: bool) -> Iterator[Pipeline]:
    """collector-config.yaml, to another collector as its backend over OTLP."""
    folder.mkdir()
    environ = {
        "ANALYTICS_ENDPOINT": f"127.0.0.1:{backend.collector.grpc_port}",
        "ANALYTICS_INSECURE": "true",
        "COLLECTOR_FSYNC": str(fsync).lower(),
    }
    with running_collector(folder, ONE_CORE | environ, CONFIG) as running:
        yield Pipeline(running, backend.arrived)


@contextlib.contextmanager
def to_clickhouse(folder: Path, server: ClickhouseServer, *, fsync: bool) -> Iterator[Pipeline]:
    """collector-config.yaml, to ClickHouse."""
    folder.mkdir()
    environ = _clickhouse(server) | {"ANALYTICS_EXPORTER": "clickhouse", "COLLECTOR_FSYNC": str(fsync).lower()}
    with running_collector(folder, ONE_CORE | environ, CONFIG) as running:
        yield Pipeline(running, lambda: _count(server, "otel_traces"), server)


@contextlib.contextmanager
def gateway(folder: Path, server: ClickhouseServer, traces: Pipeline, wait: str = "1s") -> Iterator[Pipeline]:
    """collector-gateway.yaml: commands to ClickHouse and into metrics, a sample of traces to another collector, for
    whose decision they `wait` in memory."""
    folder.mkdir()
    environ = _clickhouse(server) | {
        "OTLP_TOKEN": TOKEN,
        "TRACE_STORE_ENDPOINT": f"127.0.0.1:{traces.collector.grpc_port}",
        "TRACE_STORE_INSECURE": "true",
        "SAMPLING_WAIT": wait,
    }
    with running_collector(folder, ONE_CORE | environ, GATEWAY) as running:
        yield Pipeline(running, lambda: _count(server, "otel_traces"), server)


@contextlib.contextmanager
def clickhouse(folder: Path) -> Iterator[ClickhouseServer]:
    """The engine, with slashspan's tables."""
    with clickhouse_server(folder) as server:
        make_tables(server)
        yield server


def make_tables(server: ClickhouseServer) -> None:
    command = [sys.executable, "-m", "slashspan", "migrate", "--dsn", server.dsn()]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def _clickhouse(server: ClickhouseServer) -> dict[str, str]:
    return {"CLICKHOUSE_ENDPOINT": server.url, "CLICKHOUSE_USER": server.user, "CLICKHOUSE_PASSWORD": server.password}


def _count(server: ClickhouseServer, table: str) -> float:
    return float(server.query(f"SELECT count() AS number FROM slashspan.{table}")[0]["number"])


def _accepted(running: Collector) -> float:
    return sum(served(running.own_metrics_port, "otelcol_receiver_accepted_spans"))


def cpu_seconds(pid: int) -> float:
    used = psutil.Process(pid).cpu_times()
    return float(used.user + used.system)


def memory_bytes(pid: int) -> int:
    """Of physical memory."""
    return int(psutil.Process(pid).memory_info().rss)
