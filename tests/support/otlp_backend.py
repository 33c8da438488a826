"""An analytics backend that receives OTLP over gRPC, from bots or from a collector, and refuses it on request."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import defaultdict
from concurrent import futures
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import grpc
from google.rpc import error_details_pb2, status_pb2
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2, logs_service_pb2_grpc
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2, metrics_service_pb2_grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc

from tests.support.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence


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


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer to a request with spans; `Verdict()` accepts all of them."""

    refused: grpc.StatusCode | int | None = None
    """A status of gRPC, or of HTTP."""
    retry_after: float | None = None
    """Seconds that the answer asks to wait: RetryInfo, or the header Retry-After."""
    rejected: int = 0
    """How many of the spans are refused for good: a partial success."""


class Received:
    """Spans that a backend has accepted. `judge` decides about each request; set it to have some refused."""

    def __init__(self) -> None:
        self.judge: Callable[[Sequence[Any]], Verdict] = lambda _: Verdict()
        self.refusals = 0
        self._spans: list[Any] = []

    def take(self, request: Any) -> Verdict:
        spans = [span for part in request.resource_spans for scope in part.scope_spans for span in scope.spans]
        verdict = self.judge(spans)
        if verdict.refused is None:
            self._spans += spans[verdict.rejected :]
        else:
            self.refusals += 1
        return verdict

    @property
    def spans(self) -> list[Any]:
        return list(self._spans)

    def wait_for(self, count: int, seconds: float = 60.0) -> list[Any]:
        """Wait until that many spans have arrived."""
        deadline = time.monotonic() + seconds
        while len(self._spans) < count:
            assert time.monotonic() < deadline, f"{len(self._spans)} of {count} spans arrived"
            threading.Event().wait(0.02)
        return self.spans


def response(verdict: Verdict) -> Any:
    """What a backend that accepts spans answers."""
    answer = trace_service_pb2.ExportTraceServiceResponse()
    if verdict.rejected:
        answer.partial_success.rejected_spans = verdict.rejected
        answer.partial_success.error_message = "too old"
    return answer


class Backend(Received, trace_service_pb2_grpc.TraceServiceServicer):
    """The analytics backend, OTLP over gRPC on its own port; with TLS, if it has a certificate."""

    def __init__(self, certificate: grpc.ServerCredentials | None = None) -> None:
        super().__init__()
        self.port = free_port()
        self.authorizations: set[str] = set()
        self._certificate = certificate
        self.logs = Logs()
        self.metrics = Metrics()
        self._server: grpc.Server | None = None

    def start(self) -> None:
        self._server = grpc.server(futures.ThreadPoolExecutor(2))
        trace_service_pb2_grpc.add_TraceServiceServicer_to_server(self, self._server)  # type: ignore[no-untyped-call]
        logs_service_pb2_grpc.add_LogsServiceServicer_to_server(self.logs, self._server)  # type: ignore[no-untyped-call]
        metrics_service_pb2_grpc.add_MetricsServiceServicer_to_server(self.metrics, self._server)  # type: ignore[no-untyped-call]
        address = f"127.0.0.1:{self.port}"
        if self._certificate is None:
            self._server.add_insecure_port(address)
        else:
            self._server.add_secure_port(address, self._certificate)
        self._server.start()

    def stop(self) -> None:
        if self._server is not None:
            self._server.stop(None).wait()

    def Export(self, request: Any, context: Any) -> Any:
        self.authorizations |= {value for key, value in context.invocation_metadata() if key == "authorization"}
        verdict = self.take(request)
        if isinstance(verdict.refused, grpc.StatusCode):
            if verdict.retry_after is not None:
                wait = error_details_pb2.RetryInfo()
                wait.retry_delay.FromMilliseconds(int(verdict.retry_after * 1000))
                status = status_pb2.Status(code=verdict.refused.value[0])
                status.details.add().Pack(wait)
                context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
            context.abort(verdict.refused, "later")
        return response(verdict)


@contextlib.contextmanager
def running_backend(certificate: grpc.ServerCredentials | None = None) -> Iterator[Backend]:
    """A backend alone, to which bots send directly."""
    backend = Backend(certificate)
    backend.start()
    try:
        yield backend
    finally:
        backend.stop()
