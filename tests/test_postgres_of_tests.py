"""The PostgreSQL of the tests ends with the process that started it, however that ends."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.support import ROOT
from tests.support.waiting import until

SCRIPT = """
import time
from tests.support.postgres import postgres
with postgres() as server:
    print(server._server.pgdata, flush=True)
    time.sleep(600)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals")
@pytest.mark.parametrize("how", ["kill", "interrupt"])
def test_a_killed_process_leaves_no_server(how: str) -> None:
    owner = subprocess.Popen([sys.executable, "-c", SCRIPT], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert owner.stdout is not None
    data = Path(owner.stdout.readline().decode().strip())
    pid = int((data / "postmaster.pid").read_text("utf-8").split()[0])
    assert psutil.pid_exists(pid)
    if how == "kill":
        owner.kill()
    else:
        owner.send_signal(signal.SIGINT)
    owner.communicate()
    until(lambda: not psutil.pid_exists(pid) and not data.parent.exists(), 60)
