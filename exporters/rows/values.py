"""Converts any value that a bot may set into one that every store accepts. Nothing here raises."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from slashspan.exporters.rows.timestamps import as_datetime

MAX_TEXT: Final = 256
"""Most characters in a text column; Discord's own names have at most 100."""
MAX_JSON: Final = 32_768
"""Most characters in a JSON column; a longer value is replaced by its size."""
MAX_JSON_TEXT: Final = 2_048
MAX_JSON_DEPTH: Final = 8
INT64: Final = 2**63
INT32: Final = 2**31


def clean(text: str) -> str:
    """The text without NUL, which PostgreSQL rejects, and lone surrogates, which UTF-8 cannot encode."""
    if text.isascii():
        return text.replace("\x00", "") if "\x00" in text else text
    return text.replace("\x00", "").encode("utf-8", "replace").decode("utf-8")


def as_text(value: Any) -> str:
    """At most MAX_TEXT characters."""
    if type(value) is str and value.isascii() and len(value) <= MAX_TEXT and "\x00" not in value:
        return value
    text = clean(value if isinstance(value, str) else str(value))
    return text if len(text) <= MAX_TEXT else text[:MAX_TEXT]


def as_float(value: Any) -> float | None:
    """None for what is not a finite number."""
    if type(value) is float:
        return value if math.isfinite(value) else None
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        try:
            number = float(value)
        except OverflowError:
            return None
        return number if math.isfinite(number) else None
    return None


def as_int64(value: Any) -> int | None:
    """None for what is not an integer of 64 bits. Ids arrive as strings."""
    try:
        number = int(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if -INT64 <= number < INT64 else None


def as_int32(value: Any) -> int | None:
    """None for what is not an integer of 32 bits."""
    number = as_int64(value)
    return None if number is None or not -INT32 <= number < INT32 else number


def signed(span_id: int) -> int:
    """A span id as a signed 64-bit integer, which databases have."""
    return span_id - 2 * INT64 if span_id >= INT64 else span_id


def as_json(value: Any) -> str:
    """JSON text of at most MAX_JSON characters; of a longer value only its size is stored."""
    text = json_text(value)
    return text if len(text) <= MAX_JSON else json.dumps({"slashspan.left_out_chars": len(text)})


def fitting_json(values: Iterable[Any], *, room: int) -> list[str]:
    """JSON texts of the first of `values`, as many as fit into a list of `room` characters."""
    texts: list[str] = []
    for value in values:
        text = json_text(value)
        room -= len(text) + 1
        if room < 0:
            break
        texts.append(text)
    return texts


def json_text(value: Any) -> str:
    """JSON text of any length."""
    return json.dumps(jsonable(value), ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def holds_json(text: Any) -> bool:
    """Whether `text` is JSON that every JSON column accepts, such as `as_json` returns."""
    try:
        value = json.loads(text)
        return bool(jsonable(value, MAX_JSON_DEPTH + 1) == value)
    except (TypeError, ValueError, RecursionError):
        return False


def holds_time(microseconds: Any) -> bool:
    """Whether it is a time that every store can express."""
    try:
        as_datetime(microseconds)
    except (TypeError, ValueError, OverflowError):
        return False
    return True


def jsonable(value: Any, depth: int = MAX_JSON_DEPTH) -> Any:
    """The same value in types that every JSON column accepts."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if -INT64 <= value < INT64 else str(value)[:MAX_JSON_TEXT]
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, str):
        return clean(value)[:MAX_JSON_TEXT]
    if isinstance(value, bytes):
        return base64.b64encode(value[:MAX_JSON_TEXT]).decode()
    if depth == 0:
        return "…"
    if isinstance(value, Mapping):
        return {clean(str(key))[:MAX_TEXT]: jsonable(item, depth - 1) for key, item in value.items()}
    if isinstance(value, Sequence):
        return [jsonable(item, depth - 1) for item in value]
    return clean(str(value))[:MAX_JSON_TEXT]
