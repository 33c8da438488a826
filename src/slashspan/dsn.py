"""`SLASHSPAN_DSN`: the one place where a DSN is parsed, masked and turned into a driver's arguments."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, quote, unquote, urlencode

from slashspan.errors import ConfigurationError
from slashspan.masking import HIDDEN, scheme_only, split_host, split_url

if TYPE_CHECKING:
    from slashspan.masking import UrlParts

SQLITE: Final = "sqlite"
POSTGRESQL: Final = "postgresql"
CHOICES: Final = "sqlite:///relative/path, sqlite:////absolute/path, postgresql://user:password@host:port/database"
HOW_TO_ENCODE: Final = (
    "write special characters of user, password and options percent-encoded: / as %2F, ? as %3F, # as %23, @ as %40, "
    "% as %25, & as %26"
)
POSTGRESQL_EXTRA: Final = "pip install 'slashspan[postgresql]'"
DEFAULT_PORT: Final = 5432
_USUAL_PORTS: Final = ("5432", "5433", "6432", "6543")
"""Of PostgreSQL, PgBouncer and Supabase's pooler."""
_FULL_HOST: Final = re.compile(r"localhost|.*[.:/%].*")
"""No name of a role: with a domain, an address, or the folder of a socket."""
_PORT: Final = "the port must be a number from 1 to 65535"
_SCHEMES: Final = {"sqlite": SQLITE, "postgresql": POSTGRESQL, "postgres": POSTGRESQL}
_SQLITE_PREFIX: Final = "sqlite:///"
_SHOWN_OPTIONS: Final = frozenset(
    (
        *("host", "port", "user", "dbname", "database", "service", "passfile"),
        *("sslmode", "sslrootcert", "sslcert", "sslkey", "sslnegotiation"),
        *("target_session_attrs", "application_name", "connect_timeout", "channel_binding"),
        *("pgbouncer", "connection_limit", "pool_timeout"),
    )
)
"""Options of a PostgreSQL URL that are not secret."""
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


@dataclass(frozen=True, slots=True, repr=False)
class Dsn:
    """A checked DSN. `str`, `repr` and `masked` never show a password; `text` is what was written."""

    text: str
    dialect: str
    """SQLITE or POSTGRESQL."""
    file: Path | None = None
    """SQLite's path as written; relative to the working directory."""
    hosts: tuple[tuple[str, int | None], ...] = ()
    """PostgreSQL's hosts (or socket folders) and ports, in the order in which they are tried."""
    user: str | None = None
    password: str | None = None
    database: str | None = None
    options: tuple[tuple[str, str], ...] = ()
    """The other options of the URL's query, such as `sslmode`."""
    connect_timeout: float | None = None
    """Seconds for connecting to PostgreSQL, if the URL sets them."""
    read_only: bool = False
    """SQLite's `?mode=ro`: the file can be read, and nothing can be written to it."""

    @classmethod
    def parse(cls, text: str | Dsn) -> Dsn:
        """Parse `SLASHSPAN_DSN` or --dsn; a Dsn is returned unchanged.

        Raises ConfigurationError, with the masked value, the choices and what to write instead.
        """
        if isinstance(text, Dsn):
            return text
        scheme = text.partition(":")[0].lower()
        dialect = _SCHEMES.get(scheme)
        if dialect is None:
            quotes = "; leave out the quotes" if text[:1] in ("'", '"') else ""
            raise _wrong(text, f"must be one of: {CHOICES}{quotes}")
        return cls(text, dialect, **(_sqlite(text) if dialect == SQLITE else _postgresql(text)))

    @property
    def is_sqlite(self) -> bool:
        return self.dialect == SQLITE

    @property
    def path(self) -> Path:
        """SQLite's file."""
        assert self.file is not None
        return self.file

    @property
    def host(self) -> str:
        """The first host; '' if asyncpg has to find it: in PGHOST or in the usual socket folders."""
        return self.hosts[0][0] if self.hosts else ""

    @property
    def port(self) -> int:
        """The port of the first host."""
        return (self.hosts[0][1] if self.hosts else None) or DEFAULT_PORT

    @property
    def masked(self) -> str:
        """The DSN to display, without secrets."""
        return mask_dsn(self.text)

    @property
    def identity(self) -> str:
        """Identifies the database: without user, password and options, which can change for the same database."""
        if self.is_sqlite:
            return f"sqlite:///{self.path.absolute()}"
        hosts = ",".join(
            f"{f'[{host}]' if ':' in host else quote(host.lower(), safe='')}:{port or DEFAULT_PORT}"
            for host, port in self.hosts or (("", None),)
        )
        return f"postgresql://{hosts}/{quote(self.database or '', safe='')}"

    def connect_arguments(self) -> dict[str, Any]:
        """Arguments for `asyncpg.connect`, whose own parser would quote parts of a password in its errors."""
        arguments: dict[str, Any] = {"user": self.user, "password": self.password, "database": self.database}
        if self.hosts:
            arguments["host"] = [host for host, _ in self.hosts]
        if any(port for _, port in self.hosts):
            arguments["port"] = [port or DEFAULT_PORT for _, port in self.hosts]
        if self.options:
            arguments["dsn"] = f"postgresql://?{urlencode(self.options)}"
        return {name: value for name, value in arguments.items() if value is not None}

    def redact(self, words: str) -> str:
        """A message of the driver or the server about this database, without its secrets."""
        secrets = {self.password or "", *(value for name, value in self.options if name not in _SHOWN_OPTIONS)}
        forms = {form for secret in secrets for form in (secret, quote(secret, safe=""), quote(secret))}
        for form in sorted(forms - {""}, key=len, reverse=True):
            words = words.replace(form, HIDDEN)
        return words

    def __str__(self) -> str:
        return self.masked

    def __repr__(self) -> str:
        return f"Dsn({self.masked!r})"


def mask_dsn(text: str) -> str:
    """Any text given as a DSN, to display without secrets."""
    if text[: len(_SQLITE_PREFIX)].lower() == _SQLITE_PREFIX:
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
        if option.partition("=")[0].lower() not in _SHOWN_OPTIONS:
            shown.append(HIDDEN)
            break
        shown.append(option)
    return "&".join(shown)


def _wrong(text: str, why: str) -> ConfigurationError:
    return ConfigurationError(f"SLASHSPAN_DSN={mask_dsn(text)!r}: {why}")


def _sqlite(text: str) -> dict[str, Any]:
    written, _, query = text[len(_SQLITE_PREFIX) :].partition("?")
    path = unquote(written)
    if text[: len(_SQLITE_PREFIX)].lower() != _SQLITE_PREFIX or not path or "\0" in path:
        raise _wrong(text, "names no file; write sqlite:///path or sqlite:////absolute/path")
    if path == ":memory:":
        raise _wrong(text, "would lose every row; use a file")
    if query not in ("", "mode=rw", "mode=rwc", "mode=ro"):
        raise _wrong(text, "a SQLite file has only mode=ro, mode=rw or mode=rwc; write a ? in its name as %3F")
    try:
        file = Path(path).expanduser()
    except RuntimeError:
        raise _wrong(text, "there is no such home folder") from None
    return {"file": file, "read_only": query == "mode=ro"}


def _postgresql(text: str) -> dict[str, Any]:
    parts = split_url(text)
    if parts is None or parts.fragment is not None:
        raise _wrong(text, f"cannot tell where the password ends; {HOW_TO_ENCODE}. It must be like {CHOICES}")
    if not parts.scheme:
        raise _wrong(text, f"must be one of: {CHOICES}")
    options = _options(text, parts)

    def option(*names: str) -> str:
        return next(filter(None, [options.pop(name, "") for name in names]), "")

    user, _, password = (unquote(part) for part in (parts.userinfo or "").partition(":"))
    host, ports = option("host"), option("port")
    hosts = _with_ports(text, _hosts(text, parts.hosts or host), ports)
    user, password = user or option("user"), password or option("password")
    database = unquote(parts.path[1:]) or option("dbname", "database")
    for name in ("user", "password", "dbname", "database"):
        options.pop(name, None)  # the part before the query takes precedence, as in asyncpg
    if any("\0" in value for value in (user, password, database, *options.values())):
        raise _wrong(text, "must not contain a NUL character")
    seconds = _connect_timeout(text, options.pop("connect_timeout", ""))
    _check_options(text, options)
    return {
        "connect_timeout": seconds,
        "hosts": hosts,
        "user": user or None,
        "password": password or None,
        "database": database or None,
        "options": tuple((name, value) for name, value in options.items() if name not in _NOT_SENT),
    }


def _connect_timeout(text: str, seconds: str) -> float | None:
    """As libpq reads it: 0 and negative numbers mean that there is none."""
    if not seconds:
        return None
    digits = seconds.removeprefix("-")
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 5):
        raise _wrong(text, "connect_timeout must be a whole number of seconds")
    return float(seconds) if int(seconds) > 0 else None


def _check_options(text: str, options: dict[str, str]) -> None:
    for name, choices in _CHOICES_OF.items():
        if options.get(name, choices[0]) not in choices:
            raise _wrong(text, f"{name} must be one of: {', '.join(choices)}")
    if options.pop("schema", "public") != "public":  # Prisma's
        raise _wrong(text, "an option names a schema; leave it out and set SLASHSPAN_TABLE=schema.command_calls")


def _options(text: str, parts: UrlParts) -> dict[str, str]:
    try:
        return dict(parse_qsl(parts.query or "", keep_blank_values=True, strict_parsing=bool(parts.query)))
    except ValueError:
        raise _wrong(text, f"options are name=value, joined by &; {HOW_TO_ENCODE}") from None


def _hosts(text: str, hosts: str) -> tuple[tuple[str, int | None], ...]:
    found = []
    for host in hosts.split(",") if hosts else ():
        parts = split_host(host)
        if parts is None:
            raise _wrong(text, f"{_PORT}; {HOW_TO_ENCODE}. It must be like {CHOICES}")
        found.append((unquote(parts[0]) or "localhost", _port(text, parts[1])))
    return tuple(found)


def _with_ports(text: str, hosts: tuple[tuple[str, int | None], ...], ports: str) -> tuple[tuple[str, int | None], ...]:
    """With those of the option `port`: one for all hosts, or one each. A host's own wins."""
    if not ports:
        return hosts
    hosts = hosts or (("localhost", None),)
    numbers = [_port(text, port) for port in ports.split(",")]
    if len(numbers) == 1:
        numbers *= len(hosts)
    if len(numbers) != len(hosts):
        raise _wrong(text, f"names {len(hosts)} hosts and {len(numbers)} ports")
    return tuple((host, port or number) for (host, port), number in zip(hosts, numbers, strict=True))


def _port(text: str, digits: str | None) -> int | None:
    if not digits:
        return None
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 5 and 1 <= int(digits) <= 65535):
        raise _wrong(text, _PORT)
    return int(digits)
