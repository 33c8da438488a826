"""`slashspan rollup`: the sums that make reports fast."""

from __future__ import annotations

import sys
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Final, NoReturn

import click

from slashspan.errors import ConfigurationError
from slashspan.setting import DEFAULT_ZONE
from slashspan.telemetry.cli.options import FAILED_STATUS, dsn_option, env_file_option, settings_of
from slashspan.telemetry.cli.output import progress, say, say_json
from slashspan.telemetry.cli.reading import without_collections

if TYPE_CHECKING:
    from slashspan.exporters.admin.doctor import Finding
    from slashspan.insights import Reader
    from slashspan.insights.sums import Sums
    from slashspan.settings import Settings

LATE_ROWS: Final = 100_000
LATE_MARKS: Final = 10_000
"""More than this waits for a refresh: nobody seems to run it."""
NOT_BUILT: Final = "there are no sums of {table}: run `slashspan rollup build`"
zone_option = click.option(
    "--zone", default=None, help="Time zone whose days are summed.  [default: SLASHSPAN_ZONE, or UTC]"
)


@click.group(short_help="Sum the rows, so that reports on millions of them take a second.")
def rollup() -> None:
    """Sum the rows by hour and day, so that reports on millions of them take a second.

    Reports use the sums by themselves, and read the rows that are not summed yet: the numbers are the same, percentiles
    to 1 %. Needs the extra: pip install 'slashspan[rollup]'
    """


def _opened(settings: Settings) -> Sums:
    from slashspan.insights.sums import open_sums

    return open_sums(settings.dsn, table=settings.table)


@rollup.command(short_help="Build the sums, or bring them up to date.")
@env_file_option
@dsn_option
@zone_option
@click.option("--every", metavar="SECONDS", type=click.FloatRange(1), help="Go on doing so until Ctrl-C.")
def build(dsn: str | None, zone: str | None, every: float | None) -> None:
    """Build the sums, or bring them up to date: run it every few minutes, or with --every.

    The first time, it creates tables and triggers beside the rows, as the owner of the table; from then on, writing a
    row costs a little more. Another --zone is added. A bot can write at the same time. Safe to interrupt and to run
    again, and several may run at once. `stats`, `report`, `chart` and `dashboard` bring the sums up to date
    themselves, where they may.
    """
    from slashspan.insights.zones import find_zone

    settings = settings_of(dsn)
    wanted = zone or settings.zone
    find_zone(wanted)
    with _opened(settings) as sums:
        sums.install(wanted)
        _refresh(sums)
        if (zone or wanted != DEFAULT_ZONE) and not sums.status().zones.get(wanted):
            with progress("days") as bar:
                task = bar.add_task("", total=None)
                sums.add_zone(wanted, lambda count: bar.advance(task, count))
        status = sums.status()
        say(f"{status.hours:,} hours of {settings.table} are summed, for days in {', '.join(status.zones)}")
        if every is not None:
            _go_on(sums, every)


def _go_on(sums: Sums, every: float) -> NoReturn:
    while True:
        time.sleep(every)
        sums.refresh()


def _refresh(sums: Sums) -> None:
    total = sums.pending()
    with progress("summing") as bar, without_collections():
        task = bar.add_task("", total=total)
        sums.refresh(lambda count: bar.advance(task, count))


@rollup.command(short_help="Build the sums from scratch.")
@env_file_option
@dsn_option
@zone_option
def rebuild(dsn: str | None, zone: str | None) -> None:
    """Remove the sums and build them from the rows, for days in --zone only.

    Reports read the rows in the meantime.
    """
    from slashspan.insights.zones import find_zone

    settings = settings_of(dsn)
    find_zone(zone or settings.zone)
    with _opened(settings) as sums:
        zones = [zone] if zone else list(sums.status().zones) or [settings.zone]
        sums.remove()
        sums.install(zones[0])
        _refresh(sums)
        for other in zones[1:]:
            sums.add_zone(other, lambda _: None)
        say(f"{sums.status().hours:,} hours of {settings.table} are summed, for days in {', '.join(zones)}")


@rollup.command(short_help="Compare the sums with the rows.")
@env_file_option
@dsn_option
def verify(dsn: str | None) -> None:
    """Compare the sums with the rows, without changing anything.

    Exit status 1 if a sum that counts as up to date differs. `slashspan rollup rebuild` repairs it; please report it.
    """
    settings = settings_of(dsn)
    with _opened(settings) as sums:
        status = sums.status()
        if not status.installed:
            say(f"slashspan: {NOT_BUILT.format(table=settings.table)}", err=True)
            sys.exit(FAILED_STATUS)
        with progress("comparing") as bar:
            task = bar.add_task("", total=status.hours)
            wrong = sums.verify(lambda count: bar.advance(task, count))
    for line in wrong:
        say(line)
    say("the sums differ from the rows: run `slashspan rollup rebuild`" if wrong else "the sums equal the rows")
    if wrong:
        sys.exit(FAILED_STATUS)


@rollup.command(short_help="Show what is summed.")
@env_file_option
@dsn_option
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def status(dsn: str | None, as_json: bool) -> None:
    """Show what is summed and what is waiting."""
    settings = settings_of(dsn)
    with _opened(settings) as sums:
        found = sums.status()
    if as_json:
        say_json(asdict(found))
    elif not found.installed:
        say(NOT_BUILT.format(table=settings.table))
    elif not found.current:
        say("the sums are of another version of slashspan and are not used: run `slashspan rollup build`")
    else:
        zones = ", ".join(zone if complete else f"{zone} (being built)" for zone, complete in found.zones.items())
        say(f"{found.hours:,} hours, {found.bytes / 2**20:,.1f} MiB, {found.ids:,} users and guilds; days in {zones}")
        waiting = f"{found.rows_waiting:,} new rows, {found.hours_marked:,} changes"
        say("up to date" if found.is_fresh else f"waiting for `slashspan rollup build`: {waiting}")


@rollup.command(short_help="Remove the sums and their triggers.")
@env_file_option
@dsn_option
@click.option("--yes", is_flag=True, help="Do not ask.")
def drop(dsn: str | None, yes: bool) -> None:
    """Remove the sums and their triggers. The rows stay; reports read them again."""
    settings = settings_of(dsn)
    if not yes:
        click.confirm(f"Remove the sums of {settings.table} in {settings.dsn}?", abort=True)
    with _opened(settings) as sums:
        sums.remove()
    say("the sums are removed")


def erase_from_sums(settings: Settings) -> None:
    """Make the sums anew that contained deleted rows, and erase the ids of users and guilds that have none any more.

    Raises ReadError, and ConfigurationError if there are sums and no pyroaring.
    """
    from slashspan.insights import ReadError

    if not has_sums(settings):
        return
    try:
        with _opened(settings) as sums:
            if not sums.status().installed:  # out of order, so nobody reads them
                sums.remove()
                say("the sums were out of order and have been removed: run `slashspan rollup build`")
                return
            sums.install("UTC")
            sums.refresh()
            sums.collect()
    except ReadError as error:
        raise ReadError(
            f"the rows are deleted, but ids of users may be left in the sums: {error}. Run it again as their owner"
        ) from error


def has_sums(settings: Settings) -> bool:
    """Whether the table has sums. Raises ReadError."""
    from slashspan.insights import open_reader
    from slashspan.insights.sums.reader import SummedReader

    async def ask(reader: Reader) -> bool:
        return isinstance(reader, SummedReader) and await reader.has_sums()

    with open_reader(settings.dsn, table=settings.table) as reader:
        return reader.run(ask)


def diagnose_sums(settings: Settings) -> list[Finding]:
    """For `slashspan doctor`. Nothing if there are none: nobody has to build them."""
    from slashspan.exporters.admin.doctor import Finding, Level
    from slashspan.insights import ReadError

    try:
        if not has_sums(settings):
            return []
        with _opened(settings) as sums:
            status = sums.status()
    except ReadError:
        return []  # said by the store's own findings
    except ConfigurationError as error:
        return [Finding(Level.WARNING, "sums", f"reports read all rows: {error}", None)]
    fix = "slashspan rollup build, as a role that may write the sums; or slashspan rollup drop"
    if not (status.installed and status.current):
        return [Finding(Level.WARNING, "sums", "not in use: out of order, or of another version", fix)]
    if status.rows_waiting > LATE_ROWS or status.hours_marked > LATE_MARKS:
        text = f"reports read rows: {status.rows_waiting:,} new ones and {status.hours_marked:,} changes are not summed"
        return [Finding(Level.WARNING, "sums", text, fix)]
    return [Finding(Level.OK, "sums", f"{status.hours:,} hours are summed")]
