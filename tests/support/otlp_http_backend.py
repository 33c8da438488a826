"""A backend that receives OTLP over HTTP, as protobuf, and refuses spans on request."""

from __future__ import annotations

import contextlib
import gzip
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

from opentelemetry.proto.collector.trace.v1 import trace_service_pb2

from tests.support.otlp_backend import Received, Verdict, response

if TYPE_CHECKING:
    from collections.abc import Iterator


class HttpBackend(Received):
    """Answers on http://127.0.0.1:`port`/v1/traces; `authorizations` are the headers that it has seen,
    `connections` the client's end of each request's connection."""

    def __init__(self) -> None:
        super().__init__()
        self.authorizations: set[str | None] = set()
        self.connections: list[tuple[str, int]] = []
        backend = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                backend.connections.append(self.client_address)
                backend.authorizations.add(self.headers.get("Authorization"))
                verdict = Verdict()
                if self.path == "/v1/traces":
                    verdict = backend.take(trace_service_pb2.ExportTraceServiceRequest.FromString(body))
                answer = b"" if verdict.refused else response(verdict).SerializeToString()
                self.send_response(verdict.refused if isinstance(verdict.refused, int) else 200)
                if verdict.retry_after is not None:
                    self.send_header("Retry-After", f"{verdict.retry_after:g}")
                self.send_header("Content-Type", "application/x-protobuf")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: object) -> None:
                """Not on the tests' output."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_port

    def serve(self) -> None:
        self._server.serve_forever(0.05)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@contextlib.contextmanager
def running_http_backend() -> Iterator[HttpBackend]:
    backend = HttpBackend()
    thread = threading.Thread(target=backend.serve, name="http-backend", daemon=True)
    thread.start()
    try:
        yield backend
    finally:
        backend.close()
        thread.join()
