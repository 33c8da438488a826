"""What every store must do. Each test runs against SQLite and PostgreSQL."""

from __future__ import annotations

import dataclasses
import json
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest

from slashspan.exporters.rows.command_call import ROW_COLUMNS
from slashspan.exporters.stores.errors import RowsRejected, SchemaMismatch
from slashspan.exporters.stores.factory import open_store
from tests.support.rows import BARE, FULL, rows
from tests.support.stored_rows import as_utc, read_rows
from tests.support.tables import execute

if TYPE_CHECKING:
    from collections.abc import Iterator

    from slashspan.exporters.stores.base import Store

SECONDS = 20.0
UNIQUE = ("called_at", "span_id")


@pytest.fixture
def store(dsn: str) -> Iterator[Store]:
    opened = open_store(dsn)
    yield opened
    opened.close(timeout=SECONDS)


def test_every_field_is_read_as_it_was_written(store: Store, dsn: str) -> None:
    store.write([FULL, BARE], timeout=SECONDS)
    bare, full = read_rows(dsn)
    expected = dataclasses.asdict(FULL)
    called_at = datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(microseconds=expected.pop("called_at"))
    assert as_utc(full.pop("called_at")) == called_at
    for column in ("checkpoints", "attributes"):
        assert json.loads(full.pop(column)) == json.loads(expected.pop(column))
    assert full == expected
    assert bare["kind"] == "prefix"
    assert bare["guild_id"] is bare["ack_ms"] is bare["checkpoints"] is None


def test_a_batch_written_twice_is_stored_once(store: Store, dsn: str) -> None:
    batch = rows(100)
    store.write(batch, timeout=SECONDS)
    store.write(batch[50:] + rows(150)[100:], timeout=SECONDS)
    assert [row["span_id"] for row in read_rows(dsn)] == list(range(150))


def test_stored_rows_are_never_changed_by_a_retry(store: Store, dsn: str) -> None:
    store.write([FULL], timeout=SECONDS)
    store.write([dataclasses.replace(FULL, command="other")], timeout=SECONDS)
    assert [row["command"] for row in read_rows(dsn)] == ["admin ban"]


@pytest.mark.parametrize("place", [0, 5, 9])
def test_an_invalid_row_fails_the_whole_batch(store: Store, dsn: str, place: int) -> None:
    batch = rows(10)
    batch[place] = dataclasses.replace(batch[place], discord_uid=2**70)
    with pytest.raises(RowsRejected):
        store.write(batch, timeout=SECONDS)
    assert read_rows(dsn) == []
    store.write(rows(10), timeout=SECONDS)
    assert len(read_rows(dsn)) == 10


BACKLOG = 3000
"""Enough rows for COPY in PostgreSQL; fewer are inserted."""


def test_a_backlog_is_stored_like_live_rows(store: Store, dsn: str) -> None:
    kinds = [
        dataclasses.replace(template, called_at=template.called_at + n)
        for n in range(1500)
        for template in (FULL, BARE)
    ]
    store.write(kinds, timeout=SECONDS)
    copied = read_rows(dsn)
    store.write([dataclasses.replace(row, span_id=row.span_id + 1) for row in kinds[:2]], timeout=SECONDS)
    inserted = [row for row in read_rows(dsn) if row not in copied]
    same = [row for row in copied if row["called_at"] in {row["called_at"] for row in inserted}]
    assert len(copied) == BACKLOG
    assert [{**row, "span_id": 0} for row in same] == [{**row, "span_id": 0} for row in inserted]


def test_a_backlog_that_is_partly_stored_is_stored_once(store: Store, dsn: str) -> None:
    batch = rows(BACKLOG)
    store.write(batch[10:20], timeout=SECONDS)
    store.write(batch, timeout=SECONDS)
    store.write(batch, timeout=SECONDS)
    assert [row["span_id"] for row in read_rows(dsn)] == list(range(BACKLOG))


@pytest.mark.parametrize("column", [{"discord_uid": 2**70}, {"player_name": "lone \udc80 surrogate"}])
@pytest.mark.parametrize("place", [0, 1777, BACKLOG - 1])
def test_an_invalid_row_fails_the_whole_backlog(store: Store, dsn: str, column: dict[str, Any], place: int) -> None:
    batch = rows(BACKLOG)
    batch[place] = dataclasses.replace(batch[place], **column)
    with pytest.raises(RowsRejected):
        store.write(batch, timeout=SECONDS)
    assert read_rows(dsn) == []


def test_difficult_names_are_stored_unchanged(store: Store, dsn: str) -> None:
    names = ["🎲", "O'Brien", '"; DROP TABLE command_calls; --', "\u202e" + "א" * 31, "名前", "\\x00", ""]
    batch = [dataclasses.replace(row, player_name=name) for row, name in zip(rows(len(names)), names, strict=True)]
    store.write(batch, timeout=SECONDS)
    assert [row["player_name"] for row in read_rows(dsn)] == names


def test_columns_are_absent_only_in_the_rows_without_a_value(store: Store, dsn: str) -> None:
    optional = [column.name for column in ROW_COLUMNS if not column.required and column.name not in UNIQUE]
    written = []
    for row in rows(120):
        absent: dict[str, Any] = {name: None for at, name in enumerate(optional) if (row.span_id * 37) >> at & 1}
        written.append(dataclasses.replace(row, **absent))
    places = iter(range(len(written)))
    for size in (1, 1, 2, 3, 1, 1, 5, 8, *[1] * 40, 33, 25):  # each with another set of columns that none of them has
        store.write([written[next(places)] for _ in range(size)], timeout=SECONDS)
    stored = read_rows(dsn)
    assert next(places, None) is None
    for row, read in zip(written, stored, strict=True):
        assert [read[name] is None for name in optional] == [getattr(row, name) is None for name in optional]
    assert [row["player_name"] for row in stored] == [row.player_name for row in written]


def test_two_writers_of_the_same_rows_do_not_disturb_each_other(store: Store, dsn: str) -> None:
    other = open_store(dsn)
    try:
        for start in range(0, 100, 10):
            store.write(rows(100)[start : start + 10], timeout=SECONDS)
            other.write(rows(100)[start : start + 10], timeout=SECONDS)
    finally:
        other.close(timeout=SECONDS)
    assert len(read_rows(dsn)) == 100


def test_a_closed_store_reopens_when_it_is_used(store: Store, dsn: str) -> None:
    store.prepare(timeout=SECONDS)
    store.close(timeout=SECONDS)
    store.write([FULL], timeout=SECONDS)
    assert len(read_rows(dsn)) == 1


def test_a_table_can_have_another_name(dsn: str) -> None:
    store = open_store(dsn, table="calls_of_ladder")
    try:
        store.write([FULL], timeout=SECONDS)
    finally:
        store.close(timeout=SECONDS)
    assert len(read_rows(dsn, "calls_of_ladder")) == 1


def test_a_foreign_table_is_refused_with_the_difference(store: Store, dsn: str) -> None:
    execute(dsn, "CREATE TABLE command_calls (title text, body text)")
    with pytest.raises(SchemaMismatch) as caught:
        store.prepare(timeout=SECONDS)
    assert "title" in str(caught.value)
    assert "discord_uid" in str(caught.value)


def test_the_table_of_an_old_bot_is_recognised_and_left_alone(store: Store, dsn: str) -> None:
    number = "serial" if dsn.startswith("postgres") else "integer"
    execute(
        dsn,
        f"CREATE TABLE command_calls (id {number} PRIMARY KEY, discord_uid bigint NOT NULL, player_name text NOT NULL,"
        " command text NOT NULL, called_at timestamp)",
    )
    with pytest.raises(SchemaMismatch, match="older one"):
        store.write([FULL], timeout=SECONDS)


def test_a_table_dropped_while_the_bot_runs_is_created_again(store: Store, dsn: str) -> None:
    from slashspan.exporters.stores.errors import StoreUnavailable

    store.write([FULL], timeout=SECONDS)
    execute(dsn, "DROP TABLE command_calls")
    with pytest.raises(StoreUnavailable):
        store.write([FULL], timeout=SECONDS)
    store.write([FULL], timeout=SECONDS)
    assert len(read_rows(dsn)) == 1


def test_a_store_can_be_prepared_repeatedly_and_by_several_writers(store: Store, dsn: str) -> None:
    store.prepare(timeout=SECONDS)
    store.prepare(timeout=SECONDS)
    other = open_store(dsn)
    other.prepare(timeout=SECONDS)
    other.close(timeout=SECONDS)
