"""The plan of an upgrade: computed from the catalog, printed by `--dry-run`, executed step by step.

A plan contains what is still missing, so it can be interrupted after any step; the next plan contains the rest.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from slashspan.exporters.stores.errors import SchemaMismatch

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from slashspan.exporters.stores.schema import Migration
    from slashspan.table import Table

MIGRATE: Final = "run `slashspan migrate`"


@dataclass(frozen=True, slots=True)
class Step:
    """A step that is done completely or not at all."""

    title: str
    sql: tuple[str, ...]
    alone: bool = False
    """Outside of a transaction, as CONCURRENTLY requires: one statement."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The steps in order, and what the operator should know before running them."""

    steps: tuple[Step, ...]
    notes: tuple[str, ...] = ()

    def lines(self) -> list[str]:
        """The plan as text: each step with its SQL, which can also be run by hand."""
        lines = []
        for number, step in enumerate(self.steps, 1):
            lines.append(f"-- {number}. {step.title}")
            lines += ([] if step.alone else ["BEGIN;"]) + [f"{sql.rstrip().rstrip(';')};" for sql in step.sql]
            lines += [] if step.alone else ["COMMIT;"]
        return lines + [f"-- note: {note}" for note in self.notes]


def refuse(table: Table, found: Iterable[str], reasons: Sequence[str]) -> SchemaMismatch:
    """The error for a table of that name that is not ours, with the difference."""
    return SchemaMismatch(
        f"table {table} is not a command_calls table: it has {', '.join(sorted(found))}; {'; '.join(reasons)}. "
        "Choose another name with SLASHSPAN_TABLE"
    )


def missing_columns(steps: Sequence[Migration], found: Mapping[str, object]) -> dict[int, list[str]]:
    """By migration: the columns that it adds and the table lacks."""
    lacking = {step.version: [column.name for column in step.columns if column.name not in found] for step in steps}
    return {version: names for version, names in lacking.items() if names}


def refuse_newer(table: Table, lacking: Mapping[int, Sequence[str]], recorded: Iterable[int], newest: int) -> None:
    """Raise SchemaMismatch for a table of a newer slashspan that no longer has all of our columns."""
    version = max(recorded, default=0)
    if version > newest and lacking:
        names = ", ".join(name for columns in lacking.values() for name in columns)
        raise SchemaMismatch(
            f"table {table} was created by a newer slashspan (schema {version}; this one knows {newest}) and no longer "
            f"has: {names}. Upgrade slashspan"
        )


def refuse_older(table: Table, lacking: Mapping[int, Sequence[str]], first: int) -> None:
    """Raise SchemaMismatch for the table of an old bot, which is only upgraded on request."""
    if names := lacking.get(first):
        raise SchemaMismatch(
            f"table {table} is an older one and lacks: {', '.join(names)}. To upgrade it in place {MIGRATE}; to leave "
            "it alone, choose another name with SLASHSPAN_TABLE"
        )
