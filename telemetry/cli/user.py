"""`slashspan forget` and `slashspan export`: everything stored about one user."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from slashspan.telemetry.cli.options import FAILED_STATUS, USER_ID, dsn_option, env_file_option, settings_of
from slashspan.telemetry.cli.output import end_quietly, say
from slashspan.telemetry.cli.rollup import erase_from_sums

if TYPE_CHECKING:
    from slashspan.exporters.spool.status import DestinationStatus
    from slashspan.settings import Settings


user_argument = click.argument("user_id", type=USER_ID)
OUT_OF_REACH = (
    "log files of the bot, backups and replicas of the database, and spans that a collector or an analytics backend "
    "has received"
)


def _ids(settings: Settings, user_id: int) -> set[int]:
    from slashspan.telemetry.instrument.privacy import stored_ids

    return {*stored_ids(user_id, settings.user_id_key)}


def _spool(settings: Settings) -> list[DestinationStatus]:
    from slashspan.telemetry.cli.spool import destinations

    return [] if settings.spool is None else destinations(settings)


def _other_stores(settings: Settings, found: list[DestinationStatus]) -> list[str]:
    """Other stores known to the spool, whose tables may also contain rows of the user."""
    stores = {status.destination.store for status in found if status.destination.table}
    return sorted(stores - {settings.dsn.identity})


@click.command(short_help="Erase a user: rows, dead letters and the whole spool.")
@env_file_option
@dsn_option
@user_argument
@click.option("--yes", is_flag=True, help="Do not ask.")
def forget(dsn: str | None, user_id: int, yes: bool) -> None:
    """Erase everything recorded about a user: rows, dead letters, and what is waiting in the spool for any store or
    collector.

    With SLASHSPAN_USER_ID_KEY set, also the rows of the user's pseudonym. Exit status 1 if rows of the user are still
    in flight in a running bot: run it again once these are stored. What it cannot reach is listed at the end.
    """
    from slashspan.exporters.admin.erase_spool import erase
    from slashspan.exporters.admin.prune import count_user, forget_user
    from slashspan.exporters.stores.errors import StoreUnavailable

    settings = settings_of(dsn)
    ids = _ids(settings, user_id)
    if not yes:
        rows = count_user(settings.dsn, settings.table, ids)
        click.confirm(f"Erase {rows:,} rows of user {user_id}, and what is waiting in the spool?", abort=True)
    found = _spool(settings)
    try:
        erased = [erase(status.folder, ids) for status in found]
    except OSError as error:
        raise StoreUnavailable(f"SLASHSPAN_SPOOL: {error}") from error
    rows = forget_user(settings.dsn, settings.table, ids)
    erase_from_sums(settings)
    spans = sum(part.spans for part in erased)
    more = f", {spans:,} spans for a collector" if spans else ""
    say(f"{rows:,} rows erased, {sum(part.rows for part in erased):,} in the spool and among dead letters{more}")
    say(f"This command cannot reach {OUT_OF_REACH}: erase the user there as well.")
    for store in _other_stores(settings, found):
        say(f"The spool knows another store: {store}. Erase the user there with --dsn.")
    if unreadable := sum(part.unreadable for part in erased):
        say(f"slashspan: {unreadable:,} records in the spool cannot be read and were left as they are", err=True)
    if running := sum(part.in_running_bots for part in erased):
        say(
            f"slashspan: {running:,} rows of the user are in flight in a running bot; run this again in a minute",
            err=True,
        )
    if unreadable or running:
        sys.exit(FAILED_STATUS)


@click.command(short_help="Show everything stored about a user.")
@env_file_option
@dsn_option
@user_argument
@click.option("--json", "as_json", is_flag=True, help="For programs, and for the user: one JSON object per line.")
def export(dsn: str | None, user_id: int, as_json: bool) -> None:
    """Show everything recorded about a user: rows of the table, dead letters, and what is waiting in the spool for any
    store or collector.

    With SLASHSPAN_USER_ID_KEY set, also what is stored about the user's pseudonym. Changes nothing. Give the user the
    output of --json: it contains everything stored about the user, and nothing about others.
    """
    from slashspan.exporters.admin.export import spooled, stored_spans, table_rows
    from slashspan.exporters.admin.user_records import UserRecords
    from slashspan.exporters.stores.errors import StoreUnavailable

    settings = settings_of(dsn)
    ids = _ids(settings, user_id)
    count = 0

    def show(place: str, store: str, found: dict[str, Any]) -> None:
        nonlocal count
        count += 1
        row, span = found.get("row"), found.get("span")
        what = f"{row['called_at']}  {row['command']}  {row.get('outcome')}" if row else span and span["name"]
        try:
            say(json.dumps({"place": place, "store": store, **found}) if as_json else f"{place}  {what}")
        except BrokenPipeError:  # as of `| head`; an OSError, which would be taken for the store's
            end_quietly()

    found, user = _spool(settings), UserRecords(ids)
    try:
        for status in found:
            for part in spooled(status.folder, user):
                values = {name: value for name, value in asdict(part).items() if value is not None}
                show(values.pop("place"), status.destination.store, values)
    except OSError as error:
        raise StoreUnavailable(f"SLASHSPAN_SPOOL: {error}") from error
    table_rows(settings.dsn, settings.table, ids, lambda row: show("table", settings.dsn.identity, {"row": row}))
    stored_spans(settings.dsn, settings.table, ids, lambda span: show("spans", settings.dsn.identity, {"span": span}))
    say(f"{count:,} entries about user {user_id}. Not shown: {OUT_OF_REACH}.", err=True)
    for store in _other_stores(settings, found):
        say(f"The spool knows another store: {store}. Check it with --dsn.", err=True)
    if user.unreadable:
        say(f"slashspan: {user.unreadable:,} records in the spool cannot be read", err=True)
        sys.exit(FAILED_STATUS)
