"""A real OpenTelemetry Collector with one of this repository's two configurations."""

from __future__ import annotations

import contextlib
import os
import subprocess
import urllib.request
from typing import TYPE_CHECKING, Final

import pytest

from tests.support import ROOT
from tests.support.otlp_backend import Backend, running_backend
from tests.support.ports import free_port
from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

BINARY: Final = ROOT / ".cache" / "collector" / "otelcol"
CONFIG: Final = ROOT / "collector-config.yaml"
GATEWAY: Final = ROOT / "collector-gateway.yaml"
WITHOUT: Final = "the collector is not built: make collector (needs Go)"
"""Why tests are skipped."""
needs_collector: Final = pytest.mark.skipif(not BINARY.exists(), reason=WITHOUT)


class Collector:
    """The binary on free loopback ports. After `kill` (SIGKILL) or `stop` (SIGTERM), `start` may be called again."""

    def __init__(self, folder: Path, environ: Mapping[str, str], config: Path = CONFIG) -> None:
        self.grpc_port, self.http_port, self.health_port = free_port(), free_port(), free_port()
        self.bot_metrics_port, self.own_metrics_port = free_port(), free_port()
        self.folder = folder
        self.environ = {
            "OTLP_GRPC_PORT": str(self.grpc_port),
            "OTLP_HTTP_PORT": str(self.http_port),
            "HEALTH_PORT": str(self.health_port),
            "BOT_METRICS_PORT": str(self.bot_metrics_port),
            "COLLECTOR_METRICS_PORT": str(self.own_metrics_port),
            "COLLECTOR_STORAGE": str(folder / "storage"),
            **environ,
        }
        self._config = config
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Returns once it is healthy, and fails with its log if it ends before."""
        with (self.folder / "collector.log").open("ab") as log:
            self._process = subprocess.Popen(
                [BINARY, "--config", self._config], env={**os.environ, **self.environ}, stdout=log, stderr=log
            )
        until(self._healthy, 60)

    def _healthy(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self.log
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{self.health_port}/", timeout=5).close()
        except OSError:
            return False
        return True

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def log(self) -> str:
        return (self.folder / "collector.log").read_text("utf-8")

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def stop(self) -> None:
        """End it as an upgrade does."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(60)


def run_collector(arguments: list[str], folder: Path, environ: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Run the binary with nothing but these variables, until it ends: `validate`, or a start that is refused."""
    return subprocess.run(
        [BINARY, *arguments], env=dict(environ), cwd=folder, capture_output=True, text=True, timeout=60
    )


@contextlib.contextmanager
def running_collector(folder: Path, environ: Mapping[str, str], config: Path = CONFIG) -> Iterator[Collector]:
    """A collector that is running, and whatever backend these variables say."""
    running = Collector(folder, environ, config)
    running.start()
    try:
        yield running
    finally:
        running.kill()


def sending_to(backend: Backend) -> dict[str, str]:
    """The variables of a collector whose OTLP backend this is."""
    return {"ANALYTICS_ENDPOINT": f"127.0.0.1:{backend.port}", "ANALYTICS_INSECURE": "true"}


@contextlib.contextmanager
def collector(folder: Path, environ: Mapping[str, str] | None = None) -> Iterator[tuple[Collector, Backend]]:
    """A collector with collector-config.yaml and its backend, both running."""
    with running_backend() as backend, running_collector(folder, {**sending_to(backend), **(environ or {})}) as running:
        yield running, backend
