"""DSNs without their secrets, and the error for one that is wrong."""

from __future__ import annotations

import re
from typing import Final

from slashspan.errors import ConfigurationError
from slashspan.masking import HIDDEN, scheme_only, split_host, split_url

CHOICES: Final = (
    "sqlite:///relative/path, sqlite:////absolute/path, postgresql://user:password@host:port/database, "
    "clickhouse://user:password@host:port/database"
)
HOW_TO_ENCODE: Final = (
    "write special characters of user, password and options percent-encoded: / as %2F, ? as %3F, # as %23, @ as %40, "
    "% as %25, & as %26"
)
SQLITE_PREFIX: Final = "sqlite:///"
_USUAL_PORTS: Final = ("5432", "5433", "6432", "6543", "8123", "8443")
"""Of PostgreSQL, PgBouncer, Supabase's pooler, and ClickHouse."""
_FULL_HOST: Final = re.compile(r"localhost|.*[.:/%].*")
"""No name of a role: with a domain, an address, or the folder of a socket."""
SHOWN_OPTIONS: Final = frozenset(
    (
        *("host", "port", "user", "dbname", "database", "service", "passfile"),
        *("sslmode", "sslrootcert", "sslcert", "sslkey", "sslnegotiation"),
        *("target_session_attrs", "application_name", "connect_timeout", "channel_binding"),
        *("pgbouncer", "connection_limit", "pool_timeout"),
        *("secure", "verify", "ca_cert"),
    )
)
"""Options of a URL that are not secret."""


def mask_dsn(text: str) -> str:
    """Any text given as a DSN, to display without secrets."""
    if text[: len(SQLITE_PREFIX)].lower() == SQLITE_PREFIX:
        path, query, _ = text.partition("?")
        return f"{path}?{HIDDEN}" if query else path
    parts = split_url(text)
    if parts is None or parts.fragment is not None or not parts.scheme:
        return scheme_only(text)
    shown = f"{parts.scheme}://"
    if parts.userinfo is not None:
        user, colon, _ = parts.userinfo.partition(":")
        shown += f"{user}:{HIDDEN}@" if colon else f"{user}@"
    elif not all(map(_is_host, parts.hosts.split(","))):
        return scheme_only(text)  # a password whose host is missing looks like a port
    return shown + parts.hosts + parts.path + ("" if parts.query is None else f"?{_shown_options(parts.query)}")


def _is_host(text: str) -> bool:
    """Whether this can only be a host, with or without a port: in `bot:4711` the number may be a password."""
    parts = split_host(text)
    if parts is None:
        return False
    host, port = parts
    return not port or port in _USUAL_PORTS or (len(port) <= 5 and _FULL_HOST.fullmatch(host) is not None)


def _shown_options(query: str) -> str:
    """Up to the first that may hold a secret: an unencoded `&` in one looks like another option behind it."""
    shown = []
    for option in query.split("&"):
        if option.partition("=")[0].lower() not in SHOWN_OPTIONS:
            shown.append(HIDDEN)
            break
        shown.append(option)
    return "&".join(shown)


def wrong_dsn(text: str, why: str) -> ConfigurationError:
    """The error for `text`, masked."""
    return ConfigurationError(f"SLASHSPAN_DSN={mask_dsn(text)!r}: {why}")
