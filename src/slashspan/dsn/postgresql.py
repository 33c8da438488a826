"""`postgresql://user:password@host:port/database`, with what libpq, Prisma and poolers add to it."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import unquote

from slashspan.dsn.shown import wrong_dsn
from slashspan.dsn.url import (
    connect_timeout_of,
    hosts_of,
    options_of,
    parts_of,
    port_of,
    refuse_nul,
    user_and_password,
)

_CHOICES_OF: Final = {
    "sslmode": ("disable", "allow", "prefer", "require", "verify-ca", "verify-full"),
    "sslnegotiation": ("postgres", "direct"),
    "target_session_attrs": ("any", "primary", "standby", "prefer-standby", "read-write", "read-only"),
    "channel_binding": ("disable", "prefer", "require"),
}
_NOT_SENT: Final = frozenset(
    (
        *("channel_binding", "gssencmode", "sslsni", "sslcompression", "load_balance_hosts", "tcp_user_timeout"),
        *("keepalives", "keepalives_idle", "keepalives_interval", "keepalives_count"),
        *("pgbouncer", "connection_limit", "pool_timeout", "socket_timeout", "statement_cache_size", "supa"),
    )
)
"""Options of libpq, Prisma and Supabase without a counterpart in asyncpg, which would send them to the server as
settings. The server would refuse the connection, because it does not know them."""


def parse(text: str) -> dict[str, Any]:
    """The fields of its Dsn. Raises ConfigurationError."""
    parts = parts_of(text)
    options = options_of(text, parts)

    def option(*names: str) -> str:
        return next(filter(None, [options.pop(name, "") for name in names]), "")

    user, password = user_and_password(parts)
    host, ports = option("host"), option("port")
    hosts = _with_ports(text, hosts_of(text, parts.hosts or host), ports)
    user, password = user or option("user"), password or option("password")
    database = unquote(parts.path[1:]) or option("dbname", "database")
    for name in ("user", "password", "dbname", "database"):
        options.pop(name, None)  # the part before the query takes precedence, as in asyncpg
    refuse_nul(text, user, password, database, *options.values())
    seconds = connect_timeout_of(text, options.pop("connect_timeout", ""))
    _check_options(text, options)
    return {
        "connect_timeout": seconds,
        "hosts": hosts,
        "user": user or None,
        "password": password or None,
        "database": database or None,
        "options": tuple((name, value) for name, value in options.items() if name not in _NOT_SENT),
    }


def _check_options(text: str, options: dict[str, str]) -> None:
    for name, choices in _CHOICES_OF.items():
        if options.get(name, choices[0]) not in choices:
            raise wrong_dsn(text, f"{name} must be one of: {', '.join(choices)}")
    if options.pop("schema", "public") != "public":  # Prisma's
        raise wrong_dsn(text, "an option names a schema; leave it out and set SLASHSPAN_TABLE=schema.command_calls")


def _with_ports(text: str, hosts: tuple[tuple[str, int | None], ...], ports: str) -> tuple[tuple[str, int | None], ...]:
    """With those of the option `port`: one for all hosts, or one each. A host's own wins."""
    if not ports:
        return hosts
    hosts = hosts or (("localhost", None),)
    numbers = [port_of(text, port) for port in ports.split(",")]
    if len(numbers) == 1:
        numbers *= len(hosts)
    if len(numbers) != len(hosts):
        raise wrong_dsn(text, f"names {len(hosts)} hosts and {len(numbers)} ports")
    return tuple((host, port or number) for (host, port), number in zip(hosts, numbers, strict=True))
