"""The name of the table, checked and quoted."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from slashspan.errors import ConfigurationError

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_$]{0,39}")
"""Short enough that the names of indexes and partitions, which begin with it, stay within PostgreSQL's 63."""


@dataclass(frozen=True, slots=True)
class Table:
    """The table's name, checked: letters, digits and underscores, in PostgreSQL with its schema before a dot."""

    name: str
    schema: str | None = None

    @classmethod
    def parse(cls, text: str, *, schemas: bool) -> Table:
        """From `SLASHSPAN_TABLE`; `schemas`: the database has them. Raises ConfigurationError."""
        parts = text.split(".")
        if len(parts) > (2 if schemas else 1) or not all(_NAME.fullmatch(part) for part in parts):
            form = "a name or schema.name" if schemas else "a name without a schema"
            raise ConfigurationError(
                f"SLASHSPAN_TABLE={text!r}: must be {form}, of at most 40 letters, digits and underscores each"
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
