"""Checks ClickHouse as the place where a collector stores rows."""

from __future__ import annotations

import re
import ssl
import time
from socket import gaierror
from typing import TYPE_CHECKING, Any, Final

from slashspan import semconv
from slashspan.clickhouse import ClickhouseError, connected
from slashspan.exporters.admin.doctor import Finding, Level, age, clock, is_local, schema
from slashspan.exporters.stores.factory import NOT_WRITTEN_DIRECTLY
from slashspan.exporters.stores.schema.clickhouse_sql import SPANS, Names, quoted
from slashspan.exporters.stores.schema.clickhouse_state import read_state

if TYPE_CHECKING:
    from slashspan.dsn import Dsn
    from slashspan.exporters.stores.schema.clickhouse_state import State
    from slashspan.table import Table

SECONDS: Final = 20.0
"""Time limit of each answer."""
STORE: Final = "store"
MANY_PARTS: Final = 300
"""Of one partition. ClickHouse slows inserts down from 1,000 on, and refuses them from 3,000 on."""
NATIVE_PORTS: Final = (9000, 9440)
_CODES: Final = {
    516: "correct user and password in SLASHSPAN_DSN, or ALTER USER … IDENTIFIED BY … on the server",
    497: "GRANT what is missing to the user in SLASHSPAN_DSN: see docs/clickhouse.md",
    81: "run `slashspan migrate`, or correct the database in SLASHSPAN_DSN",
}
_RIGHTS: Final = (("ALTER DELETE", "prune and forget"), ("CREATE TABLE", "migrate"))
_DAYS: Final = re.compile(r"TTL .*toIntervalDay\((\d+)\)")
_PARTS: Final = """
SELECT table, max(parts) AS most
  FROM (SELECT table, partition_id, count() AS parts
          FROM system.parts
         WHERE active AND database = {database:String} AND table IN {tables:Array(String)}
         GROUP BY table, partition_id)
 GROUP BY table
HAVING most > {many:UInt32}
"""
_STUCK: Final = """
SELECT table, command, latest_fail_reason
  FROM system.mutations
 WHERE database = {database:String} AND table IN {tables:Array(String)} AND NOT is_done AND latest_fail_reason != ''
"""
_NO_ROWS: Final = """
SELECT uniqExact(Timestamp, SpanId)
  FROM {spans}
 WHERE Timestamp BETWEEN now() - INTERVAL 1 HOUR AND now() - INTERVAL 1 MINUTE
   AND mapContains(SpanAttributes, '{kind}') AND SpanAttributes['{kind}'] != '{autocomplete}'
   AND (toDateTime64(Timestamp, 6, 'UTC'), reinterpretAsInt64(reverse(unhex(SpanId)))) NOT IN (
       SELECT called_at, span_id FROM {rows} WHERE called_at >= now() - INTERVAL 2 HOUR)
"""


def diagnose(dsn: Dsn, table: Table, *, writes: bool) -> list[Finding]:
    """Findings. `writes`: the settings say that a bot writes rows itself. Raises ConfigurationError without
    clickhouse-connect.
    """
    found = []
    if writes:
        fix = "set OTEL_TRACES_EXPORTER=otlp, or another SLASHSPAN_DSN"
        found.append(Finding(Level.ERROR, "exporter", NOT_WRITTEN_DIRECTLY, fix))
    try:
        with connected(dsn, seconds=SECONDS) as client:
            found += _server(client, dsn)
            found.append(schema.diagnose(dsn, table))
            if found[-1].level != Level.ERROR:
                names = Names(dsn.database or "", table)
                found += _tables(client, read_state(client, names), names)
                found += _rights(client, dsn)
    except ClickhouseError as error:
        found.append(_failed(dsn, error))
    return found


def _failed(dsn: Dsn, error: ClickhouseError) -> Finding:
    fixes: list[tuple[type[BaseException], str]] = [
        (gaierror, f"the host {dsn.host!r} in SLASHSPAN_DSN does not resolve: correct it, or DNS"),
        (ssl.SSLError, "correct secure, verify, ca_cert or the port in SLASHSPAN_DSN, or the server's certificate"),
        (ConnectionRefusedError, "start the server, or correct host and port in SLASHSPAN_DSN"),
        (TimeoutError, "a firewall may drop the packets, or the server may hang: check both"),
    ]
    fix = next((fix for kind, fix in fixes if isinstance(error.cause, kind)), "see the server's log")
    if dsn.port in NATIVE_PORTS:
        fix = f"port {dsn.port} is that of the native protocol; slashspan uses HTTP: 8123, with secure=true 8443"
    return Finding(Level.ERROR, STORE, str(error), _CODES.get(error.code or 0, fix))


def _server(client: Any, dsn: Dsn) -> list[Finding]:
    found = [Finding(Level.OK, STORE, f"{dsn} answers: ClickHouse {client.server_version}")]
    if ("secure", "true") in dsn.options:
        found.append(Finding(Level.OK, "TLS", "on"))
    elif not is_local(dsn.host):
        fix = "add secure=true to SLASHSPAN_DSN"
        found.append(Finding(Level.WARNING, "TLS", "off, and the server is on another machine", fix))
    before = time.time()
    there = client.query("SELECT toUnixTimestamp64Micro(now64(6))").first_row[0] / 1e6
    return [*found, clock(before, there, time.time())]


def _tables(client: Any, state: State, names: Names) -> list[Finding]:
    if not {SPANS, names.rows} <= state.tables.keys():
        return []
    found = [_rows(client, names), _filled(client, names), _retention(state)]
    asked = {"database": names.database, "tables": list(state.tables), "many": MANY_PARTS}
    for table, most in client.query(_PARTS, parameters=asked).result_rows:
        fix = "let collectors send larger batches (min_size 5000 or more), from fewer places"
        found.append(Finding(Level.WARNING, "parts", f"{table}: {most:,} in one partition", fix))
    for table, command, reason in client.query(_STUCK, parameters=asked).result_rows:
        fix = "fix that, or KILL MUTATION"
        found.append(Finding(Level.WARNING, "mutation", f"{table}: {command} fails: {reason}", fix))
    return found


def _rows(client: Any, names: Names) -> Finding:
    last, count = client.query(
        f"SELECT toUnixTimestamp64Micro(max(called_at)), count() FROM {names.sql(names.rows)}"  # noqa: S608 - quoted
    ).first_row
    said = f"the last row is {age(time.time() - last / 1e6)} old, about {count:,} rows" if count else "no rows yet"
    return Finding(Level.NOTE, "rows", said)


def _filled(client: Any, names: Names) -> Finding:
    kinds = {"kind": semconv.KIND, "autocomplete": semconv.Kind.AUTOCOMPLETE}
    sql = _NO_ROWS.format(spans=names.sql(SPANS), rows=names.sql(names.rows), **kinds)
    count = client.query(sql).first_row[0]
    if not count:
        return Finding(Level.OK, "view", f"the actions in {SPANS} are rows")
    view = names.sql(names.filled)
    fix = f"slashspan migrate; if it has nothing to do, before it: DROP VIEW {view}. It then makes rows of all spans"
    return Finding(Level.ERROR, "view", f"of the last hour, actions in {SPANS} that are no rows: {count:,}", fix)


def _retention(state: State) -> Finding:
    kept = []
    for name, found in sorted(state.tables.items()):
        if "MergeTree" in found.engine:
            days = _DAYS.search(found.engine_full)
            kept.append(f"{name} {f'{days[1]} days' if days else 'for ever, or as its TTL says'}")
    return Finding(Level.NOTE, "retention", ", ".join(kept) or "unknown")


def _rights(client: Any, dsn: Dsn) -> list[Finding]:
    """Of the user in the DSN, which need not be the collector's."""
    found = []
    database = quoted(dsn.database or "")
    for right, commands in _RIGHTS:
        if not client.query(f"CHECK GRANT {right} ON {database}.*").first_row[0]:
            user = quoted(dsn.user or "default")
            fix = f"GRANT {right} ON {database}.* TO {user}, if it is the one to do this"
            found.append(Finding(Level.NOTE, "rights", f"this user cannot {commands}", fix))
    return found
