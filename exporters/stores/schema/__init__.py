"""The table: its columns, its migrations (numbered `.sql` files, one folder a dialect), its safely quoted name.

The first file creates the table. Each later one either adds columns, which is quick and which a store does by itself,
or adds indexes, which takes long on a full table and is left to `slashspan migrate`: that one reads from the files,
one statement a line, which column or index a table still lacks.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib import resources
from typing import Final

from slashspan.errors import ConfigurationError

RECORD_TABLE: Final = "slashspan_migrations"
LEGACY_COLUMNS: Final = ("id", "discord_uid", "player_name", "command", "called_at")
ROW_COLUMNS: Final = (
    "discord_uid",
    "player_name",
    "command",
    "called_at",
    "kind",
    "outcome",
    "error_type",
    "duration_ms",
    "ack_ms",
    "gateway_delay_ms",
    "rate_limited_ms",
    "interaction_id",
    "guild_id",
    "channel_id",
    "shard_id",
    "locale",
    "guild_locale",
    "service_name",
    "service_version",
    "environment",
    "trace_id",
    "span_id",
    "checkpoints",
    "attributes",
)
"""What a row fills, in the order in which the stores bind it."""
COLUMNS: Final = ("id", *ROW_COLUMNS, "inserted_at")

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_$]{0,39}")
"""Short enough that the names of indexes and partitions, which begin with it, stay within PostgreSQL's 63."""
_COLUMN = re.compile(
    r"^(?:    |ALTER TABLE \{table\} ADD COLUMN )([a-z_]+) +([A-Za-z]+(?: precision)?)\b(.*?)[,;]?$", re.MULTILINE
)
_INDEX = re.compile(r"^CREATE (UNIQUE )?INDEX \{index\}_([a-z_]+) ON \{table\} (.+);$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Table:
    """The table's name, checked: letters, digits and underscores, in PostgreSQL with its schema before a dot."""

    name: str
    schema: str | None = None

    @classmethod
    def parse(cls, text: str, *, schemas: bool) -> Table:
        """From `SLASHSPAN_TABLE`. Raises ConfigurationError."""
        parts = text.split(".")
        if len(parts) > (2 if schemas else 1) or not all(_NAME.fullmatch(part) for part in parts):
            form = "name or schema.name" if schemas else "name"
            raise ConfigurationError(
                f"SLASHSPAN_TABLE={text!r}: must be {form}, of at most 40 letters, digits and underscores"
            )
        return cls(parts[-1], parts[0] if len(parts) == 2 else None)

    @property
    def quoted(self) -> str:
        """For SQL."""
        return f'"{self.name}"' if self.schema is None else f'"{self.schema}"."{self.name}"'

    def part(self, suffix: str) -> str:
        """The name of an index or partition of the table."""
        return f"{self.name}_{suffix}"

    def beside(self, suffix: str) -> str:
        """The same for SQL, in the table's schema."""
        name = f'"{self.part(suffix)}"'
        return name if self.schema is None else f'"{self.schema}".{name}'

    def __str__(self) -> str:
        return self.name if self.schema is None else f"{self.schema}.{self.name}"


@dataclass(frozen=True, slots=True)
class Column:
    """A column as a migration declares it."""

    name: str
    type: str
    more: str
    """`NOT NULL`, `DEFAULT …`."""

    @property
    def default(self) -> str | None:
        return self.more.partition("DEFAULT ")[2] or None


@dataclass(frozen=True, slots=True)
class Index:
    """An index as a migration declares it."""

    suffix: str
    unique: bool
    on: str
    """`(command, called_at)`, or with `USING …` before it."""

    def sql(self, name: str, table: str, *, concurrently: bool = False) -> str:
        """`table`: quoted."""
        unique = "UNIQUE " if self.unique else ""
        return f'CREATE {unique}INDEX {"CONCURRENTLY " if concurrently else ""}"{name}" ON {table} {self.on}'


IDENTITY: Final = "identity"
"""Suffix of the index that makes a row's key unique: without it no store can write."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One numbered step of the schema."""

    version: int
    name: str
    sql: str
    columns: tuple[Column, ...]
    indexes: tuple[Index, ...]


def migrations(dialect: str, table: Table, *, partitioned: bool = False) -> list[Migration]:
    """Every step for `sqlite` or `postgresql`, in order, for this table."""
    steps = []
    words = {
        "{table}": table.quoted,
        "{index}": table.name,
        "{key}": "id, called_at" if partitioned else "id",
        "{partitioned}": " PARTITION BY RANGE (called_at)" if partitioned else "",
    }
    for file in resources.files(__name__).joinpath(dialect).iterdir():
        if file.name.endswith(".sql") and file.name[:4].isdigit():
            text = sql = file.read_text("utf-8")
            for word, value in words.items():
                sql = sql.replace(word, value)
            columns = tuple(Column(name, type_, more.strip()) for name, type_, more in _COLUMN.findall(text))
            indexes = tuple(Index(suffix, bool(unique), on) for unique, suffix, on in _INDEX.findall(text))
            steps.append(Migration(int(file.name[:4]), file.name[:-4], sql, columns, indexes))
    return sorted(steps, key=lambda step: step.version)
