"""What a value of a standard variable must look like. Each rule answers with what is wrong, in a few words, or None."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

from slashspan.masking import split_host, split_url

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

GRPC: Final = "grpc"
HTTP: Final = "http/protobuf"
LONGEST_MS: Final = 2**31 - 1
"""About 24 days; more than some systems let a thread wait."""
LONGEST_SECONDS: Final = 86_400
LARGEST_COUNT: Final = 2**31 - 1
_HEADER_NAME: Final = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")  # token, RFC 9110 5.6.2
_GRPC_KEY: Final = re.compile(r"[0-9a-z_.-]+")  # https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md
_PRINTABLE: Final = re.compile(r"[\x20-\x7e]*")


@dataclass(frozen=True, slots=True)
class Rule:
    """Which values a variable takes."""

    values: str
    """For the reference."""
    complaint: Callable[[str, Collection[str]], str | None] = lambda _value, _protocols: None
    """What is wrong with a value, given the OTLP protocols in use."""


ANY: Final = Rule("text")


def elsewhere(values: str) -> Rule:
    """Checked by the code that uses the value."""
    return Rule(values)


def whole(least: int, most: int, unit: str = "") -> Rule:
    """A whole number."""
    values = f"{least} to {most}{unit and ' ' + unit}"

    def complaint(value: str, _: Collection[str]) -> str | None:
        try:
            fits = least <= int(value) <= most
        except ValueError:
            fits = False
        return None if fits else f"must be a whole number from {values}"

    return Rule(values, complaint)


def number(most: float, unit: str) -> Rule:
    """A number above 0."""
    wrong = f"must be a number of {unit} above 0, {most:g} at most"

    def complaint(value: str, _: Collection[str]) -> str | None:
        try:
            given = float(value)
        except ValueError:
            return wrong
        return None if math.isfinite(given) and 0 < given <= most else wrong

    return Rule(f"{unit}, above 0, {most:g} at most", complaint)


def one_of(*choices: str, any_case: bool = False) -> Rule:
    def complaint(value: str, _: Collection[str]) -> str | None:
        return None if (value.lower() if any_case else value) in choices else _must_be(choices)

    return Rule(", ".join(f"`{choice}`" for choice in choices), complaint)


BOOLEAN: Final = Rule("`true`, `false`")
"""Anything but `true` is false: the specification wants a warning, never an error."""


def is_true(value: str) -> bool:
    """A boolean of OpenTelemetry."""
    return value.strip().lower() == "true"


def installed(group: str, *more: str, several: bool = False) -> Rule:
    """The name of an entry point of `group`, or one of `more`; `several`: a comma-separated list of them."""

    def complaint(value: str, _: Collection[str]) -> str | None:
        from importlib.metadata import entry_points  # takes longer to import than all rules

        names = {point.name for point in entry_points(group=group)} | set(more)
        given = [part.strip() for part in value.split(",")] if several else [value]
        if all(name in names for name in given):
            return None
        if not names:
            return f"no installed package provides it (entry points `{group}`)"
        return f"must be {'a comma-separated list' if several else 'one'} of: {', '.join(sorted(names))}"

    return Rule(f"{'entry points' if several else 'an entry point'} of `{group}`", complaint)


def _must_be(choices: Collection[str]) -> str:
    return f"must be one of: {', '.join(choices)}"


def _pairs(value: str, _: Collection[str]) -> str | None:
    for place, pair in enumerate(value.split(","), 1):
        name, equals, _text = pair.partition("=")
        if pair.strip() and not (equals and name.strip()):
            return f"item {place} is not name=value"
    return None


PAIRS: Final = Rule("`name=value,…`, values percent-encoded", _pairs)


def _headers(value: str, protocols: Collection[str]) -> str | None:
    """The exporters skip a wrong header, quoting it in a log, or fail with every batch; gRPC takes less than HTTP."""
    for place, pair in enumerate(value.split(","), 1):
        if not pair.strip():
            continue
        name, equals, text = pair.partition("=")
        name = unquote(name).strip().lower()
        if not equals or not _HEADER_NAME.fullmatch(name):
            return f"item {place} is not name=value"
        if not _PRINTABLE.fullmatch(unquote(text).strip()) or re.search(r'[";\\]', text):
            return f"the value of item {place} has characters that a header cannot have or that must be encoded"
        if GRPC in protocols and not (_GRPC_KEY.fullmatch(name) and not name.endswith("-bin")):
            return f"the name of item {place} cannot be used with gRPC"
    return None


HEADERS: Final = Rule("`name=value,…`, values percent-encoded", _headers)


def _endpoint(value: str, protocols: Collection[str]) -> str | None:
    parts = split_url(value)
    address = None if parts is None else split_host(parts.hosts)
    web = parts is not None and parts.scheme.lower() in ("http", "https")
    if address is not None and 1 <= int(address[1] or 1) <= 65535 and (web or HTTP not in protocols):
        return None
    return (
        f"must be like https://host:{4318 if HTTP in protocols else 4317}, with a port from 1 to 65535 and special "
        "characters of user and password percent-encoded"
    )


ENDPOINT: Final = Rule("a URL", _endpoint)


def _protocol(value: str, _: Collection[str]) -> str | None:
    return None if value in (GRPC, HTTP) else _must_be((GRPC, HTTP))


PROTOCOL: Final = Rule(f"`{GRPC}`, `{HTTP}`", _protocol)


def _compression(value: str, protocols: Collection[str]) -> str | None:
    choices = ("none", "gzip") if GRPC in protocols else ("none", "gzip", "deflate")
    return None if value.lower() in choices else _must_be(choices)


COMPRESSION: Final = Rule("`none`, `gzip`; with HTTP also `deflate`", _compression)


def _certificates(value: str, _: Collection[str]) -> str | None:
    import ssl

    return _pem(value) or _loads(lambda: ssl.create_default_context(cafile=value))


def _pem(value: str) -> str | None:
    """The exporters log a traceback for a missing file, or fail with every batch."""
    try:
        text = Path(value).read_bytes()
    except OSError as error:
        return f"cannot be read: {error.strerror or error}"
    return None if b"-----BEGIN " in text else "is not a PEM file"


def _loads(load: Callable[[], object]) -> str | None:
    import ssl  # takes as long to import as all rules

    try:
        load()
    except (ssl.SSLError, ValueError) as error:
        return f"is not a valid certificate: {getattr(error, 'reason', None) or error}"
    return None


CERTIFICATES: Final = Rule("a PEM file", _certificates)
PEM: Final = Rule("a PEM file", lambda value, _: _pem(value))


def _grpc_codes(value: str, _: Collection[str]) -> str | None:
    unknown = [code for code in value.split(",") if code.strip() and code.strip().upper() not in GRPC_CODES]
    return f"must be a comma-separated list of: {', '.join(GRPC_CODES)}" if unknown else None


GRPC_CODES: Final = (
    *("OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS"),
    *("PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED"),
    *("INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED"),
)
"""https://grpc.io/docs/guides/status-codes/"""
STATUS_CODES: Final = Rule("names of gRPC status codes", _grpc_codes)
