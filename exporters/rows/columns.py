"""Describes a column: its type in each dialect, its constraints, and the span attribute that it is read from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal

from slashspan.exporters.rows.values import as_float, as_int32, as_int64, as_json, as_text, holds_json, holds_time

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Dialect = Literal["postgresql", "sqlite"]


@dataclass(frozen=True, slots=True, eq=False)
class ColumnType:
    """A column type. Stores choose the encoding by its identity."""

    postgresql: str
    sqlite: str
    convert: Callable[[Any], Any]
    """Converts an attribute's value; None if the column cannot hold it. Never raises."""
    check: Callable[[Any], bool] | None = None

    def holds(self, value: Any) -> bool:
        """Whether every store can write a row's `value` into such a column."""
        return bool(self.convert(value) == value) if self.check is None else self.check(value)


BIGINT: Final = ColumnType("bigint", "INTEGER", as_int64)
INTEGER: Final = ColumnType("integer", "INTEGER", as_int32)
DOUBLE: Final = ColumnType("double precision", "REAL", as_float)
TEXT: Final = ColumnType("text", "TEXT", as_text)
UNIQUE_TEXT: Final = ColumnType("text", "TEXT", as_text)
"""Text that differs from row to row, so caching its encoding is not worthwhile."""
TIMESTAMP: Final = ColumnType("timestamptz", "TEXT", as_int64, holds_time)
"""Microseconds since 1970-01-01 UTC in a row; in SQLite UTC ISO 8601 text, which sorts and which its date functions
read."""
JSON: Final = ColumnType("jsonb", "TEXT", as_json, holds_json)
"""JSON text in a row, encoded once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column of `command_calls`."""

    name: str
    type: ColumnType
    meaning: str
    attribute: str | None = None
    """Key of the span attribute that it is read from."""
    if_absent: Any = None
    """Stored when the span lacks the attribute, or has one that the column cannot hold."""
    required: bool = False
    """NOT NULL, in a table that slashspan creates."""
    default: Mapping[Dialect, str] = field(default_factory=dict)
    """The SQL default with which the store fills it."""
    generated: Mapping[Dialect, str] = field(default_factory=dict)
    """SQL for a column that the store generates."""
    since: int = 1
    """The migration that adds it."""

    def declaration(self, dialect: Dialect) -> str:
        """As in CREATE TABLE."""
        parts = [self.name, getattr(self.type, dialect)]
        if self.required:
            parts.append("NOT NULL")
        if generated := self.generated.get(dialect):
            parts.append(generated)
        if default := self.default.get(dialect):
            parts.append(f"DEFAULT {default}")
        return " ".join(parts)
