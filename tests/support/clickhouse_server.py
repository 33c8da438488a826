"""A ClickHouse to connect to: the real engine in a process of its own, behind `clickhouse_front.py`."""

from __future__ import annotations

import contextlib
import itertools
import json
import subprocess
import sys
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import clickhouse_connect

from tests.support import ROOT
from tests.support.clickhouse import PACKAGES
from tests.support.ports import free_port
from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path
    from typing import TypeAlias

FRONT: Final = "tests.support.clickhouse_front"
_numbers = itertools.count()
START_SECONDS: Final = 120.0
"""Loading half a gigabyte takes long on a busy machine."""


class ClickhouseServer:
    """An engine on one folder and one port. `kill` sends SIGKILL; `start` may be called again afterwards.

    `profile`: settings of its user, such as `readonly`. `cluster`: the name of one that this node is alone in.
    """

    def __init__(
        self,
        folder: Path,
        *,
        user: str = "default",
        password: str = "",
        profile: Mapping[str, str] | None = None,
        cluster: str | None = None,
        log: bool = False,
    ) -> None:
        self.port: Final = free_port()
        self.user: Final = user
        self.password: Final = password
        self._folder = folder
        self._options = [f"--profile={json.dumps(dict(profile or {}))}", *(["--log"] if log else [])]
        self._options += [f"--cluster={cluster}"] if cluster else []
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        command = [
            *(sys.executable, "-m", FRONT, f"--packages={PACKAGES}", f"--data={self._folder / 'data'}"),
            *(f"--port={self.port}", f"--user={self.user}", f"--password={self.password}", *self._options),
        ]
        with (self._folder / "clickhouse.log").open("ab") as log:
            self._process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log)
        until(lambda: self._answers() or not self.is_running, START_SECONDS)
        assert self.is_running, self.log

    def _answers(self) -> bool:
        with contextlib.suppress(OSError), urllib.request.urlopen(f"{self.url}/ping", timeout=5) as answer:
            return bool(answer.status == 200)
        return False

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    @property
    def log(self) -> str:
        return (self._folder / "clickhouse.log").read_text("utf-8", "replace")

    @property
    def url(self) -> str:
        """For the collector's exporter and plain HTTP; without user and password."""
        return f"http://127.0.0.1:{self.port}"

    def dsn(self, database: str = "slashspan") -> str:
        """For slashspan."""
        userinfo = f"{quote(self.user, safe='')}:{quote(self.password, safe='')}@"
        return f"clickhouse://{userinfo}127.0.0.1:{self.port}/{quote(database, safe='')}"

    def new_database(self) -> str:
        """A name that no other test uses."""
        return f"test_{next(_numbers)}"

    def client(self, database: str = "default") -> Any:
        """A client of clickhouse-connect."""
        return clickhouse_connect.get_client(
            host="127.0.0.1", port=self.port, username=self.user, password=self.password, database=database
        )

    def query(self, sql: str) -> list[dict[str, Any]]:
        """The rows of a query, or none of any other statement, over plain HTTP; 64-bit numbers are numbers."""
        headers = {"X-ClickHouse-User": self.user, "X-ClickHouse-Key": self.password}
        url = f"{self.url}/?default_format=JSONEachRow&output_format_json_quote_64bit_integers=0"
        request = urllib.request.Request(url, sql.encode(), headers)
        try:
            with urllib.request.urlopen(request, timeout=300) as answer:
                return [json.loads(line) for line in answer.read().splitlines()]
        except urllib.error.HTTPError as error:
            raise AssertionError(error.read().decode()) from error


StartClickhouse: TypeAlias = "Callable[..., contextlib.AbstractContextManager[ClickhouseServer]]"
"""`clickhouse_server`, as the fixture `start_clickhouse` returns it where the engine is installed."""


@contextlib.contextmanager
def clickhouse_server(folder: Path, **options: Any) -> Iterator[ClickhouseServer]:
    """A running one, which ends with the block."""
    server = ClickhouseServer(folder, **options)
    server.start()
    try:
        yield server
    finally:
        server.kill()
