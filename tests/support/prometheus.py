"""A real Prometheus that fetches the metrics of bots and collectors."""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from typing import TYPE_CHECKING, Any, Final

from prometheus_client.parser import text_string_to_metric_families

from tests.support.ports import free_port
from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BINARY: Final = shutil.which("prometheus")
"""None where it is not installed."""
LABELS: Final = ("discord_command_name", "error_type")
Alert = tuple[str, str]
"""Its name, and the command, component or exporter that it is about; '' if it is about none."""
SUBJECTS: Final = ("discord_command_name", "otel_component_name", "exporter")
CONFIG: Final = """
global:
  scrape_interval: 500ms
  evaluation_interval: 500ms
rule_files: [{rules}]
scrape_configs:
  - job_name: bot
    honor_labels: true
    static_configs:
      - targets: [{targets}]
"""


class Prometheus:
    """Answers queries about what it has fetched so far."""

    def __init__(self, port: int) -> None:
        self._url = f"http://127.0.0.1:{port}"

    def ready(self) -> bool:
        with contextlib.suppress(OSError), urllib.request.urlopen(f"{self._url}/-/ready", timeout=5) as answer:
            return bool(answer.status == 200)
        return False

    def alerts(self, state: str) -> set[Alert]:
        """Those that are `firing` or `pending`."""
        with urllib.request.urlopen(f"{self._url}/api/v1/alerts", timeout=30) as answer:
            alerts: list[Any] = json.load(answer)["data"]["alerts"]
        return {
            (
                alert["labels"]["alertname"],
                next((alert["labels"][name] for name in SUBJECTS if name in alert["labels"]), ""),
            )
            for alert in alerts
            if alert["state"] == state
        }

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


def served(port: int, name: str, label: str = "") -> list[float]:
    """The values of a metric that is served on this port of the loopback interface; of its series with this label."""
    found = [line for line in _page(port).splitlines() if line.startswith((f"{name} ", f"{name}{{")) and label in line]
    return [float(line.rpartition(" ")[2]) for line in found]


def samples(port: int) -> list[tuple[str, dict[str, str], float]]:
    """Everything that is served on this port of the loopback interface: name, labels and value."""
    families = text_string_to_metric_families(_page(port))
    return [(sample.name, dict(sample.labels), sample.value) for family in families for sample in family.samples]


def _page(port: int) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as answer:
        return str(answer.read(), "utf-8")


@contextlib.contextmanager
def prometheus(folder: Path, *ports: int, rules: Path | None = None) -> Iterator[Prometheus]:
    """It fetches from these ports of the loopback interface and evaluates its rules, twice a second."""
    assert BINARY is not None
    port = free_port()
    config = folder / "prometheus.yml"
    targets = ", ".join(f'"127.0.0.1:{each}"' for each in ports)
    config.write_text(CONFIG.format(targets=targets, rules=rules or ""), "utf-8")
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
