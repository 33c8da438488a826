"""`clickhouse://user:password@host:port/database?secure=true`: the HTTP interface, which clickhouse-connect uses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote

from slashspan.dsn.shown import wrong_dsn
from slashspan.dsn.url import connect_timeout_of, hosts_of, options_of, parts_of, refuse_nul, user_and_password

if TYPE_CHECKING:
    from slashspan.dsn.value import Dsn

DEFAULT_DATABASE: Final = "slashspan"
"""As in the collector's configurations."""
PORT: Final = 8123
SECURE_PORT: Final = 8443
_BOOLEANS: Final = ("true", "false")
_OPTIONS: Final = ("secure", "verify", "ca_cert", "connect_timeout")


def parse(text: str) -> dict[str, Any]:
    """The fields of its Dsn. Raises ConfigurationError."""
    parts = parts_of(text)
    options = options_of(text, parts)
    if any(name not in _OPTIONS for name in options):
        raise wrong_dsn(text, f"a clickhouse:// address has only the options {', '.join(_OPTIONS)}")
    for name in ("secure", "verify"):
        if options.get(name, "true") not in _BOOLEANS:
            raise wrong_dsn(text, f"{name} must be true or false")
    hosts = hosts_of(text, parts.hosts) or (("localhost", None),)
    if len(hosts) > 1:
        raise wrong_dsn(text, "must name one host: any server of the cluster, or what balances their load")
    user, password = user_and_password(parts)
    database = unquote(parts.path[1:]) or DEFAULT_DATABASE
    refuse_nul(text, user, password, database, *options.values())
    seconds = connect_timeout_of(text, options.pop("connect_timeout", ""))
    default_port = SECURE_PORT if options.get("secure") == "true" else PORT
    return {
        "connect_timeout": seconds,
        "hosts": tuple((host, port or default_port) for host, port in hosts),
        "user": user or None,
        "password": password or None,
        "database": database,
        "options": tuple(options.items()),
    }


def connect_arguments(dsn: Dsn) -> dict[str, Any]:
    """Arguments for `clickhouse_connect.get_client`, without the database, which may not exist yet."""
    options = dict(dsn.options)
    return {
        "host": dsn.host,
        "port": dsn.port,
        "username": dsn.user or "default",
        "password": dsn.password or "",
        "secure": options.get("secure") == "true",
        "verify": options.get("verify") != "false",
        "ca_cert": options.get("ca_cert"),
    }
