"""A checked DSN."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlencode

from slashspan.dsn import clickhouse, postgresql, sqlite
from slashspan.dsn.shown import CHOICES, SHOWN_OPTIONS, mask_dsn, wrong_dsn
from slashspan.masking import HIDDEN

if TYPE_CHECKING:
    from pathlib import Path

SQLITE: Final = "sqlite"
POSTGRESQL: Final = "postgresql"
CLICKHOUSE: Final = "clickhouse"
DEFAULT_PORT: Final = 5432
_SCHEMES: Final = {"sqlite": SQLITE, "postgresql": POSTGRESQL, "postgres": POSTGRESQL, "clickhouse": CLICKHOUSE}
_PARSE: Final = {SQLITE: sqlite.parse, POSTGRESQL: postgresql.parse, CLICKHOUSE: clickhouse.parse}


@dataclass(frozen=True, slots=True, repr=False)
class Dsn:
    """A checked DSN. `str`, `repr` and `masked` never show a password; `text` is what was written."""

    text: str
    dialect: str
    """SQLITE, POSTGRESQL or CLICKHOUSE."""
    file: Path | None = None
    """SQLite's path as written; relative to the working directory."""
    hosts: tuple[tuple[str, int | None], ...] = ()
    """PostgreSQL's hosts (or socket folders) and ports, in the order in which they are tried; ClickHouse's only one,
    with the port of its HTTP interface."""
    user: str | None = None
    password: str | None = None
    database: str | None = None
    options: tuple[tuple[str, str], ...] = ()
    """The other options of the URL's query, such as `sslmode`."""
    connect_timeout: float | None = None
    """Seconds for connecting to a server, if the URL sets them."""
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
            raise wrong_dsn(text, f"must be one of: {CHOICES}{quotes}")
        return cls(text, dialect, **_PARSE[dialect](text))

    @property
    def is_sqlite(self) -> bool:
        return self.dialect == SQLITE

    @property
    def is_clickhouse(self) -> bool:
        return self.dialect == CLICKHOUSE

    @property
    def has_schemas(self) -> bool:
        """Whether the name of a table may have a schema before it."""
        return self.dialect == POSTGRESQL

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
        return f"{self.dialect}://{hosts}/{quote(self.database or '', safe='')}"

    def connect_arguments(self) -> dict[str, Any]:
        """Arguments for `asyncpg.connect`, whose own parser would quote parts of a password in its errors, or for
        `clickhouse_connect.get_client`.
        """
        if self.is_clickhouse:
            return clickhouse.connect_arguments(self)
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
        secrets = {self.password or "", *(value for name, value in self.options if name not in SHOWN_OPTIONS)}
        forms = {form for secret in secrets for form in (secret, quote(secret, safe=""), quote(secret))}
        for form in sorted(forms - {""}, key=len, reverse=True):
            words = words.replace(form, HIDDEN)
        return words

    def __str__(self) -> str:
        return self.masked

    def __repr__(self) -> str:
        return f"Dsn({self.masked!r})"
