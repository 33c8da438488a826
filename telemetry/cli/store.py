"""`slashspan migrate` and `slashspan prune`: the table itself."""

from __future__ import annotations

import sys
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import click

from slashspan.telemetry.cli.options import FAILED_STATUS, dsn_option, env_file_option, settings_of
from slashspan.telemetry.cli.output import progress, say
from slashspan.telemetry.cli.rollup import erase_from_sums

if TYPE_CHECKING:
    from slashspan.exporters.stores.schema.plan import Step


@click.command(short_help="Create command_calls in the store, or upgrade an old one in place.")
@env_file_option
@dsn_option
@click.option("--dry-run", is_flag=True, help="Only show the steps and their SQL.")
@click.option("--partitioned", is_flag=True, help="Create a new PostgreSQL table with monthly partitions.")
@click.option("--cluster", metavar="NAME", help="Create the tables on every node of this ClickHouse cluster.")
@click.option(
    "--naive-called-at-zone",
    "zone",
    default="UTC",
    show_default=True,
    metavar="ZONE",
    help="Time zone of an old called_at that has none (PostgreSQL).",
)
@click.option(
    "--timeout",
    default=30.0,
    show_default=True,
    type=click.FloatRange(0.1),
    help="How many seconds to try to acquire locks; building an index has no limit.",
)
def migrate(dsn: str | None, dry_run: bool, partitioned: bool, cluster: str | None, zone: str, timeout: float) -> None:
    """Create the table in the store, or upgrade in place the table of an old bot or an older slashspan.

    Old rows, readers and writers are not affected; nothing is rewritten unless the plan says so. Safe to interrupt and
    to run again. Any other table is refused and left alone. Connect directly, not through a pooler.

    In ClickHouse it creates the database, the collector's table of spans, and what makes rows of them.
    """
    from slashspan.exporters.admin.migrate import plan_migration, run_migration

    settings = settings_of(dsn)
    options: Any = {"partitioned": partitioned, "cluster": cluster, "zone": zone, "seconds": timeout}
    plan = plan_migration(settings.dsn, settings.table, **options)
    if dry_run:
        for line in plan.lines():
            click.echo(line)
        say(f"-- {len(plan.steps)} steps; nothing was changed in {settings.dsn}")
        return
    for note in plan.notes:
        say(f"note: {note}")

    def done(step: Step) -> None:
        say(f"done: {step.title}")

    run_migration(settings.dsn, settings.table, **options, done=done)
    say(f"{settings.table} is ready in {settings.dsn}")


@click.command(short_help="Delete rows that are older than 90d, 12w, 1y.")
@env_file_option
@dsn_option
@click.option("--older-than", required=True, metavar="DURATION", help="Days, weeks or years: 90d, 12w, 1y.")
@click.option("--dry-run", is_flag=True, help="Count only.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def prune(dsn: str | None, older_than: str, dry_run: bool, yes: bool) -> None:
    """Delete rows of calls longer ago than this: whole partitions if possible, otherwise small batches.

    A bot can write at the same time. Safe to interrupt and to run again.
    """
    from slashspan.exporters.admin.durations import parse_duration
    from slashspan.exporters.admin.prune import count_old
    from slashspan.exporters.admin.prune import prune as delete

    settings = settings_of(dsn)
    before = datetime.now(timezone.utc) - parse_duration(older_than)
    estimate = count_old(settings.dsn, settings.table, before)
    where = f"in {settings.table} of {settings.dsn}"
    say(f"{estimate.rows:,} rows before {before:%Y-%m-%d %H:%M} UTC {where}")
    for name in estimate.partitions:
        say(f"whole partition: {name}")
    if dry_run or not (estimate.rows or estimate.partitions):
        return
    if not yes and not click.confirm(f"Delete {estimate.rows:,} rows permanently?"):
        say("nothing was deleted")
        sys.exit(FAILED_STATUS)
    with progress("deleting") as bar:
        task = bar.add_task("", total=estimate.rows)
        deleted = delete(settings.dsn, settings.table, before, done=lambda count: bar.advance(task, count))
    say(f"{deleted:,} rows deleted")
    erase_from_sums(settings)
