"""ClickHouse: the type of each column, and the expression that computes it from a span's attributes.

As `exporters/rows/from_span.py` does in Python, except that attributes arrive as text: what a bot has set on a span
stays text here.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Final

from slashspan import semconv
from slashspan.exporters.rows.columns import BIGINT, DOUBLE, INTEGER, TEXT, TIMESTAMP, UNIQUE_TEXT
from slashspan.exporters.rows.command_call import COLUMNS, ID, INSERTED_AT, ROW_COLUMNS, CommandCall
from slashspan.exporters.rows.values import MAX_JSON, MAX_JSON_TEXT, MAX_TEXT

if TYPE_CHECKING:
    from slashspan.exporters.rows.columns import Column, ColumnType

_TYPES: Final[dict[ColumnType, str]] = {
    BIGINT: "Int64",
    INTEGER: "Int32",
    DOUBLE: "Float64",
    TEXT: "String",
    UNIQUE_TEXT: "String",
    TIMESTAMP: "DateTime64(6, 'UTC')",
}
_CODECS: Final = {TIMESTAMP: "Delta, ZSTD(1)"}
_VARIED: Final = frozenset(("player_name",))
"""Texts of more different values than a dictionary pays for."""
_MARK: Final = (
    "Tuple(name LowCardinality(String), at_ms Nullable(Float64), step_ms Nullable(Float64), "
    "attributes Map(LowCardinality(String), String))"
)
_JSON_TYPES: Final = {"checkpoints": f"Array({_MARK})", "attributes": "Map(LowCardinality(String), String)"}
"""Of JSON columns: empty where other databases have null."""
_ALWAYS_SET: Final = frozenset(
    field.name for field in dataclasses.fields(CommandCall) if field.default is dataclasses.MISSING
)
SCHEMA_VERSION: Final = max(column.since for column in COLUMNS)
_ENVIRONMENT: Final = ("deployment.environment.name", "deployment.environment")
_OURS: Final = ", ".join(f"'{attribute.key}'" for attribute in semconv.ATTRIBUTES)


_UNKNOWN_END: Final = f"Duration = 0 AND a['{semconv.OUTCOME}'] = '{semconv.Outcome.INTERRUPTED}'"
"""Of an action whose process died: `exporters/spool/span_spool.py`."""


def type_of(column: Column) -> str:
    """Its type in ClickHouse."""
    if column.name in _JSON_TYPES:
        return _JSON_TYPES[column.name]
    name = _TYPES[column.type]
    if column.name not in _ALWAYS_SET and column.if_absent is None and column not in (ID, INSERTED_AT):
        name = f"Nullable({name})"
    return f"LowCardinality({name})" if column.type is TEXT and column.name not in _VARIED else name


def declarations() -> list[str]:
    """The columns of the table that keeps the rows."""
    return [declaration(column) for column in COLUMNS if column is not ID]


def declaration(column: Column) -> str:
    """As in CREATE TABLE and ADD COLUMN."""
    default = " DEFAULT now64(6, 'UTC')" if column is INSERTED_AT else ""
    codec = (
        "" if column.type is TEXT and column.name not in _VARIED else f" CODEC({_CODECS.get(column.type, 'ZSTD(1)')})"
    )
    return f"{column.name} {type_of(column)}{default}{codec}"


def names() -> list[str]:
    """What the view selects. `id` is computed from the row's identity, so it is the same at every node."""
    return ["reinterpretAsInt64(cityHash64(called_at, span_id)) AS id", *(column.name for column in COLUMNS[1:])]


def values() -> list[str]:
    """What the materialized view selects, from the aliases `a` of a span's attributes, `marks` and `own`."""
    other = {
        "called_at": "toDateTime64(Timestamp, 6, 'UTC')",
        "duration_ms": f"if({_UNKNOWN_END}, NULL, toInt64(Duration) / 1e6)",
        "service_name": _optional("service.name"),
        "service_version": _optional("service.version"),
        "environment": f"if({_has(_ENVIRONMENT[0])}, {_optional(_ENVIRONMENT[0])}, {_optional(_ENVIRONMENT[1])})",
        "trace_id": "TraceId",
        "span_id": "reinterpretAsInt64(reverse(unhex(SpanId)))",
        "checkpoints": "marks",
        "attributes": f"if(lengthUTF8(toJSONString(own)) > {MAX_JSON}, {_LEFT_OUT}, own)",
    }
    return [f"{other.get(column.name) or _value(column)} AS {column.name}" for column in ROW_COLUMNS]


_LEFT_OUT: Final = "map('slashspan.left_out_chars', toString(lengthUTF8(toJSONString(own))))"


def words() -> dict[str, str]:
    """Further placeholders of the materialized view's SQL."""
    step = semconv.CHECKPOINT_STEP_MS
    at = semconv.CHECKPOINT_AT_MS
    return {
        "max_text": str(MAX_TEXT),
        "at_ms_key": at,
        "at_ms": _number(f"e['{at}']"),
        "step_ms": _number(f"e['{step}']"),
        "own_of_event": _other_than(f"'{at}', '{step}'", "e"),
        "own": _other_than(_OURS, "a"),
        "kind_key": semconv.KIND,
        "autocomplete": semconv.Kind.AUTOCOMPLETE,
    }


def _value(column: Column) -> str:
    """Like the column's `convert`, and `if_absent`."""
    attribute = f"a['{column.attribute}']"
    if column.type is TEXT:
        text = _text(attribute, MAX_TEXT)
        return text if column.if_absent == "" else f"if(mapContains(a, '{column.attribute}'), {text}, NULL)"
    number = _number(attribute) if column.type is DOUBLE else f"to{_TYPES[column.type]}OrNull({attribute})"
    return number if column.if_absent is None else f"ifNull({number}, {column.if_absent})"


def _text(expression: str, most: int) -> str:
    return f"substringUTF8(replaceAll({expression}, '\\0', ''), 1, {most})"


def _number(expression: str) -> str:
    number = f"toFloat64OrNull({expression})"
    return f"if(isFinite({number}), {number}, NULL)"


def _has(key: str) -> str:
    return f"mapContains(ResourceAttributes, '{key}')"


def _optional(key: str) -> str:
    """A text of the resource, null without one."""
    return f"if({_has(key)}, {_text(f'ResourceAttributes[{key!r}]', MAX_TEXT)}, NULL)"


def _other_than(keys: str, map_: str) -> str:
    cut = f"({_text('k', MAX_TEXT)}, {_text('v', MAX_JSON_TEXT)})"
    return f"mapApply((k, v) -> {cut}, mapFilter((k, v) -> k NOT IN ({keys}), {map_}))"
