"""Checks the table, or what there is in its place."""

from __future__ import annotations

from typing import TYPE_CHECKING

from slashspan.exporters.admin.doctor import Finding, Level
from slashspan.exporters.admin.migrate import plan_migration
from slashspan.exporters.stores.errors import SchemaMismatch, StoreError

if TYPE_CHECKING:
    from slashspan.dsn import Dsn
    from slashspan.table import Table


def diagnose(dsn: Dsn, table: Table) -> Finding:
    """Whether `slashspan migrate` has anything to do."""
    try:
        plan = plan_migration(dsn, str(table))
    except SchemaMismatch as error:
        return Finding(Level.ERROR, "schema", str(error), "choose another table with SLASHSPAN_TABLE")
    except StoreError as error:
        return Finding(Level.WARNING, "schema", f"could not be checked: {error}")
    if not plan.steps:
        return Finding(Level.OK, "schema", "up to date")
    text = "; ".join(step.title for step in plan.steps)
    return Finding(Level.WARNING, "schema", f"not up to date: {text}", "slashspan migrate --dry-run, then migrate")
