"""What a person waits for: `slashspan stats`, and the first view of `slashspan dashboard`, from the start of the
process."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
import urllib.error
import urllib.request
from typing import Final

from tests.support.ports import free_port

START_SECONDS: Final = 60.0
_PAUSE: Final = 0.02
_SINCE: Final = "90d"


def stats_seconds(dsn: str, zone: str) -> float:
    """The overview of 90 days."""
    started = time.perf_counter()
    subprocess.run(_command("stats", dsn, zone, "--since", _SINCE), check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def page_seconds(dsn: str, zone: str) -> float:
    """Until the page of 90 days, its tiles and its first chart are there."""
    port = free_port()
    started = time.perf_counter()
    with subprocess.Popen(_command("dashboard", dsn, zone, "--port", str(port)), stdout=subprocess.DEVNULL) as process:
        try:
            address = f"http://127.0.0.1:{port}"
            while not _answers(address):
                assert process.poll() is None, "the dashboard has ended"
                assert time.perf_counter() - started < START_SECONDS, "the dashboard does not start"
                time.sleep(_PAUSE)
            for place in ("/", "/summary", "/charts/calls"):
                with urllib.request.urlopen(f"{address}{place}?since={_SINCE}", timeout=START_SECONDS) as answer:
                    answer.read()
            return time.perf_counter() - started
        finally:
            process.kill()


def _answers(address: str) -> bool:
    with contextlib.suppress(urllib.error.URLError), urllib.request.urlopen(address, timeout=START_SECONDS) as answer:
        return bool(answer.status == 200)
    return False


def _command(name: str, dsn: str, zone: str, *options: str) -> list[str]:
    return [sys.executable, "-m", "slashspan", name, "--dsn", dsn, "--zone", zone, *options]
