"""Behind PgBouncer in transaction mode, where nothing may be kept on a connection."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import threading
import time
from typing import TYPE_CHECKING

import pytest

from exporters.dsn import open_store
from tests.exporters.rows import rows
from tests.support.postgres import free_port, in_own_loop

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.postgres import Postgres

BINARY = shutil.which("pgbouncer", path=os.environ.get("PATH", "") + os.pathsep + "/usr/sbin")
WRITERS, CONNECTIONS, BATCHES = 8, 3, 12
pytestmark = pytest.mark.skipif(BINARY is None, reason="PgBouncer is not installed: apt-get install pgbouncer")


@contextlib.contextmanager
def pgbouncer(server: Postgres, folder: Path) -> Iterator[int]:
    """Its port."""
    assert BINARY is not None
    port = free_port()
    (folder / "users.txt").write_text('"postgres" ""\n')
    (folder / "pgbouncer.ini").write_text(
        f"[databases]\n* = user=postgres host=127.0.0.1 port={server.port}\n[pgbouncer]\nlisten_addr = 127.0.0.1\n"
        f"listen_port = {port}\nunix_socket_dir =\nauth_type = any\nauth_file = {folder}/users.txt\n"
        f"pool_mode = transaction\ndefault_pool_size = {CONNECTIONS}\nmax_client_conn = 50\nlogfile = {folder}/log\n"
    )
    user = None
    if os.name == "posix" and os.geteuid() == 0:  # it refuses to run as root
        user = "nobody"
        for place in (folder, *folder.iterdir()):
            shutil.chown(place, user)
        for parent in folder.parents:
            if parent.owner() == "root" and not parent.stat().st_mode & 0o001:
                parent.chmod(0o755)
    process = subprocess.Popen([BINARY, str(folder / "pgbouncer.ini")], user=user, stderr=subprocess.PIPE)
    try:
        _wait_for(port, process)
        yield port
    finally:
        process.kill()
        process.communicate()


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    import asyncpg

    async def once() -> None:
        connection = await asyncpg.connect(
            f"postgresql://postgres@127.0.0.1:{port}/postgres", timeout=2, statement_cache_size=0
        )
        await connection.close()

    deadline = time.monotonic() + 20
    while True:
        assert process.poll() is None, process.communicate()[1]
        try:
            in_own_loop(once())
            return
        except (OSError, asyncpg.PostgresError):
            assert time.monotonic() < deadline
            threading.Event().wait(0.05)


def test_eight_writers_on_three_connections(server: Postgres, database: str, tmp_path: Path) -> None:
    everything = rows(WRITERS * BATCHES * 60)
    share = len(everything) // WRITERS
    errors: list[BaseException] = []

    def write(mine: list) -> None:  # type: ignore[type-arg]
        store = open_store(server.dsn(database, port=port))
        try:
            for start in range(0, len(mine), share // BATCHES):
                batch = mine[start : start + share // BATCHES]
                store.write(batch, timeout=20)
                store.write(batch[:10], timeout=20)  # inserted, and there already
        except BaseException as error:
            errors.append(error)
        finally:
            store.close(timeout=5)

    owner = open_store(server.dsn(database))
    owner.prepare(timeout=20)
    owner.close(timeout=5)
    with pgbouncer(server, tmp_path) as port:
        threads = [
            threading.Thread(target=write, args=(everything[n * share : (n + 1) * share],)) for n in range(WRITERS)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        backends = server.execute(
            f"SELECT count(*) AS n FROM pg_stat_activity WHERE datname = '{database}' AND pid <> pg_backend_pid()"
        )
    assert errors == []
    assert backends[0]["n"] <= CONNECTIONS
    found = server.execute("SELECT span_id FROM command_calls ORDER BY span_id", database)
    assert [row["span_id"] for row in found] == [row.span_id for row in everything]
