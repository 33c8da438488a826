"""A real PgBouncer in transaction mode in front of a test's PostgreSQL."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.support.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.postgres import Postgres

BINARY: Final = shutil.which("pgbouncer", path=os.environ.get("PATH", "") + os.pathsep + "/usr/sbin")
"""None where it is not installed."""
CONNECTIONS = 3
"""To the server, for each database."""


@contextlib.contextmanager
def open_folder() -> Iterator[Path]:
    """One that the user under whom PgBouncer runs can reach; pytest's own are private."""
    folder = Path(tempfile.mkdtemp(prefix="slashspan-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


@contextlib.contextmanager
def pgbouncer(server: Postgres, folder: Path, settings: str = "") -> Iterator[int]:
    """Its port. `settings`: more lines of its configuration, whose files are in `folder`."""
    assert BINARY is not None
    port = free_port()
    (folder / "users.txt").write_text('"postgres" ""\n')
    (folder / "pgbouncer.ini").write_text(
        f"[databases]\n* = user=postgres host=127.0.0.1 port={server.port}\n[pgbouncer]\nlisten_addr = 127.0.0.1\n"
        f"listen_port = {port}\nunix_socket_dir =\nauth_type = any\nauth_file = {folder}/users.txt\n"
        f"pool_mode = transaction\n"
        f"default_pool_size = {CONNECTIONS}\nmax_client_conn = 50\nlogfile = {folder}/log\n{settings}"
    )
    user = None
    if os.name == "posix" and os.geteuid() == 0:  # it refuses to run as root
        user = "nobody"
        for place in (folder, *folder.iterdir()):
            shutil.chown(place, user)
    process = subprocess.Popen([BINARY, str(folder / "pgbouncer.ini")], user=user, stderr=subprocess.PIPE)
    try:
        _wait_for(port, process)
        yield port
    finally:
        process.kill()
        process.communicate()


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 20
    while True:
        assert process.poll() is None, process.communicate()[1]
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            assert time.monotonic() < deadline
            threading.Event().wait(0.05)
