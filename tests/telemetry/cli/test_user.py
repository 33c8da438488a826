"""`slashspan forget` and `slashspan export` reach everything stored about a user, and nothing about others."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from slashspan import semconv
from slashspan.exporters.spool.dead_letters import DeadLetters
from slashspan.exporters.spool.destinations import Destination
from slashspan.exporters.spool.records import RecordType
from slashspan.exporters.spool.segment import RecordState
from slashspan.exporters.spool.span_codec import PAYLOAD_FORMAT, packed, unpacked
from slashspan.exporters.spool.span_spool import SpanSpool
from slashspan.exporters.spool.status import pending_records
from slashspan.exporters.spool.writers import writer_folders
from slashspan.exporters.stores.factory import open_store
from slashspan.telemetry.cli import cli
from slashspan.telemetry.instrument.privacy import pseudonym
from tests.support.commands import call, stored_span_ids
from tests.support.journals import die, journal, left_behind
from tests.support.rows import rows
from tests.support.spans import ATTRIBUTES, finished
from tests.support.stored_rows import write_rows
from tests.support.tables import execute

if TYPE_CHECKING:
    from pathlib import Path

    from opentelemetry.sdk.trace import ReadableSpan

    from slashspan.exporters.rows.command_call import CommandCall
    from slashspan.exporters.spool.journal import Journal

NELLY, OTHER = 80351110224678912, 7
COLLECTOR = "otlp http://127.0.0.1:4317"


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    return tmp_path / "spool"


def trace(user: int, *children: str) -> list[ReadableSpan]:
    """A user action and its child spans, in the order in which they end: the action last."""
    memory = InMemorySpanExporter()
    provider = TracerProvider(resource=Resource.create({"service.name": "bot"}), shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(memory))
    tracer = provider.get_tracer("test")
    named = {semconv.USER_ID: str(user), semconv.USER_NAME: f"name-of-{user}"}
    with tracer.start_as_current_span("slash", attributes={**ATTRIBUTES, **named}):
        for child in children:
            tracer.start_span(child, attributes={"db.query": f"of {user}"}).end()
    return list(memory.get_finished_spans())


def batches(spool: Path, *waiting: list[ReadableSpan]) -> Journal:
    """Batches that a bot could not send to a collector."""
    into = journal(Destination("ladder-bot", COLLECTOR, "").folder(spool))
    for spans in waiting:
        assert into.append(RecordType.BATCH, PAYLOAD_FORMAT, 0, packed(spans), RecordState.PENDING) is not None
    return into


def spans_left(spool: Path) -> list[str]:
    folder = Destination("ladder-bot", COLLECTOR, "").folder(spool)
    records = [record for writer in writer_folders(folder) for record in pending_records(writer)]
    return [str(dict(span.attributes or {})) for record in records for span in unpacked(record.payload)]


def mixed() -> list[CommandCall]:
    return [dataclasses.replace(row, discord_uid=NELLY if row.span_id % 3 == 0 else OTHER) for row in rows(300)]


def test_forget_leaves_no_byte_of_a_user(spool: Path, dsn: str) -> None:
    write_rows(dsn, mixed()[:100])
    bot = left_behind(
        spool, dsn, [dataclasses.replace(row, player_name=f"name-of-{row.discord_uid}") for row in mixed()[100:]]
    )
    bot.started(finished())
    die(bot.journal)
    folder = Destination.of("ladder-bot", dsn, "command_calls").folder(spool)
    for row in mixed()[:2]:
        DeadLetters(folder).add(row, "poison")
    done = call(spool, dsn, "forget", str(NELLY), "--yes")
    assert done.exit_code == 0, done.output
    assert "34 rows erased, 68 in the spool and among dead letters" in done.output  # 66, one in flight, one letter
    on_disk = b"".join(file.read_bytes() for file in spool.rglob("*") if file.is_file())
    assert f"name-of-{OTHER}".encode() in on_disk
    assert f"name-of-{NELLY}".encode() not in on_disk
    assert str(NELLY).encode() not in on_disk
    call(spool, dsn, "spool", "drain")
    assert sorted(stored_span_ids(dsn)) == [row.span_id for row in mixed() if row.discord_uid == OTHER]


def test_forget_finds_the_pseudonym_when_the_key_is_set(spool: Path, managed_dsn: str) -> None:
    hidden = pseudonym(NELLY, "secret")
    write_rows(managed_dsn, [dataclasses.replace(row, discord_uid=hidden) for row in rows(5)])
    assert "0 rows erased" in call(spool, managed_dsn, "forget", str(NELLY), "--yes").output
    assert (
        "5 rows erased"
        in call(spool, managed_dsn, "forget", str(NELLY), "--yes", SLASHSPAN_USER_ID_KEY="secret").output
    )


def test_forget_shows_a_count_and_asks_first(spool: Path, managed_dsn: str) -> None:
    write_rows(managed_dsn, mixed())
    asked = CliRunner().invoke(
        cli, ["forget", str(NELLY)], env={"SLASHSPAN_SPOOL": str(spool), "SLASHSPAN_DSN": managed_dsn}, input="n\n"
    )
    assert "Erase 100 rows" in asked.output
    assert len(stored_span_ids(managed_dsn)) == 300


def test_forget_reports_rows_that_a_running_bot_has_still_to_deliver(spool: Path, dsn: str) -> None:
    store = open_store(dsn)
    store.prepare(timeout=20)
    store.close(timeout=5)
    bot = left_behind(spool, dsn, mixed()[:9])
    done = call(spool, dsn, "forget", str(NELLY), "--yes")
    assert done.exit_code == 1
    assert "3 rows of the user are in flight" in done.output
    bot.journal.close()


def on_disk(spool: Path) -> bytes:
    return b"".join(file.read_bytes() for file in spool.rglob("*") if file.is_file())


def test_forget_removes_the_users_spans_from_batches_with_their_whole_traces(spool: Path, dsn: str) -> None:
    store = open_store(dsn)
    store.prepare(timeout=20)
    store.close(timeout=5)
    nelly, other = trace(NELLY, "SELECT", "INSERT"), trace(OTHER, "SELECT")
    # The children wait in one batch, the action with the user's id in the next.
    die(batches(spool, [*nelly[:2], *other[:1]], [nelly[2]], other[1:]))
    done = call(spool, dsn, "forget", str(NELLY), "--yes")
    assert done.exit_code == 0, done.output
    assert "3 spans for a collector" in done.output
    left = spans_left(spool)
    assert len(left) == 2
    assert all(str(OTHER) in span for span in left)
    assert str(NELLY).encode() not in on_disk(spool)
    assert b"SELECT" in on_disk(spool)
    assert b"INSERT" not in on_disk(spool)


def test_forget_removes_the_users_actions_that_a_killed_bot_had_not_sent(spool: Path, dsn: str) -> None:
    store = open_store(dsn)
    store.prepare(timeout=20)
    store.close(timeout=5)
    request, action = trace(NELLY, "INSERT")
    killed = SpanSpool(batches(spool, [request]))
    for ended in (action, trace(OTHER)[0]):
        killed.started(trace(NELLY)[0], None)
        with killed.order:
            killed.ended(ended, None)
    die(killed.journal)
    shown = call(spool, dsn, "export", str(NELLY), "--json")
    names = [json.loads(line)["span"]["name"] for line in shown.stdout.splitlines()]
    assert sorted(names) == ["INSERT", "slash", "slash", "slash"]
    done = call(spool, dsn, "forget", str(NELLY), "--yes")
    assert done.exit_code == 0, done.output
    assert "4 spans for a collector" in done.output
    (left,) = spans_left(spool)
    assert f"name-of-{OTHER}" in left
    assert f"name-of-{NELLY}".encode() not in on_disk(spool)
    assert b"INSERT" not in on_disk(spool)


def test_forget_reaches_every_destination_and_names_what_it_cannot_reach(spool: Path, dsn: str, tmp_path: Path) -> None:
    elsewhere = f"sqlite:///{tmp_path / 'elsewhere.db'}"
    write_rows(dsn, mixed()[:30])
    die(left_behind(spool, elsewhere, mixed()[30:60], service="other").journal)
    DeadLetters(Destination.of("other", elsewhere, "command_calls").folder(spool)).add(mixed()[0], "poison")
    done = call(spool, dsn, "forget", str(NELLY), "--yes")
    assert done.exit_code == 0, done.output
    assert "10 rows erased, 11 in the spool" in done.output
    for place in ("log files", "backups", "collector", elsewhere.partition(":")[0] + ":///" + str(tmp_path)):
        assert place in done.output
    assert str(NELLY).encode() not in on_disk(spool)


def test_forget_reports_batches_of_a_running_bot(spool: Path, dsn: str) -> None:
    write_rows(dsn, mixed()[:3])
    bot = batches(spool, trace(NELLY))
    done = call(spool, dsn, "forget", str(NELLY), "--yes")
    assert done.exit_code == 1
    assert "1 rows of the user are in flight" in done.output
    bot.close()
    assert call(spool, dsn, "forget", str(NELLY), "--yes").exit_code == 0
    assert spans_left(spool) == []


def test_what_forget_cannot_read_is_kept_and_reported(spool: Path, dsn: str) -> None:
    write_rows(dsn, mixed()[:3])
    bot = left_behind(spool, dsn, mixed()[3:6])
    bot.journal.append(RecordType.SPAN, 99, 1, b"of a newer slashspan", RecordState.PENDING)
    bot.journal.append(RecordType.ROW, 1, 2, b"\xc1", RecordState.PENDING)
    die(bot.journal)
    into = batches(spool)
    into.append(RecordType.BATCH, 99, 0, b"of a newer slashspan", RecordState.PENDING)
    die(into)
    done = call(spool, dsn, "forget", str(NELLY), "--yes")
    assert done.exit_code == 1
    assert "3 records in the spool cannot be read" in done.output
    assert on_disk(spool).count(b"of a newer slashspan") == 2


def test_export_shows_all_that_is_stored_of_a_user_and_nothing_of_others(spool: Path, dsn: str) -> None:
    write_rows(dsn, mixed()[:30])
    bot = left_behind(spool, dsn, mixed()[30:60])
    bot.started(finished())
    die(bot.journal)
    running = left_behind(spool, dsn, mixed()[60:63])
    DeadLetters(running.journal.folder).add(mixed()[63], "poison")
    DeadLetters(running.journal.folder).add(mixed()[64], "poison")
    die(batches(spool, trace(NELLY, "SELECT"), trace(OTHER)))
    before = on_disk(spool)
    done = call(spool, dsn, "export", str(NELLY), "--json")
    assert done.exit_code == 0, done.output
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert on_disk(spool) == before, "nothing is changed"
    places: dict[str, list[Any]] = {}
    for entry in found:
        places.setdefault(entry["place"] + (" span" if "span" in entry else ""), []).append(entry)
    assert {place: len(entries) for place, entries in places.items()} == {
        "table": 10,
        "spool": 11,
        "running bot": 1,
        "dead letter": 1,
        "spool span": 2,
    }
    assert all(entry["row"]["discord_uid"] == NELLY for entry in found if "row" in entry)
    assert sorted(entry["row"]["span_id"] for entry in places["table"]) == list(range(0, 30, 3))
    [letter] = places["dead letter"]
    assert (letter["reason"], letter["row"]["called_at"][:2]) == ("poison", "20")
    assert places["table"][0]["row"]["attributes"] == {"ladder.page": 2}
    assert "name-of-7" not in done.stdout
    running.journal.close()
    assert "Not shown: log files" in done.stderr
    people = call(spool, dsn, "export", str(NELLY)).stdout
    assert len(people.splitlines()) == len(found)
    assert "admin ban" in people


def test_export_finds_the_pseudonym_when_the_key_is_set(spool: Path, dsn: str) -> None:
    hidden = pseudonym(NELLY, "secret")
    write_rows(dsn, [dataclasses.replace(row, discord_uid=hidden) for row in rows(5)])
    assert call(spool, dsn, "export", str(NELLY), "--json").stdout == ""
    shown = call(spool, dsn, "export", str(NELLY), "--json", SLASHSPAN_USER_ID_KEY="secret").stdout
    assert len(shown.splitlines()) == 5


@pytest.mark.parametrize("form", [[], ["--json"]])
def test_export_ends_quietly_when_its_output_is_closed(form: list[str], spool: Path, dsn: str) -> None:
    write_rows(dsn, rows(3000))
    command = [sys.executable, "-m", "slashspan", "export", str(NELLY), *form]
    settings = {**os.environ, "SLASHSPAN_DSN": dsn, "SLASHSPAN_SPOOL": str(spool)}
    with subprocess.Popen(command, env=settings, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline()
        process.stdout.close()
        assert process.wait(60) == 1
        assert process.stderr.read() == b""


def test_forget_in_clickhouse_reaches_the_sums_too(spool: Path, clickhouse_dsn: str) -> None:
    write_rows(clickhouse_dsn, mixed())
    assert call(spool, clickhouse_dsn, "rollup", "build").exit_code == 0
    listed = "SELECT name FROM system.tables WHERE database = currentDatabase() AND engine LIKE '%MergeTree'"
    tables = [row["name"] for row in execute(clickhouse_dsn, listed)]

    def holding(user: int) -> list[str]:
        """The tables in which a number or text is the user's id, and no others that contain it."""
        rows = {name: json.dumps(execute(clickhouse_dsn, f"SELECT * FROM {name}"), default=str) for name in tables}
        return [name for name, text in rows.items() if re.search(rf"\b{user}\b", text)]

    assert len(holding(NELLY)) >= 3  # spans, rows, and the ids of the sums
    done = call(spool, clickhouse_dsn, "forget", str(NELLY), "--yes")
    assert done.exit_code == 0, done.output
    assert "100 rows erased" in done.output
    assert holding(NELLY) == []
    assert len(stored_span_ids(clickhouse_dsn)) == 200
    assert "the sums equal the rows" in call(spool, clickhouse_dsn, "rollup", "verify").output


def test_spooled_rows_are_not_drained_into_clickhouse_and_the_way_is_said(spool: Path, clickhouse_dsn: str) -> None:
    bot = left_behind(spool, clickhouse_dsn, mixed()[:3])
    die(bot.journal)
    done = call(spool, clickhouse_dsn, "spool", "drain")
    assert done.exit_code == 2
    assert "OTEL_TRACES_EXPORTER=otlp" in done.output
    assert "3" in call(spool, clickhouse_dsn, "spool").output
