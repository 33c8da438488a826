"""The table: its columns, its migrations (numbered `.sql` files, one folder a dialect), its safely quoted name."""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING, Final

from exporters.errors import SchemaMismatch
from slashspan.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Collection

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

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_$]{0,62}")


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
            raise ConfigurationError(f"SLASHSPAN_TABLE={text!r}: must be {form}, of letters, digits and underscores")
        return cls(parts[-1], parts[0] if len(parts) == 2 else None)

    @property
    def quoted(self) -> str:
        """For SQL."""
        return f'"{self.name}"' if self.schema is None else f'"{self.schema}"."{self.name}"'

    def __str__(self) -> str:
        return self.name if self.schema is None else f"{self.schema}.{self.name}"


@dataclass(frozen=True, slots=True)
class Migration:
    """One numbered step of the schema."""

    version: int
    name: str
    sql: str


def migrations(dialect: str, table: Table) -> list[Migration]:
    """Every step for `sqlite` or `postgresql`, in order, for this table."""
    steps = []
    for file in resources.files(__name__).joinpath(dialect).iterdir():
        if file.name.endswith(".sql"):
            sql = file.read_text("utf-8").replace("{table}", table.quoted).replace("{index}", table.name)
            steps.append(Migration(int(file.name[:4]), file.name[:-4], sql))
    return sorted(steps, key=lambda step: step.version)


def refuse_foreign(table: Table, found: Collection[str]) -> None:
    """Raise SchemaMismatch, with the difference, for a table of that name that is not ours."""
    missing = [column for column in COLUMNS if column not in found]
    if not missing:
        return
    if set(found) >= set(LEGACY_COLUMNS):
        raise SchemaMismatch(
            f"table {table} is an older one that lacks: {', '.join(missing)}. Name another with SLASHSPAN_TABLE, "
            f"or rename the old table"
        )
    raise SchemaMismatch(
        f"table {table} is something else: it has {', '.join(sorted(found))}; of ours it lacks {', '.join(missing)}. "
        f"Name another with SLASHSPAN_TABLE"
    )
