"""The row: one user action as it stands in `command_calls`, and how a span becomes one."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from slashspan import semconv

if TYPE_CHECKING:
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import ReadableSpan

MAX_TEXT: Final = 256
"""Characters of a text column; Discord's own names are at most 100."""
MAX_JSON: Final = 32_768
"""Characters of a JSON column; more is replaced by a note of its size."""
MAX_JSON_TEXT: Final = 2_048
MAX_JSON_DEPTH: Final = 8
_INT64: Final = 2**63
_INT32: Final = 2**31
_OURS: Final = frozenset(attribute.key for attribute in semconv.ATTRIBUTES)


@dataclass(slots=True)
class CommandCall:
    """One row of `command_calls`, ready for any store; `(called_at_us, span_id)` is its identity.

    Not to be changed once made; that it could be is the price of making one in a quarter of the time.

    Strings hold neither NUL nor lone surrogates and integers fit their columns: `from_span` sees to it.
    `checkpoints` and `attributes` are JSON text (or None), encoded once.
    """

    called_at_us: int
    """Receive time, µs since 1970-01-01 UTC."""
    span_id: int
    """Signed 64-bit."""
    trace_id: str
    """32 hex digits."""
    discord_uid: int
    player_name: str
    command: str
    kind: str
    outcome: str
    error_type: str | None = None
    duration_ms: float | None = None
    ack_ms: float | None = None
    gateway_delay_ms: float | None = None
    rate_limited_ms: float | None = None
    interaction_id: int | None = None
    guild_id: int | None = None
    channel_id: int | None = None
    shard_id: int | None = None
    locale: str | None = None
    guild_locale: str | None = None
    service_name: str | None = None
    service_version: str | None = None
    environment: str | None = None
    checkpoints: str | None = None
    attributes: str | None = None


def from_span(span: ReadableSpan) -> CommandCall | None:
    """The row of a finished user action; None for a span that is none. Never raises for what a bot may have set."""
    context = span.context
    if context is None or span.start_time is None:
        return None
    events = span._events
    return from_parts(
        attributes_of(span),
        trace_id=context.trace_id,
        span_id=context.span_id,
        start_ns=span.start_time,
        end_ns=span.end_time,
        service=service_of(span.resource),
        checkpoints=checkpoints_of((event.name, event.attributes or {}) for event in events) if events else None,
    )


def attributes_of(span: ReadableSpan) -> Mapping[str, Any]:
    """The span's attributes, to be read only. Through the SDK's interface a copy takes 5 µs; a dict is inside."""
    attributes = span._attributes
    inner = getattr(attributes, "_dict", None)
    return inner if isinstance(inner, dict) else dict(attributes or {})


def from_parts(
    attributes: Mapping[str, Any],
    *,
    trace_id: int,
    span_id: int,
    start_ns: int,
    end_ns: int | None,
    service: Service,
    checkpoints: str | None,
) -> CommandCall | None:
    """The row of what a span said, None when it says nothing of a user action. Never raises for odd attributes."""
    get = attributes.get
    kind = get(semconv.KIND)
    if kind is None:
        return None
    own = None if attributes.keys() <= _OURS else {key: attributes[key] for key in attributes if key not in _OURS}
    service_name, service_version, environment = service
    return CommandCall(
        called_at_us=start_ns // 1000,
        span_id=span_id - 2 * _INT64 if span_id >= _INT64 else span_id,
        trace_id=f"{trace_id:032x}",
        discord_uid=_int(get(semconv.USER_ID), _INT64) or 0,
        player_name=_text(get(semconv.USER_NAME)) or "",
        command=_text(get(semconv.COMMAND_NAME)) or "",
        kind=_text(kind) or "",
        outcome=_text(get(semconv.OUTCOME)) or "",
        error_type=_text(get(semconv.ERROR_TYPE)),
        duration_ms=None if end_ns is None else (end_ns - start_ns) / 1e6,
        ack_ms=_float(get(semconv.ACK_MS)),
        gateway_delay_ms=_float(get(semconv.GATEWAY_DELAY_MS)),
        rate_limited_ms=_float(get(semconv.RATE_LIMITED_MS, 0.0)),
        interaction_id=_int(get(semconv.INTERACTION_ID), _INT64),
        guild_id=_int(get(semconv.GUILD_ID), _INT64),
        channel_id=_int(get(semconv.CHANNEL_ID), _INT64),
        shard_id=_int(get(semconv.SHARD_ID), _INT32),
        locale=_text(get(semconv.LOCALE)),
        guild_locale=_text(get(semconv.GUILD_LOCALE)),
        service_name=service_name,
        service_version=service_version,
        environment=environment,
        checkpoints=checkpoints,
        attributes=_json(own) if own else None,
    )


def clean(text: str) -> str:
    """Without NUL, which PostgreSQL refuses, and lone surrogates, which UTF-8 cannot say."""
    if text.isascii():
        return text.replace("\x00", "") if "\x00" in text else text
    return text.replace("\x00", "").encode("utf-8", "replace").decode("utf-8")


Service = tuple["str | None", "str | None", "str | None"]
"""Name, version, environment."""

_last_service: tuple[Resource | None, Service] = (None, (None, None, None))


def service_of(resource: Resource) -> Service:
    """What the resource says of the bot."""
    # A process has one resource or two; hashing one costs more than the row.
    global _last_service
    known, service = _last_service
    if known is not resource:
        get = resource.attributes.get
        environment = get("deployment.environment.name", get("deployment.environment"))
        service = (_text(get("service.name")), _text(get("service.version")), _text(environment))
        _last_service = (resource, service)
    return service


def checkpoints_of(events: Iterable[tuple[str, Mapping[str, Any]]]) -> str | None:
    """The column `checkpoints` from a span's events, by name and attributes; other events are passed over."""
    marks = []
    for name, said in events:
        attributes = dict(said)
        at = attributes.pop(semconv.CHECKPOINT_AT_MS, None)
        step = attributes.pop(semconv.CHECKPOINT_STEP_MS, None)
        if at is not None:
            marks.append({"name": name, "at_ms": _rounded(at), "step_ms": _rounded(step), **attributes})
    return _json(marks) if marks else None


def _rounded(value: Any) -> float | None:
    number = _float(value)
    return None if number is None else round(number, 3)


def _text(value: Any) -> str | None:
    if value is None:
        return None
    text = clean(value if isinstance(value, str) else str(value))
    return text if len(text) <= MAX_TEXT else text[:MAX_TEXT]


def _float(value: Any) -> float | None:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        try:
            number = float(value)
        except OverflowError:
            return None
        return number if math.isfinite(number) else None
    return None


def _int(value: Any, bound: int) -> int | None:
    try:
        number = int(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if -bound <= number < bound else None


def _json(value: Any) -> str:
    text = json.dumps(jsonable(value), ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text if len(text) <= MAX_JSON else json.dumps({"slashspan.left_out_chars": len(text)})


def jsonable(value: Any, depth: int = MAX_JSON_DEPTH) -> Any:
    """The same thing in words that every JSON column takes."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if -_INT64 <= value < _INT64 else str(value)[:MAX_JSON_TEXT]
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
