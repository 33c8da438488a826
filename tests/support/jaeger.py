"""A real trace store, Jaeger, which a collector sends to and tests ask through its API."""

from __future__ import annotations

import contextlib
import json
import subprocess
import urllib.parse
import urllib.request
from typing import TYPE_CHECKING, Any, Final

from tests.support import ROOT
from tests.support.ports import free_port
from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BINARY: Final = ROOT / ".cache" / "jaeger" / "jaeger"
MOST_TRACES: Final = 10_000
"""That it keeps, in memory, and that an answer has."""
CONFIG: Final = """
extensions:
  jaeger_storage:
    backends: {memory: {memory: {max_traces: %(most)d}}}
  jaeger_query:
    storage: {traces: memory}
    http: {endpoint: "127.0.0.1:%(query)d"}
    grpc: {endpoint: "127.0.0.1:%(query_grpc)d"}
receivers:
  otlp: {protocols: {grpc: {endpoint: "127.0.0.1:%(otlp)d"}}}
exporters:
  jaeger_storage_exporter: {trace_storage: memory}
service:
  extensions: [jaeger_storage, jaeger_query]
  pipelines:
    traces: {receivers: [otlp], exporters: [jaeger_storage_exporter]}
  telemetry: {logs: {level: warn}, metrics: {level: none}}
"""


class Jaeger:
    """`endpoint`: where it takes OTLP over gRPC."""

    def __init__(self, endpoint: str, query_port: int) -> None:
        self.endpoint = endpoint
        self._url = f"http://127.0.0.1:{query_port}/api"

    def ready(self) -> bool:
        with contextlib.suppress(OSError):
            return isinstance(self._get("services"), dict)
        return False

    def traces(self, service: str) -> dict[str, list[dict[str, Any]]]:
        """The spans of each trace of this service; a span's `tags` are by name."""
        found = self._get("traces", service=service, limit=MOST_TRACES, lookback="1h")["data"]
        return {
            trace["traceID"]: [
                {**span, "tags": {tag["key"]: tag["value"] for tag in span["tags"]}} for span in trace["spans"]
            ]
            for trace in found
        }

    def _get(self, path: str, **query: object) -> Any:
        url = f"{self._url}/{path}?{urllib.parse.urlencode(query)}"
        with urllib.request.urlopen(url, timeout=60) as answer:
            return json.load(answer)


@contextlib.contextmanager
def jaeger(folder: Path) -> Iterator[Jaeger]:
    """A running one, which ends with the block."""
    ports = {name: free_port() for name in ("otlp", "query", "query_grpc")}
    config = folder / "jaeger.yaml"
    config.write_text(CONFIG % {**ports, "most": MOST_TRACES}, "utf-8")
    with (folder / "jaeger.log").open("wb") as log:
        process = subprocess.Popen([BINARY, "--config", config], cwd=folder, stdout=log, stderr=log)
    try:
        running = Jaeger(f"127.0.0.1:{ports['otlp']}", ports["query"])
        until(lambda: running.ready() or process.poll() is not None, 60)
        assert process.poll() is None, (folder / "jaeger.log").read_text("utf-8")
        yield running
    finally:
        process.kill()
        process.wait()
