"""What waits can be seen, delivered, handed over on purpose, and erased."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner, Result

from exporters.spool.dead_letters import DeadLetters
from exporters.spool.destinations import Destination
from exporters.stores.factory import open_store
from telemetry.cli import cli
from telemetry.instrument.privacy import pseudonym
from tests.support.journals import die, left_behind
from tests.support.rows import rows
from tests.support.spans import finished
from tests.support.stored_rows import read_rows

if TYPE_CHECKING:
    from exporters.rows.command_call import CommandCall

NELLY, OTHER = 80351110224678912, 7


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    return tmp_path / "spool"


def table(dsn: str) -> list[int]:
    return [row["span_id"] for row in read_rows(dsn)]


def call(spool: Path, dsn: str, *arguments: str, **environ: str) -> Result:
    return CliRunner().invoke(cli, arguments, env={"SLASHSPAN_SPOOL": str(spool), "SLASHSPAN_DSN": dsn, **environ})


def test_an_empty_spool_says_so(spool: Path, dsn: str) -> None:
    assert call(spool, dsn, "spool").output == "nothing is waiting\n"
    assert call(spool, dsn, "spool", "drain").output == "nothing is waiting for this store\n"
    assert not spool.exists()


def test_a_spool_that_is_off_is_named(spool: Path, dsn: str) -> None:
    done = call(spool, dsn, "spool", SLASHSPAN_SPOOL="off")
    assert done.exit_code == 2
    assert "SLASHSPAN_SPOOL" in done.output


def test_what_waits_is_shown_with_its_reason_and_nothing_is_touched(spool: Path, dsn: str) -> None:
    bot = left_behind(spool, dsn, rows(5))
    bot.started(finished())
    bot.journal.record_error("no answer within 10 s")
    living = json.loads(call(spool, dsn, "spool", "--json").output)
    die(bot.journal)
    [waiting] = json.loads(call(spool, dsn, "spool", "--json").output)
    assert (waiting["service"], waiting["rows"], waiting["in_flight"]) == ("ladder-bot", 5, 1)
    assert waiting["last_error"] == "no answer within 10 s"
    assert waiting["since"].startswith("20")
    assert (living[0]["alive"], living[0]["dead"]) == (1, 0)
    assert (waiting["alive"], waiting["dead"]) == (0, 1)
    shown = call(spool, dsn, "spool").output
    assert "no answer within 10 s" in shown
    assert [w["rows"] for w in json.loads(call(spool, dsn, "spool", "--json").output)] == [5]


def test_drain_delivers_what_is_for_this_store_whatever_the_service(spool: Path, dsn: str, tmp_path: Path) -> None:
    elsewhere = f"sqlite:///{tmp_path / 'elsewhere.db'}"
    die(left_behind(spool, dsn, rows(3000)[:2000]).journal)
    die(left_behind(spool, dsn, rows(3000)[2000:], service="other-bot").journal)
    die(left_behind(spool, elsewhere, rows(4000)[3000:]).journal)
    done = call(spool, dsn, "spool", "drain")
    assert done.exit_code == 0, done.output
    assert sorted(table(dsn)) == list(range(3000))
    assert [w["rows"] for w in json.loads(call(spool, dsn, "spool", "--json").output) if w["rows"]] == [1000]


def test_what_was_for_another_store_goes_there_on_purpose_only(spool: Path, dsn: str, tmp_path: Path) -> None:
    elsewhere = f"sqlite:///{tmp_path / 'elsewhere.db'}"
    die(left_behind(spool, elsewhere, rows(10)).journal)
    assert "nothing is waiting for this store" in call(spool, dsn, "spool", "drain").output
    [waiting] = json.loads(call(spool, dsn, "spool", "--json").output)
    done = call(spool, dsn, "spool", "drain", "--from", waiting["name"])
    assert done.exit_code == 0, done.output
    assert sorted(table(dsn)) == list(range(10))
    wrong = call(spool, dsn, "spool", "drain", "--from", "nonsense")
    assert wrong.exit_code == 2
    assert waiting["name"] in wrong.output


def test_spans_for_a_collector_are_not_handed_to_a_table(spool: Path, dsn: str) -> None:
    folder = Destination("ladder-bot", "otlp http://127.0.0.1:4317", "").folder(spool)
    done = call(spool, dsn, "spool", "drain", "--from", folder.name)
    assert done.exit_code == 2
    assert "collector" in done.output


def test_a_running_bot_delivers_its_own(spool: Path, dsn: str) -> None:
    bot = left_behind(spool, dsn, rows(5))
    done = call(spool, dsn, "spool", "drain")
    assert "A bot that runs" in done.output
    bot.journal.close()
    assert call(spool, dsn, "spool", "drain").exit_code == 0
    assert sorted(table(dsn)) == list(range(5))


def test_a_store_that_is_away_leaves_them_where_they_are(spool: Path, tmp_path: Path) -> None:
    dsn = "postgresql://u@127.0.0.1:1/d"
    die(left_behind(spool, dsn, rows(5)).journal)
    done = call(spool, dsn, "spool", "drain", "--timeout", "0.6")
    assert done.exit_code == 1
    assert "5 rows are still waiting" in done.output
    assert [w["rows"] for w in json.loads(call(spool, dsn, "spool", "--json").output)] == [5]


def mixed() -> list[CommandCall]:
    return [dataclasses.replace(row, discord_uid=NELLY if row.span_id % 3 == 0 else OTHER) for row in rows(300)]


def test_forget_erases_a_user_everywhere_and_down_to_the_bytes(spool: Path, dsn: str) -> None:
    store = open_store(dsn)
    store.write(mixed()[:100], timeout=20)
    store.close(timeout=5)
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
    assert sorted(table(dsn)) == [row.span_id for row in mixed() if row.discord_uid == OTHER]


def test_forget_finds_the_pseudonym_when_the_key_is_set(spool: Path, dsn: str) -> None:
    store = open_store(dsn)
    hidden = pseudonym(NELLY, "secret")
    store.write([dataclasses.replace(row, discord_uid=hidden) for row in rows(5)], timeout=20)
    store.close(timeout=5)
    assert "0 rows erased" in call(spool, dsn, "forget", str(NELLY), "--yes").output
    assert "5 rows erased" in call(spool, dsn, "forget", str(NELLY), "--yes", SLASHSPAN_USER_ID_KEY="secret").output


def test_forget_asks_first_with_a_count(spool: Path, dsn: str) -> None:
    store = open_store(dsn)
    store.write(mixed(), timeout=20)
    store.close(timeout=5)
    asked = CliRunner().invoke(
        cli, ["forget", str(NELLY)], env={"SLASHSPAN_SPOOL": str(spool), "SLASHSPAN_DSN": dsn}, input="n\n"
    )
    assert "Erase 100 rows" in asked.output
    assert len(table(dsn)) == 300


def test_forget_tells_of_rows_that_a_running_bot_has_still_to_deliver(spool: Path, dsn: str) -> None:
    store = open_store(dsn)
    store.prepare(timeout=20)
    store.close(timeout=5)
    bot = left_behind(spool, dsn, mixed()[:9])
    done = call(spool, dsn, "forget", str(NELLY), "--yes")
    assert done.exit_code == 1
    assert "3 rows of the user are on their way" in done.output
    bot.journal.close()
