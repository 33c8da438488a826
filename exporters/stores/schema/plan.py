"""What an upgrade will do, as data: made from what the catalog says, shown to people, then done step by step.

A plan holds what is still missing. So it can be cut off after any step, and the next plan is the rest.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from exporters.stores.errors import SchemaMismatch

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from exporters.stores.schema import Migration
    from slashspan.table import Table

MIGRATE: Final = "run `slashspan migrate`"


@dataclass(frozen=True, slots=True)
class Step:
    """A piece that is done whole or not at all."""

    title: str
    sql: tuple[str, ...]
    alone: bool = False
    """Outside a transaction, as CONCURRENTLY wants it: one statement."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The steps in order, and what a person should know before."""

    steps: tuple[Step, ...]
    notes: tuple[str, ...] = ()

    def lines(self) -> list[str]:
        """For people: each step with its SQL, which can be run by hand too."""
        lines = []
        for number, step in enumerate(self.steps, 1):
            lines.append(f"-- {number}. {step.title}")
            lines += ([] if step.alone else ["BEGIN;"]) + [f"{sql.rstrip().rstrip(';')};" for sql in step.sql]
            lines += [] if step.alone else ["COMMIT;"]
        return lines + [f"-- note: {note}" for note in self.notes]


def refuse(table: Table, found: Iterable[str], reasons: Sequence[str]) -> SchemaMismatch:
    """The error for a table of that name that is something else, with the difference."""
    return SchemaMismatch(
        f"table {table} is something else: it has {', '.join(sorted(found))}; {'; '.join(reasons)}. "
        "Name another with SLASHSPAN_TABLE"
    )


def missing_columns(steps: Sequence[Migration], found: Mapping[str, object]) -> dict[int, list[str]]:
    """By migration, what it adds and the table lacks."""
    lacking = {step.version: [column.name for column in step.columns if column.name not in found] for step in steps}
    return {version: names for version, names in lacking.items() if names}


def refuse_newer(table: Table, lacking: Mapping[int, Sequence[str]], recorded: Iterable[int], newest: int) -> None:
    """Raise SchemaMismatch for a table of a newer slashspan that has lost columns of ours."""
    version = max(recorded, default=0)
    if version > newest and lacking:
        names = ", ".join(name for columns in lacking.values() for name in columns)
        raise SchemaMismatch(
            f"table {table} was made by a newer slashspan (schema {version}; this one knows {newest}) and no longer "
            f"has: {names}. Upgrade slashspan"
        )


def refuse_older(table: Table, lacking: Mapping[int, Sequence[str]], first: int) -> None:
    """Raise SchemaMismatch for the table of an old bot, which only a person decides to upgrade."""
    if names := lacking.get(first):
        raise SchemaMismatch(
            f"table {table} is an older one that lacks: {', '.join(names)}. To upgrade it in place {MIGRATE}; to leave "
            "it alone name another with SLASHSPAN_TABLE"
        )
