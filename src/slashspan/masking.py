"""URLs without their secrets, for logs, output and files.

A password that was not percent-encoded may contain any character. A URL is therefore only split if the position of its
only `@` leaves no doubt; of any other URL only the scheme is shown.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

HIDDEN: Final = "…"
_SCHEME: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_AUTHORITY: Final = re.compile(r"[^/?#]*")
_PLAIN_SEGMENTS: Final = frozenset(
    (
        "",
        "api",
        "collector",
        "ingest",
        "logs",
        "metrics",
        "opentelemetry",
        "otel",
        "otlp",
        "public",
        "traces",
        "v1",
        "v2",
    )
)
"""Parts of a path that are no key; some vendors put one there."""
_HOST: Final = re.compile(r"(\[[^\[\]@]*\]|[^:=\[\]@]*)(?::([0-9]*))?")


class UrlParts(NamedTuple):
    """The parts of a URL as written: nothing is decoded or checked."""

    scheme: str
    """As written; '' without `://`."""
    userinfo: str | None
    """The part before the `@`; None without one."""
    hosts: str
    """`host`, `host:port`, `[::1]:port`, or several with commas."""
    path: str
    """With its first slash, or ''."""
    query: str | None
    fragment: str | None


def split_url(text: str) -> UrlParts | None:
    """The parts, or None if unencoded characters leave doubt about where a password ends."""
    match = _SCHEME.match(text)
    scheme, rest = (match[1], text[match.end() :]) if match else ("", text)
    authority = _AUTHORITY.match(rest)
    assert authority is not None  # it matches the empty string too
    userinfo, at, hosts = authority[0].rpartition("@")
    rest = rest[authority.end() :]
    if "@" in userinfo or "@" in rest:
        return None
    rest, sharp, fragment = rest.partition("#")
    path, mark, query = rest.partition("?")
    return UrlParts(scheme, userinfo if at else None, hosts, path, query if mark else None, fragment if sharp else None)


def split_host(text: str) -> tuple[str, str | None] | None:
    """`host` or `[v6 address]`, without brackets, and the digits of its port; None where the port is no number."""
    match = _HOST.fullmatch(text)
    return None if match is None else (match[1].strip("[]"), match[2])


def mask_path(path: str) -> str:
    """The path of a collector's URL, with only the usual parts of one."""
    return "/".join(part if part.lower() in _PLAIN_SEGMENTS else HIDDEN for part in path.split("/"))


def mask_url(text: str) -> str:
    """The URL of a collector without user, password, query, fragment and path, each of which may contain a key."""
    parts = split_url(text)
    if parts is None or (not parts.scheme and re.search(r"\s", text)):
        return scheme_only(text)
    if split_host(parts.hosts) is None:
        return scheme_only(text)  # a password whose host is missing looks like a port
    shown = f"{parts.scheme}://" if parts.scheme else ""
    shown += "" if parts.userinfo is None else f"{HIDDEN}@"
    shown += parts.hosts + mask_path(parts.path)
    shown += "" if parts.query is None else f"?{HIDDEN}"
    return shown + ("" if parts.fragment is None else f"#{HIDDEN}")


def scheme_only(text: str) -> str:
    """`https://…`, or `…` for what has no scheme."""
    match = _SCHEME.match(text)
    return f"{match[0]}{HIDDEN}" if match else HIDDEN
