"""The table: its migrations (numbered `.sql` files, one folder per dialect) and its safely quoted name.

The first file creates the table. Each later one either adds a column (`ALTER TABLE {table} ADD COLUMN {columns};`),
which is quick and which a store does itself, or adds indexes, which takes long for a large table and is left to
`slashspan migrate`. `{columns}` are those that `exporters/rows/command_call.py` declares for the migration. The indexes
are read from the files, which have one statement on each line.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING, Final

from slashspan.exporters.rows.command_call import COLUMNS

if TYPE_CHECKING:
    from slashspan.exporters.rows.columns import Column, Dialect
    from slashspan.table import Table

RECORD_TABLE: Final = "slashspan_migrations"
_INDEX = re.compile(r"^CREATE (UNIQUE )?INDEX \{index\}_([a-z_]+) ON \{table\} (.+);$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Index:
    """An index declared by a migration."""

    suffix: str
    unique: bool
    on: str
    """`(command, called_at)`, possibly after `USING …`."""

    def sql(self, name: str, table: str, *, concurrently: bool = False) -> str:
        """`table`: quoted."""
        unique = "UNIQUE " if self.unique else ""
        return f'CREATE {unique}INDEX {"CONCURRENTLY " if concurrently else ""}"{name}" ON {table} {self.on}'


IDENTITY: Final = "identity"
"""Suffix of the unique index on a row's key, without which no store can write."""


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
