"""A real OpenTelemetry Collector with this repository's collector-config.yaml, and a backend for it to send to."""

from __future__ import annotations

import contextlib
import os
import subprocess
import threading
import time
import urllib.request
from collections import defaultdict
from concurrent import futures
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc
from google.rpc import error_details_pb2, status_pb2
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2, logs_service_pb2_grpc
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2, metrics_service_pb2_grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc

from tests.support import ROOT
from tests.support.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

BINARY = ROOT / ".cache" / "collector" / "otelcol"
CONFIG = ROOT / "collector-config.yaml"


class Logs(logs_service_pb2_grpc.LogsServiceServicer):
    """What a backend has got of logs: each record with its resource. `refuse`: a status to answer with."""

    def __init__(self) -> None:
        self.refuse: grpc.StatusCode | None = None
        self.refused: list[str] = []
        self.records: list[tuple[Any, Any]] = []

    def Export(self, request: Any, context: Any) -> Any:
        got = [
            (part.resource, record)
            for part in request.resource_logs
            for scope in part.scope_logs
            for record in scope.log_records
        ]
        if self.refuse is not None:
            self.refused += [record.body.string_value for _, record in got]
            context.abort(self.refuse, "no")
        self.records += got
        return logs_service_pb2.ExportLogsServiceResponse()

    @property
    def bodies(self) -> list[str]:
        return [record.body.string_value for _, record in self.records]


class Metrics(metrics_service_pb2_grpc.MetricsServiceServicer):
    """What a backend has got of metrics: every export of each, by name, in their order."""

    def __init__(self) -> None:
        self.by_name: dict[str, list[Any]] = defaultdict(list)

    def Export(self, request: Any, _: Any) -> Any:
        for part in request.resource_metrics:
            for scope in part.scope_metrics:
                for metric in scope.metrics:
                    self.by_name[metric.name].append(metric)
        return metrics_service_pb2.ExportMetricsServiceResponse()


class Backend(trace_service_pb2_grpc.TraceServiceServicer):
    """The analytics backend, OTLP over gRPC on its own port. `refuse`: a status to answer with, plus RetryInfo."""

    def __init__(self) -> None:
        self.port = free_port()
        self.logs = Logs()
        self.metrics = Metrics()
        self.refuse: grpc.StatusCode | None = None
        self.refused = threading.Event()
        self._spans: list[Any] = []
        self._server: grpc.Server | None = None

    def start(self) -> None:
        self._server = grpc.server(futures.ThreadPoolExecutor(2))
        trace_service_pb2_grpc.add_TraceServiceServicer_to_server(self, self._server)  # type: ignore[no-untyped-call]
        logs_service_pb2_grpc.add_LogsServiceServicer_to_server(self.logs, self._server)  # type: ignore[no-untyped-call]
        metrics_service_pb2_grpc.add_MetricsServiceServicer_to_server(self.metrics, self._server)  # type: ignore[no-untyped-call]
        self._server.add_insecure_port(f"127.0.0.1:{self.port}")
        self._server.start()

    def stop(self) -> None:
        if self._server is not None:
            self._server.stop(None).wait()

    def Export(self, request: Any, context: Any) -> Any:
        if self.refuse is not None:
            self.refused.set()
            wait = error_details_pb2.RetryInfo()
            wait.retry_delay.FromMilliseconds(100)
            status = status_pb2.Status(code=self.refuse.value[0])
            status.details.add().Pack(wait)
            context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
            context.abort(self.refuse, "later")
        for resource in request.resource_spans:
            for scope in resource.scope_spans:
                self._spans.extend(scope.spans)
        return trace_service_pb2.ExportTraceServiceResponse()

    @property
    def spans(self) -> list[Any]:
        return list(self._spans)

    def wait_for(self, count: int, seconds: float = 40.0) -> list[Any]:
        """Wait until that many spans have arrived."""
        deadline = time.monotonic() + seconds
        while len(self._spans) < count:
            assert time.monotonic() < deadline, f"{len(self._spans)} of {count} spans arrived"
            threading.Event().wait(0.02)
        return self.spans


class Collector:
    """The binary on free loopback ports. `kill` sends SIGKILL; `start` may be called again afterwards."""

    def __init__(self, backend: Backend, folder: Path) -> None:
        self.grpc_port, self.http_port, self._health_port = free_port(), free_port(), free_port()
        self._folder = folder
        self._environ = {
            **os.environ,
            "ANALYTICS_ENDPOINT": f"127.0.0.1:{backend.port}",
            "ANALYTICS_INSECURE": "true",
            "OTLP_GRPC_PORT": str(self.grpc_port),
            "OTLP_HTTP_PORT": str(self.http_port),
            "HEALTH_PORT": str(self._health_port),
            "COLLECTOR_STORAGE": str(folder / "storage"),
        }
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with (self._folder / "collector.log").open("ab") as log:
            self._process = subprocess.Popen([BINARY, "--config", CONFIG], env=self._environ, stdout=log, stderr=log)
        deadline = time.monotonic() + 20
        while True:
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"http://127.0.0.1:{self._health_port}/", timeout=1).close()
                return
            assert self._process.poll() is None, self.log
            assert time.monotonic() < deadline, "the collector did not start"
            threading.Event().wait(0.05)

    @property
    def log(self) -> str:
        return (self._folder / "collector.log").read_text("utf-8")

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()


@contextlib.contextmanager
def running_backend() -> Iterator[Backend]:
    """A backend alone, to which bots send directly."""
    backend = Backend()
    backend.start()
    try:
        yield backend
    finally:
        backend.stop()


@contextlib.contextmanager
def collector(folder: Path) -> Iterator[tuple[Collector, Backend]]:
    """A collector and its backend, both running."""
    with running_backend() as backend:
        running = Collector(backend, folder)
        running.start()
        try:
            yield running, backend
        finally:
            running.kill()
