"""`slashspan spool`, `slashspan spool drain` and `slashspan spool redrive`."""

from __future__ import annotations

import sys
from collections import Counter
from typing import TYPE_CHECKING, Any

import click

from slashspan.errors import ConfigurationError
from slashspan.telemetry.cli.options import FAILED_STATUS, dsn_option, env_file_option, settings_of
from slashspan.telemetry.cli.output import progress, say, say_json

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from slashspan.exporters.delivery.exporter import CommandCallsExporter
    from slashspan.exporters.rows.counts import Counts
    from slashspan.exporters.spool.row_spool import RowSpool
    from slashspan.exporters.spool.status import DestinationStatus
    from slashspan.settings import Settings

from_option = click.option(
    "--from",
    "names",
    multiple=True,
    metavar="NAME",
    help="Take the rows of this destination, for whatever store they were.",
)
timeout_option = click.option(
    "--timeout",
    default=60.0,
    show_default=True,
    type=click.FloatRange(0.1),
    help="Give up after so many seconds without progress.",
)


@click.group(invoke_without_command=True, short_help="Show what is waiting for the store; `spool drain` delivers it.")
@env_file_option
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@click.pass_context
def spool(ctx: click.Context, as_json: bool) -> None:
    """Show what is waiting in the spool: for which service and store, how much, since when, and why."""
    if ctx.invoked_subcommand is None:
        _show(destinations(settings_of(None)), as_json=as_json)


def destinations(settings: Settings) -> list[DestinationStatus]:
    """The content of each folder in the spool. Raises ConfigurationError, StoreUnavailable."""
    from slashspan.exporters.spool import private
    from slashspan.exporters.spool.status import inspect
    from slashspan.exporters.stores.errors import StoreUnavailable

    folder = _folder(settings)
    private.check(folder)
    try:
        return inspect(folder)
    except OSError as error:
        raise StoreUnavailable(f"SLASHSPAN_SPOOL: {error}") from error


def _folder(settings: Settings) -> Path:
    if settings.spool is None:
        raise ConfigurationError("SLASHSPAN_SPOOL=off: there is no spool; name its folder in SLASHSPAN_SPOOL")
    return settings.spool


def _show(found: list[DestinationStatus], *, as_json: bool) -> None:
    from slashspan.exporters.rows.timestamps import as_text

    if as_json:
        say_json([_as_dict(status) for status in found])
        return
    found = [
        status
        for status in found
        if status.rows or status.in_flight or status.dead_letters or status.dead_letters_lost or status.unreadable
    ]
    if not found:
        say("nothing is waiting")
    for status in found:
        to = status.destination
        what = "rows" if to.table else "spans or batches of spans"
        since = "" if status.oldest_us is None else f", the oldest since {as_text(status.oldest_us)[:19]} UTC"
        say(f"{to.service or '(no service name)'} → {to.store}{f', table {to.table}' if to.table else ''}")
        say(f"    name: {status.folder.name}")
        say(f"    waiting: {status.rows:,} {what}, {status.bytes:,} bytes{since}")
        say(f"    in flight: {status.in_flight:,} actions; running bots: {status.alive:,}")
        if status.last_error:
            say(f"    last error: {status.last_error}")
        if status.dead_letters:
            say(f"    dead letters: {status.dead_letters:,}; `slashspan spool redrive` sends them again")
        if status.dead_letters_lost:
            say(f"    lost: {status.dead_letters_lost:,} rejected rows, because the dead letters were full")
        for unreadable in status.unreadable:
            say(f"    unreadable: {unreadable}")


def _as_dict(status: DestinationStatus) -> dict[str, Any]:
    from slashspan.exporters.rows.timestamps import as_text

    to = status.destination
    return {
        "name": status.folder.name,
        "service": to.service,
        "store": to.store,
        "table": to.table,
        "rows": status.rows,
        "in_flight": status.in_flight,
        "since": None if status.oldest_us is None else as_text(status.oldest_us),
        "bytes": status.bytes,
        "alive": status.alive,
        "dead": status.dead,
        "last_error": status.last_error,
        "unreadable": status.unreadable,
        "dead_letters": status.dead_letters,
        "dead_letters_lost": status.dead_letters_lost,
    }


@spool.command(short_help="Deliver the rows of bots that no longer run.")
@env_file_option
@dsn_option
@from_option
@timeout_option
def drain(dsn: str | None, names: tuple[str, ...], timeout: float) -> None:
    """Deliver the rows that bots which no longer run have left for this store.

    Rows recorded for another store are delivered only if --from names their folder, as `slashspan spool` prints it. A
    running bot delivers its own rows. Safe to interrupt and to run again. Exit status 1 if rows are still waiting.
    """
    settings = settings_of(dsn)
    found = _chosen(settings, names)
    if not found:
        say("nothing is waiting for this store")

    def adopted(status: DestinationStatus, rows: RowSpool) -> int:
        total = rows.journal.adopt()
        if not total:
            running = " A running bot delivers its own rows." if status.alive else ""
            say(f"{status.folder.name}: nothing was left behind.{running}")
        return total

    counts = [_delivered(settings, status, adopted, timeout) for status in found]
    _end(waiting=sum(count.waiting for count in counts))


@spool.command(short_help="Send dead letters to the store again.")
@env_file_option
@dsn_option
@from_option
@timeout_option
@click.option("--dry-run", is_flag=True, help="Only show how many there are and why they were rejected.")
def redrive(dsn: str | None, names: tuple[str, ...], timeout: float, dry_run: bool) -> None:
    """Send rows that the store rejected again, once the reason is fixed.

    Each row is appended to the spool before it is removed from the dead letters. A row that is rejected again becomes a
    dead letter again. Safe to interrupt and to run again. Exit status 1 if rows were rejected again or still wait.
    """
    from slashspan.exporters.admin.redrive import redrive as move
    from slashspan.exporters.spool.dead_letters import DeadLetters

    settings = settings_of(dsn)
    found = [status for status in _chosen(settings, names) if status.dead_letters or status.dead_letters_lost]
    if not found:
        say("there are no dead letters for this store")
    for status in found:
        letters = DeadLetters(status.folder)
        if dry_run:
            for reason, count in Counter(str(letter.get("reason")) for letter in letters.read()).most_common():
                say(f"{status.folder.name}: {count:,} × {reason}")
        elif lost := letters.lost:
            say(f"{status.folder.name}: {lost:,} more were lost, because the dead letters were full")
            letters.reset_lost()
    if not dry_run:
        counts = [_delivered(settings, status, lambda _, rows: move(rows), timeout) for status in found]
        _end(waiting=sum(count.waiting for count in counts), rejected=sum(count.lost for count in counts))


def _end(*, waiting: int, rejected: int = 0) -> None:
    if waiting:
        say(f"slashspan: {waiting:,} rows are still waiting", err=True)
    if rejected:
        say(f"slashspan: {rejected:,} rows were rejected again and are dead letters", err=True)
    if waiting or rejected:
        sys.exit(FAILED_STATUS)


def _chosen(settings: Settings, names: tuple[str, ...]) -> list[DestinationStatus]:
    """The destination that --from names, otherwise those of the configured store and table."""
    from slashspan.exporters.spool.destinations import Destination

    found = destinations(settings)
    by_name = {status.folder.name: status for status in found}
    for name in names:
        if name not in by_name:
            raise ConfigurationError(f"--from={name}: must be one of: {', '.join(by_name) or '(the spool is empty)'}")
        if not by_name[name].destination.table:
            raise ConfigurationError(f"--from={name}: these are spans; run the bot with the settings of its collector")
    here = Destination.of(None, settings.dsn, settings.table)
    return [
        status
        for status in found
        if status.folder.name in names
        or (not names and (status.destination.store, status.destination.table) == (here.store, here.table))
    ]


def _delivered(
    settings: Settings, status: DestinationStatus, take: Callable[[DestinationStatus, RowSpool], int], timeout: float
) -> Counts:
    """Deliver what `take` puts into this process's own spool."""
    from slashspan.exporters.admin.erase_spool import UNBOUNDED
    from slashspan.exporters.delivery.exporter import CommandCallsExporter
    from slashspan.exporters.rows.counts import Counts
    from slashspan.exporters.spool.journal import Journal
    from slashspan.exporters.spool.row_spool import RowSpool
    from slashspan.exporters.stores.errors import StoreUnavailable
    from slashspan.exporters.stores.factory import open_store
    from slashspan.semconv import Kind

    rows = RowSpool(Journal(status.folder, max_bytes=UNBOUNDED))
    try:
        total = take(status, rows)
    except OSError as error:
        rows.journal.close()
        raise StoreUnavailable(f"SLASHSPAN_SPOOL: {error}") from error
    if not total:
        rows.journal.close()
        return Counts()
    store = open_store(settings.dsn, table=settings.table)
    exporter = CommandCallsExporter(store, kinds=Kind.ALL, batch_rows=settings.batch_rows, spool=rows)
    try:
        _follow(exporter, status.folder.name, total, timeout)
    finally:
        exporter.shutdown(1000)
    counts = exporter.counts()
    lost = f", {counts.lost:,} not ({', '.join(counts.dropped)})" if counts.lost else ""
    say(f"{status.folder.name}: {counts.stored:,} rows stored in {store.address}{lost}")
    return counts


def _follow(exporter: CommandCallsExporter, name: str, total: int, timeout: float) -> None:
    """Wait until everything is delivered, or nothing has been delivered for `timeout` seconds."""
    with progress(name) as bar:
        task = bar.add_task("", total=total)
        settled, idle = 0, 0.0
        while not exporter.force_flush(500) and idle < timeout:
            counts = exporter.counts()
            now = counts.stored + counts.lost
            idle = 0.0 if now > settled else idle + 0.5
            settled = now
            bar.update(task, completed=settled)
