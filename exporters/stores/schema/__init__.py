"""The table: its migrations (numbered `.sql` files, one folder per dialect) and its safely quoted name.

The first file creates the table. Each later one either adds a column (`ALTER TABLE {table} ADD COLUMN {columns};`),
which is quick and which a store does by itself, or adds indexes, which takes long on a full table and is left to
`slashspan migrate`. `{columns}` are those that `exporters/rows/command_call.py` declares for the migration; which
indexes a table still lacks is read from the files, one statement a line.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING, Final

from exporters.rows.command_call import COLUMNS
from slashspan.errors import ConfigurationError

if TYPE_CHECKING:
    from exporters.rows.columns import Column, Dialect

RECORD_TABLE: Final = "slashspan_migrations"
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_$]{0,39}")
"""Short enough that the names of indexes and partitions, which begin with it, stay within PostgreSQL's 63."""
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


def migrations(dialect: Dialect, table: Table, *, partitioned: bool = False) -> list[Migration]:
    """Every step for `sqlite` or `postgresql`, in order, for this table."""
    steps = []
    for file in resources.files(__name__).joinpath(dialect).iterdir():
        if file.name.endswith(".sql") and file.name[:4].isdigit():
            text = sql = file.read_text("utf-8")
            version = int(file.name[:4])
            columns = tuple(column for column in COLUMNS if column.since == version)
            words = {
                "{table}": table.quoted,
                "{index}": table.name,
                "{columns}": ",\n    ".join(column.declaration(dialect) for column in columns),
                "{key}": "id, called_at" if partitioned else "id",
                "{partitioned}": " PARTITION BY RANGE (called_at)" if partitioned else "",
            }
            for word, value in words.items():
                sql = sql.replace(word, value)
            indexes = tuple(Index(suffix, bool(unique), on) for unique, suffix, on in _INDEX.findall(text))
            steps.append(Migration(version, file.name[:-4], sql, columns, indexes))
    return sorted(steps, key=lambda step: step.version)
