"""The parts that the URLs of servers have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl, unquote

from slashspan.dsn.shown import CHOICES, HOW_TO_ENCODE, wrong_dsn
from slashspan.masking import split_host, split_url

if TYPE_CHECKING:
    from slashspan.masking import UrlParts

_PORT: Final = "the port must be a number from 1 to 65535"


def parts_of(text: str) -> UrlParts:
    """The URL's parts as written. Raises ConfigurationError."""
    parts = split_url(text)
    if parts is None or parts.fragment is not None:
        raise wrong_dsn(text, f"cannot tell where the password ends; {HOW_TO_ENCODE}. It must be like {CHOICES}")
    if not parts.scheme:
        raise wrong_dsn(text, f"must be one of: {CHOICES}")
    return parts


def user_and_password(parts: UrlParts) -> tuple[str, str]:
    """Decoded; '' for what is missing."""
    user, _, password = (unquote(part) for part in (parts.userinfo or "").partition(":"))
    return user, password


def refuse_nul(text: str, *values: str) -> None:
    """Raises ConfigurationError."""
    if any("\0" in value for value in values):
        raise wrong_dsn(text, "must not contain a NUL character")


def connect_timeout_of(text: str, seconds: str) -> float | None:
    """As libpq reads it: 0 and negative numbers mean that there is none. Raises ConfigurationError."""
    if not seconds:
        return None
    digits = seconds.removeprefix("-")
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 5):
        raise wrong_dsn(text, "connect_timeout must be a whole number of seconds")
    return float(seconds) if int(seconds) > 0 else None


def options_of(text: str, parts: UrlParts) -> dict[str, str]:
    """Those of the query, decoded. Raises ConfigurationError."""
    try:
        return dict(parse_qsl(parts.query or "", keep_blank_values=True, strict_parsing=bool(parts.query)))
    except ValueError:
        raise wrong_dsn(text, f"options are name=value, joined by &; {HOW_TO_ENCODE}") from None


def hosts_of(text: str, hosts: str) -> tuple[tuple[str, int | None], ...]:
    """Hosts and ports, decoded. Raises ConfigurationError."""
    found = []
    for host in hosts.split(",") if hosts else ():
        parts = split_host(host)
        if parts is None:
            raise wrong_dsn(text, f"{_PORT}; {HOW_TO_ENCODE}. It must be like {CHOICES}")
        found.append((unquote(parts[0]) or "localhost", port_of(text, parts[1])))
    return tuple(found)


def port_of(text: str, digits: str | None) -> int | None:
    """None without one. Raises ConfigurationError."""
    if not digits:
        return None
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 5 and 1 <= int(digits) <= 65535):
        raise wrong_dsn(text, _PORT)
    return int(digits)
