"""`slashspan stats`."""

from __future__ import annotations

import click

from slashspan.telemetry.cli.options import dsn_option, env_file_option, settings_of
from slashspan.telemetry.cli.output import console


@click.command(short_help="Show calls, users, durations and errors.")
@env_file_option
@dsn_option
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def stats(dsn: str | None, as_json: bool) -> None:
    """Show calls, users, p50/p95 duration and error share of each command, outcomes and slow checkpoints."""
    from slashspan import insights
    from slashspan.insights.text import print_summary

    settings = settings_of(dsn)
    with insights.open_reader(settings.dsn, table=settings.table) as reader:
        summary = insights.summary(reader)
    if as_json:
        click.echo(summary.to_json())
    else:
        print_summary(summary, console())
