"""`slashspan stats`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import click

from slashspan.telemetry.cli.options import USER_ID, dsn_option, env_file_option, settings_of
from slashspan.telemetry.cli.output import console, print_csv, say
from slashspan.telemetry.cli.reading import opened_reader, without_collections

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from click.shell_completion import CompletionItem

    from slashspan.insights import BlockingReader, Filters
    from slashspan.settings import Settings

SINCE: Final = "7d"
LIMIT: Final = 20


def completed_from(titles: Callable[[], Mapping[str, str]]) -> Callable[..., list[CompletionItem]]:
    """Completes a name in the shell; `titles` imports what it needs when it is called."""

    def complete(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem]:
        from click.shell_completion import CompletionItem

        return [CompletionItem(name, help=title) for name, title in titles().items() if name.startswith(incomplete)]

    return complete


def _reports() -> dict[str, str]:
    from slashspan import insights

    return {name: report.title for name, report in insights.REPORTS.items()}


def filter_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that choose calls; `filters_of` makes Filters of them."""
    several: dict[str, Any] = {"multiple": True}
    for option in reversed(
        [
            click.option(
                "--since",
                metavar="WHEN",
                default=SINCE,
                show_default=True,
                help="Begin of the period: 24h, 7d (whole days), 4w, 2026-11-01, 2026-11-01T18:30 or all.",
            ),
            click.option("--until", metavar="WHEN", help="End of the period, like --since.  [default: now]"),
            click.option(
                "--zone", metavar="NAME", help="Time zone, such as Europe/Berlin.  [default: SLASHSPAN_ZONE, or UTC]"
            ),
            click.option(
                "--command", "commands", metavar="NAME", **several, help="Qualified name, such as 'admin ban'."
            ),
            click.option(
                "--kind",
                "kinds",
                metavar="KIND",
                **several,
                help="slash, user_menu, message_menu, prefix, component, modal, autocomplete or all.  "
                "[default: commands]",
            ),
            click.option("--guild", "guilds", metavar="ID", type=int, **several),
            click.option("--user", "users", metavar="ID", type=USER_ID, **several, help="Discord's id, hashed or not."),
            click.option("--shard", "shards", metavar="ID", type=int, **several),
            click.option("--environment", "environments", metavar="NAME", **several),
            click.option("--release", "releases", metavar="VERSION", **several, help="service.version."),
            click.option("--bot", "bots", metavar="BOT", **several, help="Application id, or service.name."),
        ]
    ):
        command = option(command)
    return command


def filters_of(
    settings: Settings, since: str, until: str | None, zone: str | None, **chosen: tuple[Any, ...]
) -> Filters:
    """Raises ConfigurationError."""
    from slashspan.errors import ConfigurationError
    from slashspan.insights import Filters, parse_moment
    from slashspan.insights.filters import ALL_KINDS
    from slashspan.insights.zones import find_zone

    zone = zone or settings.zone
    tz = find_zone(zone)
    kinds, users = chosen.pop("kinds"), chosen.pop("users")
    for kind in kinds:
        if kind not in ALL_KINDS and kind != "all":
            raise ConfigurationError(f"--kind={kind!r}: must be one of: {', '.join(filter(None, ALL_KINDS))}, all")
    return Filters(
        since=None if since == "all" else parse_moment(since, tz),
        until=None if until is None else parse_moment(until, tz),
        zone=zone,
        users=stored_ids_of(users, settings),
        kinds=ALL_KINDS if "all" in kinds else kinds,
        **chosen,
    )


def options_of(report: str, filters: Filters, settings: Settings) -> dict[str, Any]:
    """What the settings say about a report; options of the command win."""
    from slashspan.insights.pages import sections

    return {} if filters.commands else sections.options_of(report, settings.funnel)


def stored_ids_of(users: Iterable[int], settings: Settings) -> tuple[int, ...]:
    """The ids and pseudonyms under which calls of `users` are stored."""
    if not users:
        return ()
    from slashspan.telemetry.instrument.privacy import stored_ids  # imports discord, which takes its time

    return tuple(stored for user in users for stored in stored_ids(user, settings.user_id_key))


@click.command(short_help="Show calls, users, durations, errors and more.")
@env_file_option
@dsn_option
@click.argument("report", required=False, shell_complete=completed_from(_reports))
@filter_options
@click.option("--limit", type=click.IntRange(1), default=LIMIT, show_default=True, help="Rows that are shown.")
@click.option("--list", "listed", is_flag=True, help="List the reports, with their definitions after a name.")
@click.option("--json", "as_json", is_flag=True, help="For programs: all rows, with their columns' meanings.")
@click.option("--csv", "as_csv", is_flag=True, help="For spreadsheets: all rows.")
def stats(
    dsn: str | None, report: str | None, limit: int, listed: bool, as_json: bool, as_csv: bool, **chosen: Any
) -> None:
    """Show an overview of the last 7 days, or one REPORT; --list names them. What several options of one kind name is
    added up, options of different kinds narrow it down: --command play --command stop --guild 5."""
    if listed:
        _list(report)
        return
    if as_csv and (as_json or not report):
        raise click.UsageError("--csv needs a REPORT, and no --json")
    from slashspan import insights

    settings = settings_of(dsn)
    filters = filters_of(settings, **chosen)
    found = insights.find_report(report) if report else None
    with without_collections(), opened_reader(settings, filters) as reader:
        if found is None:
            _overview(reader, filters, limit, as_json=as_json)
            return
        result = reader.run(found, filters, **options_of(found.name, filters, settings))
    if as_json:
        click.echo(result.to_json())
    elif as_csv:
        print_csv(result.to_csv())
    else:
        from slashspan.insights.terminal.reports import print_report

        print_report(result, console(), limit=limit)


def _overview(reader: BlockingReader, filters: Filters, limit: int, *, as_json: bool) -> None:
    from slashspan.insights.terminal.overview import overview, print_overview

    found = reader.run(overview, filters)
    if as_json:
        click.echo(json.dumps(found.to_dict(), indent=2, allow_nan=False))
    else:
        print_overview(found, console(), limit=limit)


def _list(name: str | None) -> None:
    from slashspan import insights

    if name is None:
        width = max(map(len, insights.REPORTS))
        for report in insights.REPORTS.values():
            say(f"{report.name:{width}}  {report.title}")
        return
    report = insights.find_report(name)
    say(f"{report.name}: {report.title}")
    say(" ".join(report.definition.split()))
    for column in report.columns:
        say(f"  {column.name} ({column.unit}): {column.meaning}")
