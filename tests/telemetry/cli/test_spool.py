"""Waiting rows can be listed, delivered, sent to another store on request, and redriven after a rejection."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from slashspan.exporters.spool import dead_letters
from slashspan.exporters.spool.dead_letters import DeadLetters
from slashspan.exporters.spool.destinations import Destination
from tests.support.commands import call, stored_span_ids
from tests.support.journals import die, left_behind
from tests.support.rows import rows
from tests.support.spans import finished


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    return tmp_path / "spool"


def test_an_empty_spool_is_reported(spool: Path, dsn: str) -> None:
    assert call(spool, dsn, "spool").output == "nothing is waiting\n"
    assert call(spool, dsn, "spool", "drain").output == "nothing is waiting for this store\n"
    assert not spool.exists()


def test_a_disabled_spool_is_reported(spool: Path, dsn: str) -> None:
    done = call(spool, dsn, "spool", SLASHSPAN_SPOOL="off")
    assert done.exit_code == 2
    assert "SLASHSPAN_SPOOL" in done.output


def test_waiting_rows_are_shown_with_the_reason_and_left_untouched(spool: Path, dsn: str) -> None:
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


def test_drain_delivers_the_rows_for_this_store_of_every_service(spool: Path, dsn: str, tmp_path: Path) -> None:
    elsewhere = f"sqlite:///{tmp_path / 'elsewhere.db'}"
    die(left_behind(spool, dsn, rows(3000)[:2000]).journal)
    die(left_behind(spool, dsn, rows(3000)[2000:], service="other-bot").journal)
    die(left_behind(spool, elsewhere, rows(4000)[3000:]).journal)
    done = call(spool, dsn, "spool", "drain")
    assert done.exit_code == 0, done.output
    assert sorted(stored_span_ids(dsn)) == list(range(3000))
    assert [w["rows"] for w in json.loads(call(spool, dsn, "spool", "--json").output) if w["rows"]] == [1000]


def test_rows_for_another_store_are_delivered_only_on_request(spool: Path, dsn: str, tmp_path: Path) -> None:
    elsewhere = f"sqlite:///{tmp_path / 'elsewhere.db'}"
    die(left_behind(spool, elsewhere, rows(10)).journal)
    assert "nothing is waiting for this store" in call(spool, dsn, "spool", "drain").output
    [waiting] = json.loads(call(spool, dsn, "spool", "--json").output)
    done = call(spool, dsn, "spool", "drain", "--from", waiting["name"])
    assert done.exit_code == 0, done.output
    assert sorted(stored_span_ids(dsn)) == list(range(10))
    wrong = call(spool, dsn, "spool", "drain", "--from", "nonsense")
    assert wrong.exit_code == 2
    assert waiting["name"] in wrong.output


def test_spans_for_a_collector_are_not_written_to_a_table(spool: Path, dsn: str) -> None:
    folder = Destination("ladder-bot", "otlp http://127.0.0.1:4317", "").folder(spool)
    done = call(spool, dsn, "spool", "drain", "--from", folder.name)
    assert done.exit_code == 2
    assert "collector" in done.output


def test_a_running_bot_delivers_its_own_rows(spool: Path, dsn: str) -> None:
    bot = left_behind(spool, dsn, rows(5))
    done = call(spool, dsn, "spool", "drain")
    assert "A running bot" in done.output
    bot.journal.close()
    assert call(spool, dsn, "spool", "drain").exit_code == 0
    assert sorted(stored_span_ids(dsn)) == list(range(5))


def test_rows_stay_in_the_spool_when_the_store_is_unavailable(spool: Path, tmp_path: Path) -> None:
    dsn = "postgresql://u@127.0.0.1:1/d"
    die(left_behind(spool, dsn, rows(5)).journal)
    done = call(spool, dsn, "spool", "drain", "--timeout", "0.6")
    assert done.exit_code == 1
    assert "5 rows are still waiting" in done.output
    assert [w["rows"] for w in json.loads(call(spool, dsn, "spool", "--json").output)] == [5]


def rejected(spool: Path, dsn: str, count: int, reason: str = "poison") -> DeadLetters:
    letters = DeadLetters(Destination.of("ladder-bot", dsn, "command_calls").folder(spool))
    assert all(letters.add(row, reason) for row in rows(count))
    return letters


def test_redrive_stores_dead_letters_and_removes_them_only_then(spool: Path, dsn: str) -> None:
    letters = rejected(spool, dsn, 50)
    shown = call(spool, dsn, "spool", "redrive", "--dry-run").output
    assert "50 × poison" in shown
    assert letters.count() == 50
    done = call(spool, dsn, "spool", "redrive")
    assert done.exit_code == 0, done.output
    assert "50 rows stored" in done.output
    assert sorted(stored_span_ids(dsn)) == list(range(50))
    assert letters.count() == 0
    assert "there are no dead letters" in call(spool, dsn, "spool", "redrive").output


def test_a_dead_letter_that_is_rejected_again_remains_a_dead_letter(spool: Path, dsn: str) -> None:
    letters = rejected(spool, dsn, 3)
    letters.add(dataclasses.replace(rows(4)[3], player_name="nul \0"), "poison")
    letters.add(dataclasses.replace(rows(5)[4], interaction_id=2**63), "poison")  # no store accepts it
    with letters.path.open("a", encoding="utf-8") as file:
        file.write('{"row": {"of": "another version"}}\nno letter at all\n')
    done = call(spool, dsn, "spool", "redrive")
    assert done.exit_code == 1
    assert "rejected again" in done.output
    assert {0, 1, 2} <= set(stored_span_ids(dsn))
    left = list(letters.read())
    assert {letter["row"].get("span_id") for letter in left} >= {4, None}
    assert len(left) + len(stored_span_ids(dsn)) == 6
    assert "no letter at all" in letters.path.read_text("utf-8")


def test_dead_letters_wait_in_the_spool_while_the_store_is_unavailable(spool: Path, tmp_path: Path) -> None:
    dsn = "postgresql://u@127.0.0.1:1/d"
    letters = rejected(spool, dsn, 5)
    done = call(spool, dsn, "spool", "redrive", "--timeout", "0.6")
    assert done.exit_code == 1
    assert "5 rows are still waiting" in done.output
    assert letters.count() == 0
    assert [found["rows"] for found in json.loads(call(spool, dsn, "spool", "--json").output)] == [5]


def test_dead_letters_of_another_store_are_sent_only_on_request(spool: Path, dsn: str, tmp_path: Path) -> None:
    letters = rejected(spool, f"sqlite:///{tmp_path / 'elsewhere.db'}", 5)
    assert "there are no dead letters" in call(spool, dsn, "spool", "redrive").output
    assert call(spool, dsn, "spool", "redrive", "--from", letters.folder.name).exit_code == 0
    assert len(stored_span_ids(dsn)) == 5


def test_dead_letters_dropped_for_lack_of_space_are_shown(
    spool: Path, dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dead_letters, "MAX_BYTES", 3000)
    letters = DeadLetters(Destination.of("ladder-bot", dsn, "command_calls").folder(spool))
    kept = sum(letters.add(row, "poison") for row in rows(20))
    lost = 20 - kept
    assert f"lost: {lost} rejected rows" in call(spool, dsn, "spool").output
    assert json.loads(call(spool, dsn, "spool", "--json").output)[0]["dead_letters_lost"] == lost
    assert f"{lost} rejected rows were lost" in call(spool, dsn, "doctor").output
    done = call(spool, dsn, "spool", "redrive")
    assert f"{lost} more were lost" in done.output
    assert len(stored_span_ids(dsn)) == kept
    assert call(spool, dsn, "spool").output == "nothing is waiting\n"


def test_a_spool_that_others_could_change_is_refused_by_every_command(spool: Path, dsn: str) -> None:
    rejected(spool, dsn, 1)
    spool.chmod(0o777)
    for command in (["spool"], ["spool", "drain"], ["spool", "redrive"], ["forget", "5", "--yes"], ["export", "5"]):
        done = call(spool, dsn, *command)
        assert (done.exit_code, f"chmod go-w {spool}" in done.output) == (2, True), (command, done.output)
    done = call(spool, dsn, "doctor")
    assert done.exit_code == 1
    assert f"→ chmod go-w {spool}" in done.output
