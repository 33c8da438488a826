"""`slashspan spool`, `slashspan spool drain` and `slashspan forget`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from slashspan.errors import ConfigurationError
from telemetry.cli.options import FAILED_STATUS, dsn_option, env_file_option, settings_of

if TYPE_CHECKING:
    from pathlib import Path

    from exporters.delivery.exporter import CommandCallsExporter
    from exporters.spool.status import DestinationStatus
    from slashspan.settings import Settings


@click.group(invoke_without_command=True, short_help="What waits for the store; `spool drain` delivers it.")
@env_file_option
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@click.pass_context
def spool(ctx: click.Context, as_json: bool) -> None:
    """What waits in the spool: for which service and store, how much, since when, and why."""
    if ctx.invoked_subcommand is None:
        _show(_found(settings_of(None)), as_json=as_json)


def _folder(settings: Settings) -> Path:
    if settings.spool is None:
        raise ConfigurationError("SLASHSPAN_SPOOL=off: there is no spool; name its folder in SLASHSPAN_SPOOL")
    return settings.spool


def _found(settings: Settings) -> list[DestinationStatus]:
    from exporters.spool.status import inspect
    from exporters.stores.errors import StoreUnavailable

    try:
        return inspect(_folder(settings))
    except OSError as error:
        raise StoreUnavailable(f"SLASHSPAN_SPOOL: {error}") from error


def _show(found: list[DestinationStatus], *, as_json: bool) -> None:
    from exporters.rows.timestamps import as_text

    if as_json:
        Console().print_json(data=[_as_dict(waiting) for waiting in found])
        return
    if not any(waiting.rows or waiting.in_flight or waiting.dead_letters or waiting.unreadable for waiting in found):
        click.echo("nothing waits")
        return
    table = Table("name", "service", "store", "wait", "in flight", "since", "bytes", "bots that run", "dead letters")
    for waiting in found:
        since = "" if waiting.oldest_us is None else as_text(waiting.oldest_us)[:19]
        numbers = f"{waiting.rows:,}", f"{waiting.in_flight:,}", since, f"{waiting.bytes:,}", str(waiting.alive)
        to = waiting.destination
        table.add_row(waiting.folder.name, to.service, to.store, *numbers, f"{waiting.dead_letters:,}")
    console = Console(highlight=False)
    console.print(table)
    for waiting in found:
        for note in (*([waiting.last_error] if waiting.last_error else []), *waiting.unreadable):
            console.print(f"{waiting.folder.name}: {note}", markup=False)


def _as_dict(waiting: DestinationStatus) -> dict[str, Any]:
    from exporters.rows.timestamps import as_text

    to = waiting.destination
    return {
        "name": waiting.folder.name,
        "service": to.service,
        "store": to.store,
        "table": to.table,
        "rows": waiting.rows,
        "in_flight": waiting.in_flight,
        "since": None if waiting.oldest_us is None else as_text(waiting.oldest_us),
        "bytes": waiting.bytes,
        "alive": waiting.alive,
        "dead": waiting.dead,
        "last_error": waiting.last_error,
        "unreadable": waiting.unreadable,
        "dead_letters": waiting.dead_letters,
    }


@spool.command(short_help="Deliver what bots that no longer run left behind.")
@env_file_option
@dsn_option
@click.option("--from", "names", multiple=True, metavar="NAME", help="Hand these over, whatever store they were for.")
@click.option(
    "--timeout", default=60.0, show_default=True, type=click.FloatRange(0.1), help="Seconds without progress."
)
def drain(dsn: str | None, names: tuple[str, ...], timeout: float) -> None:
    """Deliver to the store what bots that no longer run have left for it.

    What was recorded for another store goes there only when --from names it, as `slashspan spool` shows it. A bot that
    runs delivers its own. Safe to cut off and to run again. Exit status 1 when something is left.
    """
    settings = settings_of(dsn)
    found = _chosen(settings, names)
    if not found:
        click.echo("nothing waits for this store")
        return
    left = sum(_drained(settings, waiting, timeout) for waiting in found)
    if left:
        click.echo(f"slashspan: {left} rows wait still", err=True)
        sys.exit(FAILED_STATUS)


def _chosen(settings: Settings, names: tuple[str, ...]) -> list[DestinationStatus]:
    from exporters.spool.destinations import Destination

    found = _found(settings)
    by_name = {waiting.folder.name: waiting for waiting in found}
    for name in names:
        if name not in by_name:
            raise ConfigurationError(f"--from={name}: must be one of: {', '.join(by_name) or '(the spool is empty)'}")
        if not by_name[name].destination.table:
            raise ConfigurationError(f"--from={name}: these are spans; run the bot with the settings of its collector")
    here = Destination.of(None, settings.dsn, settings.table)
    return [
        waiting
        for waiting in found
        if waiting.folder.name in names
        or (not names and (waiting.destination.store, waiting.destination.table) == (here.store, here.table))
    ]


def _drained(settings: Settings, waiting: DestinationStatus, timeout: float) -> int:
    """Rows that are left."""
    from exporters.admin.erase_spool import UNBOUNDED
    from exporters.delivery.exporter import CommandCallsExporter
    from exporters.spool.journal import Journal
    from exporters.spool.row_spool import RowSpool
    from exporters.stores.factory import open_store
    from slashspan.semconv import Kind

    rows = RowSpool(Journal(waiting.folder, max_bytes=UNBOUNDED))
    total = rows.journal.adopt()
    if not total:
        rows.journal.close()
        running = " A bot runs that delivers them." if waiting.alive else ""
        click.echo(f"{waiting.folder.name}: nothing was left behind.{running}")
        return 0
    store = open_store(settings.dsn, table=settings.table)
    exporter = CommandCallsExporter(store, kinds=Kind.ALL, batch_rows=settings.batch_rows, spool=rows)
    try:
        _follow(exporter, waiting.folder.name, total, timeout)
    finally:
        exporter.shutdown(1000)
    counts = exporter.counts()
    lost = f", {counts.lost} lost ({', '.join(counts.dropped)})" if counts.lost else ""
    click.echo(f"{waiting.folder.name}: {counts.stored} rows stored in {store.address}{lost}")
    return counts.waiting


def _follow(exporter: CommandCallsExporter, name: str, total: int, timeout: float) -> None:
    """Until all is delivered, or nothing has been for `timeout` seconds."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, transient=True) as progress:
        task = progress.add_task(name, total=total)
        settled, idle = 0, 0.0
        while not exporter.force_flush(500) and idle < timeout:
            counts = exporter.counts()
            now = counts.stored + counts.lost
            idle = 0.0 if now > settled else idle + 0.5
            settled = now
            progress.update(task, completed=settled)


@click.command(short_help="Erase a user: rows, dead letters and spool.")
@env_file_option
@dsn_option
@click.argument("user_id", type=click.IntRange(1))
@click.option("--yes", is_flag=True, help="Do not ask.")
def forget(dsn: str | None, user_id: int, yes: bool) -> None:
    """Erase everything recorded about a user: rows, dead letters and what waits in the spool for this store.

    With SLASHSPAN_USER_ID_KEY set, the rows of the user's pseudonym too. Exit status 1 when rows of the user are still
    on their way in a bot that runs: run it again once they are stored.
    """
    from exporters.admin.erase_spool import erase
    from exporters.admin.prune import count_user, forget_user
    from telemetry.instrument.privacy import pseudonym

    settings = settings_of(dsn)
    ids = {user_id}
    if settings.user_id_key:
        ids.add(pseudonym(user_id, settings.user_id_key))
    if not yes:
        rows = count_user(settings.dsn, settings.table, ids)
        click.confirm(f"Erase {rows} rows of user {user_id}, and what waits in the spool?", abort=True)
    spooled, running = 0, 0
    for waiting in _chosen(settings, ()) if settings.spool is not None else []:
        erased = erase(waiting.folder, ids)
        spooled += erased.taken_out
        running += erased.in_running_bots
    rows = forget_user(settings.dsn, settings.table, ids)
    click.echo(f"{rows} rows erased, {spooled} in the spool and among dead letters")
    if running:
        click.echo(
            f"slashspan: {running} rows of the user are on their way in a bot that runs; run this again in a minute",
            err=True,
        )
        sys.exit(FAILED_STATUS)
