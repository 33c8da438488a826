"""A real Prometheus that fetches the metrics of one bot."""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from typing import TYPE_CHECKING, Any, Final

from tests.support.ports import free_port
from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BINARY: Final = shutil.which("prometheus")
"""None where it is not installed."""
LABELS: Final = ("discord_command_name", "error_type")
CONFIG: Final = """
global:
  scrape_interval: 500ms
scrape_configs:
  - job_name: bot
    static_configs:
      - targets: ["127.0.0.1:{port}"]
"""


class Prometheus:
    """Answers queries about what it has fetched so far."""

    def __init__(self, port: int) -> None:
        self._url = f"http://127.0.0.1:{port}"

    def ready(self) -> bool:
        with contextlib.suppress(OSError), urllib.request.urlopen(f"{self._url}/-/ready", timeout=5) as answer:
            return bool(answer.status == 200)
        return False

    def query(self, promql: str) -> dict[str, float]:
        """The value of each series, by its command or type of error; '' if it has neither."""
        query = urllib.parse.urlencode({"query": promql})
        try:
            with urllib.request.urlopen(f"{self._url}/api/v1/query?{query}", timeout=30) as answer:
                result: Any = json.load(answer)["data"]["result"]
        except urllib.error.HTTPError as error:
            raise AssertionError(error.read().decode()) from error
        return {
            next((series["metric"][name] for name in LABELS if name in series["metric"]), ""): float(series["value"][1])
            for series in result
        }


def served(port: int, name: str) -> list[float]:
    """The values of a metric that a bot serves on this port of the loopback interface."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as answer:
        lines = answer.read().decode().splitlines()
    return [float(line.rpartition(" ")[2]) for line in lines if line.startswith((f"{name} ", f"{name}{{"))]


@contextlib.contextmanager
def prometheus(target: int, folder: Path) -> Iterator[Prometheus]:
    """It fetches from this port of the loopback interface, twice a second."""
    assert BINARY is not None
    port = free_port()
    config = folder / "prometheus.yml"
    config.write_text(CONFIG.format(port=target), "utf-8")
    command = [
        BINARY,
        f"--config.file={config}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--log.level=warn",
    ]
    with (folder / "prometheus.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        running = Prometheus(port)
        until(lambda: running.ready() or process.poll() is not None, 60)
        assert process.poll() is None, (folder / "prometheus.log").read_text("utf-8")
        yield running
    finally:
        process.kill()
        process.wait()
