"""Checks a PostgreSQL store, over one connection."""

from __future__ import annotations

import asyncio
import ssl
import time
from socket import gaierror
from typing import TYPE_CHECKING, Any, Final

from slashspan.exporters.admin.connections import postgres_connection, run_to_end
from slashspan.exporters.admin.doctor import Finding, Level, age, clock, is_local, schema
from slashspan.exporters.stores.errors import StoreError

if TYPE_CHECKING:
    from slashspan.dsn import Dsn
    from slashspan.table import Table

SECONDS: Final = 20.0
"""Time limit of all checks together."""
STORE: Final = "store"
_RIGHTS: Final = """
SELECT has_table_privilege($1::regclass, 'INSERT') AS insert,
       has_column_privilege($1::regclass, 'called_at', 'SELECT')
         AND has_column_privilege($1::regclass, 'span_id', 'SELECT') AS keys,
       (SELECT bool_and(has_sequence_privilege(d.objid, 'USAGE'))
          FROM pg_depend d JOIN pg_class s ON s.oid = d.objid AND s.relkind = 'S'
         WHERE d.refobjid = $1::regclass AND d.deptype = 'a') AS sequence,
       (SELECT reltuples::bigint FROM pg_class WHERE oid = $1::regclass) AS rows,
       quote_ident(current_user) AS role
"""


def diagnose(dsn: Dsn, table: Table) -> list[Finding]:
    """Findings within SECONDS, even if the host never answers. Raises ConfigurationError without asyncpg."""

    async def work() -> list[Finding]:
        async with postgres_connection(dsn) as connection:
            return await _check(connection, dsn, table)

    async def bounded() -> list[Finding]:
        return await asyncio.wait_for(work(), SECONDS)

    try:
        found = run_to_end(bounded())
    except (StoreError, asyncio.TimeoutError, TimeoutError) as error:
        return [_unreachable(dsn, error)]
    if not any(finding.level == Level.ERROR for finding in found):
        found.append(schema.diagnose(dsn, table))
    return found


def _unreachable(dsn: Dsn, error: BaseException) -> Finding:
    import asyncpg

    cause = error.__cause__ or error
    host = dsn.host or "localhost"
    fixes: list[tuple[tuple[type[BaseException], ...], str]] = [
        ((gaierror,), f"the host {host!r} in SLASHSPAN_DSN does not resolve: correct it, or DNS"),
        ((ssl.SSLError,), "correct sslmode and sslrootcert in SLASHSPAN_DSN, or the server's certificate"),
        ((ConnectionRefusedError,), "start the server, or correct host and port in SLASHSPAN_DSN"),
        (
            (asyncpg.InvalidPasswordError, asyncpg.InvalidAuthorizationSpecificationError),
            "correct user and password in SLASHSPAN_DSN, or ALTER ROLE … PASSWORD / LOGIN on the server",
        ),
        ((asyncpg.InvalidCatalogNameError,), "create the database, or correct its name in SLASHSPAN_DSN"),
        ((asyncpg.TooManyConnectionsError,), "raise max_connections or the role's limit, or use a pooler"),
        ((asyncio.TimeoutError, TimeoutError), "a firewall may drop the packets, or the server may hang: check both"),
    ]
    fix = next((fix for kinds, fix in fixes if isinstance(cause, kinds)), "see the server's log")
    return Finding(Level.ERROR, STORE, str(error) or f"{dsn}: no answer within {SECONDS:g} s", fix)


async def _check(connection: Any, dsn: Dsn, table: Table) -> list[Finding]:
    found = [await _server(connection, dsn)]
    found += [finding for finding in (_tls(connection, dsn), await _pooler(connection)) if finding is not None]
    if await connection.fetchval("SELECT current_setting('transaction_read_only') = 'on'"):
        fix = "connect to the primary, or ALTER … RESET default_transaction_read_only"
        found.append(Finding(Level.ERROR, STORE, "the server is read-only for this role", fix))
    found.append(await _clock(connection))
    if await connection.fetchval("SELECT to_regclass($1) IS NOT NULL", table.quoted):
        found += await _rights(connection, table)
    return found


async def _server(connection: Any, dsn: Dsn) -> Finding:
    version = await connection.fetchval("SHOW server_version")
    return Finding(Level.OK, STORE, f"{dsn} answers: PostgreSQL {version}")


def _tls(connection: Any, dsn: Dsn) -> Finding | None:
    if connection._transport.get_extra_info("ssl_object") is not None:
        return Finding(Level.OK, "TLS", "on")
    if is_local(dsn.host):
        return None
    fix = "add sslmode=verify-full&sslrootcert=… to SLASHSPAN_DSN"
    return Finding(Level.WARNING, "TLS", "off, and the server is on another machine", fix)


async def _pooler(connection: Any) -> Finding | None:
    """A pooler answers on behalf of the server, and does not know yet which backend will be used."""
    behind = await connection.fetchval("SELECT pg_backend_pid()")
    if behind == connection.get_server_pid():
        return None
    text = (
        "there seems to be a pooler in between; bots work through it, but `slashspan migrate` needs the server itself"
    )
    return Finding(Level.NOTE, "pooler", text)


async def _clock(connection: Any) -> Finding:
    before = time.time()
    there = await connection.fetchval("SELECT extract(epoch FROM clock_timestamp())::float8")
    return clock(before, there, time.time())


async def _rights(connection: Any, table: Table) -> list[Finding]:
    rights = await connection.fetchrow(_RIGHTS, table.quoted)
    role = rights["role"]
    wanted = [
        (rights["insert"], f"GRANT INSERT ON {table.quoted} TO {role}"),
        (rights["keys"], f"GRANT SELECT (called_at, span_id) ON {table.quoted} TO {role}"),
        (rights["sequence"] is not False, f"GRANT USAGE ON SEQUENCE … TO {role}, see docs/database.md"),
    ]
    found = [
        Finding(Level.ERROR, "rights", f"{role} may not write {table}", fix) for granted, fix in wanted if not granted
    ]
    if found:
        return found
    found = [Finding(Level.OK, "rights", f"{role} may write {table}")]
    last = await connection.fetchval(f"SELECT max(called_at) FROM {table.quoted}")  # noqa: S608 - quoted
    rows = f", about {rights['rows']:,} rows" if rights["rows"] > 0 else ""
    said = "no rows yet" if last is None else f"the last row is {age(time.time() - last.timestamp())} old{rows}"
    return [*found, Finding(Level.NOTE, "rows", said)]
