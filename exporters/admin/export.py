"""Everything stored about a user, as plain values: rows of the table and records of the spool."""

from __future__ import annotations

import contextlib
import dataclasses
import json
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from slashspan.exporters.admin import clickhouse_rows
from slashspan.exporters.admin.connections import parse_target, postgres_connection, run_to_end, sqlite_connection
from slashspan.exporters.admin.prune import BUSY_SECONDS, check_postgres, check_sqlite
from slashspan.exporters.rows.timestamps import as_text
from slashspan.exporters.spool.dead_letters import DeadLetters
from slashspan.exporters.spool.records import NewerFormat
from slashspan.exporters.spool.span_spool import holds_spans
from slashspan.exporters.spool.status import pending_records
from slashspan.exporters.spool.writers import is_alive, writer_folders

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator
    from pathlib import Path

    from slashspan.dsn import Dsn
    from slashspan.exporters.admin.user_records import UserRecords

_JSON_COLUMNS: Final = ("checkpoints", "attributes")


def table_rows(dsn: Dsn | str, table: str, user_ids: Collection[int], found: Callable[[dict[str, Any]], None]) -> None:
    """Call `found` with every row of these users, oldest first. Raises StoreError, ConfigurationError."""
    target, named = parse_target(dsn, table)
    ids = [int(user) for user in user_ids]
    if target.is_clickhouse:
        with clickhouse_rows.opened(target, named) as stored:
            for found_row in stored.rows_of(ids):
                found(_plain(found_row))
        return
    if target.is_sqlite:
        with sqlite_connection(target, seconds=BUSY_SECONDS) as connection:
            check_sqlite(connection, named)
            marks = ", ".join("?" * len(ids))
            rows = connection.execute(
                f"SELECT * FROM {named.quoted} WHERE discord_uid IN ({marks}) ORDER BY called_at",  # noqa: S608 - quoted
                ids,
            )
            names = [column[0] for column in rows.description]
            for row in rows:
                found(_plain(dict(zip(names, row, strict=True))))
        return

    async def work() -> None:
        async with postgres_connection(target) as connection:
            await check_postgres(connection, named)
            sql = f"SELECT * FROM {named.quoted} WHERE discord_uid = ANY ($1) ORDER BY called_at"  # noqa: S608 - quoted
            async with connection.transaction(readonly=True):
                async for row in connection.cursor(sql, ids):
                    found(_plain(dict(row)))

    run_to_end(work())


def stored_spans(
    dsn: Dsn | str, table: str, user_ids: Collection[int], found: Callable[[dict[str, Any]], None]
) -> None:
    """Call `found` with every span and log of these users that the store keeps beside the rows: ClickHouse does.

    Raises StoreError, ConfigurationError.
    """
    target, named = parse_target(dsn, table)
    if target.is_clickhouse:
        with clickhouse_rows.opened(target, named) as stored:
            for span in stored.spans_of([int(user) for user in user_ids]):
                found({name: _jsonable(value) for name, value in span.items()})


@dataclasses.dataclass(frozen=True, slots=True)
class Spooled:
    """A record about the user in the spool."""

    place: str
    """`spool`, `running bot` or `dead letter`."""
    row: dict[str, Any] | None = None
    span: dict[str, Any] | None = None
    reason: str | None = None
    """Why it was rejected; only for a dead letter."""


def spooled(folder: Path, user: UserRecords) -> Iterator[Spooled]:
    """What one destination contains about the user. Changes nothing. Raises OSError."""
    user.learn(folder)
    for letter in DeadLetters(folder).read():
        if letter["row"].get("discord_uid") in user.user_ids:
            yield Spooled("dead letter", row=_plain(letter["row"]), reason=str(letter.get("reason")))
    for writer in writer_folders(folder):
        place = "running bot" if is_alive(writer) else "spool"
        with contextlib.suppress(NewerFormat):  # `learn` has counted it
            for record in pending_records(writer):
                if holds_spans(record):
                    mine = [span for span in user.spans(record) if user.is_users(span)]
                    yield from (Spooled(place, span=json.loads(span.to_json())) for span in mine)
                elif (row := user.row(record)) is not None:
                    yield Spooled(place, row=_plain(dataclasses.asdict(row)))


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    """A row for JSON: times as text, JSON columns as values."""
    plain = {}
    for name, value in row.items():
        plain[name] = value
        if isinstance(value, datetime):
            plain[name] = value.isoformat()
        elif name == "called_at" and isinstance(value, int):
            plain[name] = as_text(value)
        elif name in _JSON_COLUMNS and isinstance(value, str):
            with contextlib.suppress(ValueError):
                plain[name] = json.loads(value)
        elif name in _JSON_COLUMNS:
            plain[name] = value
        elif not isinstance(value, (str, int, float, type(None))):
            plain[name] = str(value)  # a column that is not ours
    return plain


def _jsonable(value: Any) -> Any:
    """A column of a span for JSON."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, (list, tuple)):
        return [_jsonable(item) for item in value]
    return value
