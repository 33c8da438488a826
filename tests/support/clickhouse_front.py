"""ClickHouse's HTTP interface before the real engine, chdb, for the collector's exporter and clickhouse-connect.

    python -m tests.support.clickhouse_front --packages .cache/clickhouse --data FOLDER --port 18123

No package carries ClickHouse's server. This is transport for tests only: it reads requests, compresses blocks, and
answers as the server does. SQL, formats, storage and errors are the engine's. Not there: streaming, sessions that keep
temporary tables, users other than the one named here, async_insert, and several nodes: `--cluster NAME` makes a cluster
of this node alone, for which ON CLUSTER and the replication of tables are left out of statements.

Source: https://clickhouse.com/docs/interfaces/http
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import re
import struct
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from aiohttp import BasicAuth, web

from tests.support.clickhouse_blocks import INFLATE, deflate_blocks, inflate_blocks

if TYPE_CHECKING:
    pass

TRANSPORT: Final = frozenset(
    (
        *("query", "database", "user", "password", "role", "quota_key", "default_format", "compress", "decompress"),
        *("query_id", "session_id", "session_timeout", "session_check", "client_protocol_version"),
        *("wait_end_of_query", "buffer_size", "enable_http_compression", "http_write_exception_in_output_format"),
        *("send_progress_in_http_headers", "http_headers_progress_interval_ms"),
    )
)
"""Parameters of a request that are no settings of its query."""
INSERT: Final = re.compile(rb"\s*insert\s+into\b", re.IGNORECASE)
FORMAT: Final = re.compile(rb"\bformat\s+(\w+)\s*;?\s*$", re.IGNORECASE)
WITH_DATA: Final = re.compile(
    rb"(.*?\bformat\s+(?:Native|RowBinary|JSONEachRow|TabSeparated|CSV))\b ?\n(.*)", re.IGNORECASE | re.DOTALL
)
"""A query and, behind a line break, the data that it inserts, as clickhouse-connect sends them in one body."""
HELLO: Final = b"SELECT displayName(), version(), revision(), timezone()"
"""clickhouse-go's first query, with which it learns the server's revision."""
STATUS_OF: Final = {"60": 404, "81": 404, "516": 403, "497": 403}
"""HTTP statuses of errors that are not 500."""


_log = logging.getLogger("clickhouse_front")


class EngineError(Exception):
    """The engine's message, which begins with `Code: `."""


def hello(version: str, zone: str) -> bytes:
    """The answer to HELLO. Its revision 0 makes clickhouse-go read and write Native as chdb does, without BlockInfo."""

    def text(value: str) -> bytes:
        raw = value.encode()
        assert len(raw) < 128  # one byte of a variable-length number
        return bytes([len(raw)]) + raw

    columns = [
        ("displayName()", "String", text("chdb")),
        ("version()", "String", text(version)),
        ("revision()", "UInt32", struct.pack("<I", 0)),
        ("timezone()", "String", text(zone)),
    ]
    info = b"\x01\x00\x02\xff\xff\xff\xff\x00"
    block = info + bytes([len(columns), 1])
    for name, type_, data in columns:
        block += text(name) + text(type_) + b"\x00" + data
    return block


@dataclass(frozen=True, slots=True)
class Statement:
    """What one request asks the engine for."""

    query: bytes
    data: bytes | None
    """What an INSERT inserts; None for other statements."""
    format: str
    database: str
    settings: dict[str, str]
    parameters: dict[str, str]


CLUSTER: Final = """
<clickhouse>
  <tcp_port>9000</tcp_port>
  <remote_servers><{name}><shard><replica><host>localhost</host><port>9000</port></replica></shard></{name}></remote_servers>
</clickhouse>
"""
"""The engine takes a node with its own name and port for itself, and nothing listens there."""
ON_CLUSTER: Final = re.compile(rb" ON CLUSTER `\w+`")
REPLICATED: Final = re.compile(rb"Replicated(\w*MergeTree\()'[^']*', '[^']*'(?:, )?")
WINDOW: Final = re.compile(rb"\breplicated_deduplication_window")


def of_one_node(query: bytes) -> bytes:
    """The statement as it is carried out on each node of a cluster, without Keeper."""
    query = REPLICATED.sub(rb"\1", ON_CLUSTER.sub(b"", query))
    return WINDOW.sub(b"non_replicated_deduplication_window", query)


class Engine:
    """chdb on one folder. Each statement has a connection of its own, so that it leaves no settings behind."""

    def __init__(self, folder: str, profile: dict[str, str], cluster: str | None) -> None:
        import chdb

        self._connect, self._has_cluster = chdb.connect, cluster is not None
        if cluster is not None:
            config = Path(f"{folder}.xml")
            config.write_text(CLUSTER.format(name=cluster), "utf-8")
            folder = f"{folder}?config-file={config}"
        self._folder, self._profile = folder, profile
        self._first = chdb.connect(folder)  # the engine stays open with it
        self.version, self.zone = (self._text(f"SELECT {what}()") for what in ("version", "timezone"))

    def _text(self, query: str) -> str:
        return str(self._first.query(query, "TabSeparated").bytes().decode().strip())

    def run(self, statement: Statement) -> tuple[bytes, dict[str, int]]:
        """The result and the numbers of its summary. Raises EngineError."""
        connection = self._connect(self._folder)
        try:
            for name, value in (self._profile | statement.settings).items():
                quoted = value.replace("\\", "\\\\").replace("'", "\\'")
                connection.query(f"SET {name} = '{quoted}'")
            database = statement.database.replace("\\", "\\\\").replace("`", "\\`")
            connection.query(f"USE `{database}`")
            if statement.data is not None:
                return self._insert(connection, statement.query, statement.data)
            asked = of_one_node(statement.query) if self._has_cluster else statement.query
            query = asked.decode("utf-8", "surrogateescape")
            result = connection.query(query, statement.format, params=statement.parameters or None)
            return result.bytes() or b"", {"read_rows": result.rows_read(), "read_bytes": result.bytes_read()}
        except Exception as error:
            words = str(error)
            at = words.find("Code: ")
            raise EngineError(words[at:] if at >= 0 else f"Code: 1002. {words}") from error
        finally:
            connection.close()

    @staticmethod
    def _insert(connection: Any, query: bytes, data: bytes) -> tuple[bytes, dict[str, int]]:
        """From a file: chdb's `send_insert` reports success for rows that the engine has refused."""
        head, form = query.decode(), "Values"
        if found := FORMAT.search(query):
            head, form = query[: found.start()].decode(), found[1].decode()
        with tempfile.NamedTemporaryFile(suffix=".insert") as file:
            file.write(data)
            file.flush()
            result = connection.query(f"{head} FROM INFILE '{file.name}' FORMAT {form}", "TabSeparated")
        return b"", {"written_rows": result.rows_read()}


class Front:
    """Turns requests into statements, and results into answers."""

    def __init__(self, engine: Engine, user: str, password: str) -> None:
        self._engine, self._user, self._password = engine, user, password

    async def answer(self, request: web.Request) -> web.StreamResponse:
        compress = request.query.get("compress") == "1"
        headers = {"X-ClickHouse-Timezone": self._engine.zone, "X-ClickHouse-Server-Display-Name": "chdb"}
        statement = None
        summary: dict[str, int] = {}
        try:
            self._authenticate(request)
            statement = _statement(request, await request.read())
            if statement.query.strip() == HELLO:
                out = hello(self._engine.version, self._engine.zone)
            else:
                out, summary = await asyncio.to_thread(self._engine.run, statement)
            status = 200
            headers["X-ClickHouse-Format"] = statement.format
            headers["X-ClickHouse-Summary"] = json.dumps({name: str(value) for name, value in summary.items()})
        except EngineError as error:
            out = f"{error}\n".encode()
            found = re.match(r"Code: (\d+)", str(error))
            headers["X-ClickHouse-Exception-Code"] = code = found[1] if found else "1002"
            status = STATUS_OF.get(code, 500)
        said = out[:300] if status != 200 else len(out)
        _log.info("%s %s %s %s", status, statement and statement.query[:200], statement and statement.settings, said)
        body = deflate_blocks(out) if compress and out else out
        return web.Response(status=status, body=body, headers=headers, content_type="application/octet-stream")

    def _authenticate(self, request: web.Request) -> None:
        given = request.headers
        user = given.get("X-ClickHouse-User") or request.query.get("user")
        password = given.get("X-ClickHouse-Key") or request.query.get("password", "")
        if "Authorization" in given:
            basic = BasicAuth.decode(given["Authorization"], encoding="utf-8")
            user, password = basic.login, basic.password
        if (user or "default", password) != (self._user, self._password):
            raise EngineError(
                f"Code: 516. DB::Exception: {user}: Authentication failed: password is incorrect, or there is no user "
                "with such name. (AUTHENTICATION_FAILED)"
            )


def _statement(request: web.Request, body: bytes) -> Statement:
    given = dict(request.query)
    if how := request.headers.get("Content-Encoding"):
        body = INFLATE[how](body)
    if given.get("decompress") == "1":
        body = inflate_blocks(body)
    query, data = given.get("query", "").encode(), None
    if INSERT.match(query) and body:
        data = body
    else:
        query += body
        if INSERT.match(query) and (found := WITH_DATA.fullmatch(query)):
            query, data = found.groups()
    return Statement(
        query=query,
        data=data,
        format=given.get("default_format") or request.headers.get("X-ClickHouse-Format") or "TabSeparated",
        database=given.get("database") or request.headers.get("X-ClickHouse-Database") or "default",
        settings={name: value for name, value in given.items() if name not in TRANSPORT and name[:6] != "param_"},
        parameters={name[6:]: value for name, value in given.items() if name[:6] == "param_"},
    )


async def _ping(_: web.Request) -> web.Response:
    return web.Response(text="Ok.\n")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--packages", required=True, help="where `make clickhouse` has installed chdb")
    parser.add_argument("--data", required=True, help="the engine's folder")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--user", default="default")
    parser.add_argument("--password", default="")
    parser.add_argument("--profile", type=json.loads, default={}, help="settings of the user, as JSON")
    parser.add_argument("--cluster", help="the name of a cluster of one node")
    parser.add_argument("--log", action="store_true", help="print each statement")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO if options.log else logging.WARNING, format="%(asctime)s %(message)s")
    sys.path.append(options.packages)
    app = web.Application(client_max_size=1 << 30)
    app.router.add_get("/ping", _ping)
    app.router.add_route(
        "*", "/", Front(Engine(options.data, options.profile, options.cluster), options.user, options.password).answer
    )
    web.run_app(app, host="127.0.0.1", port=options.port, print=None)


if __name__ == "__main__":
    main()
