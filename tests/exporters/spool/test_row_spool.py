"""A row from the spool equals the row of the original span."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slashspan import semconv
from slashspan.exporters.rows.counts import DropReason
from slashspan.exporters.rows.from_span import from_span
from slashspan.exporters.spool.records import NewerFormat, RecordType
from slashspan.exporters.spool.row_spool import MAX_RECORD, RowSpool, row_of
from slashspan.exporters.spool.segment import RecordState
from tests.support.journals import die, journal
from tests.support.spans import ATTRIBUTES, finished

if TYPE_CHECKING:
    from pathlib import Path

MARKS = [
    ("guard_checks_complete", {semconv.CHECKPOINT_AT_MS: 1.25, semconv.CHECKPOINT_STEP_MS: 1.25, "rows": 3}),
    ("exception", {"exception.type": "KeyError"}),
]
TEXT = st.text(st.characters())  # including lone surrogates, which the default excludes
VALUES = st.one_of(
    TEXT,
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.binary(max_size=20),
    st.lists(TEXT, max_size=3),
)


def replayed(folder: Path, attributes: dict[str, Any] | None = None, events: Any = None) -> tuple[Any, Any]:
    """The span's own row, and the one replayed from the spool of a process that died."""
    span = finished(attributes, events)
    dying = RowSpool(journal(folder))
    with dying.order:
        dying.ended(span)
    die(dying.journal)
    heir = RowSpool(journal(folder))
    heir.journal.adopt()
    [(row, receipt)] = heir.lease(10)
    heir.journal.acknowledge([receipt])
    heir.journal.close()
    return from_span(span), row


def test_every_column_survives_the_spool(tmp_path: Path) -> None:
    expected, row = replayed(tmp_path, events=MARKS)
    assert row == expected
    assert row.checkpoints is not None
    assert row.service_name == "ladder-bot"


@given(st.dictionaries(st.text(st.characters(), min_size=1, max_size=9), VALUES, max_size=5))
@settings(max_examples=60)
def test_all_attributes_of_a_bot_survive_the_spool(odd: dict[str, Any]) -> None:
    import tempfile
    from pathlib import Path

    with tempfile.TemporaryDirectory() as folder:
        expected, row = replayed(Path(folder), {**ATTRIBUTES, **odd})
    assert dataclasses.replace(row, attributes=None) == dataclasses.replace(expected, attributes=None)
    assert row.attributes == expected.attributes


def test_a_character_that_utf8_cannot_encode_costs_only_itself(tmp_path: Path) -> None:
    expected, row = replayed(tmp_path, {**ATTRIBUTES, semconv.USER_NAME: "nel\ud83cly"}, events=MARKS)
    assert row == expected
    assert row.player_name == "nel?ly"


def test_a_huge_span_keeps_its_own_columns(tmp_path: Path) -> None:
    expected, row = replayed(tmp_path, {**ATTRIBUTES, "big": "x" * 2 * MAX_RECORD})
    assert dataclasses.replace(row, attributes=None) == dataclasses.replace(expected, attributes=None)
    assert row.attributes is not None
    assert "left_out" in row.attributes


def test_an_action_that_never_ended_becomes_an_interrupted_row(tmp_path: Path) -> None:
    span = finished({key: value for key, value in ATTRIBUTES.items() if key != semconv.OUTCOME})
    dying = RowSpool(journal(tmp_path))
    dying.started(span)
    die(dying.journal)
    heir = RowSpool(journal(tmp_path))
    heir.journal.adopt()
    [(row, _)] = heir.lease(10)
    ended = from_span(span)
    assert ended is not None
    assert row == dataclasses.replace(ended, outcome="interrupted", duration_ms=None)


def test_evicted_rows_are_replayed_and_the_others_are_in_flight(tmp_path: Path) -> None:
    spool = RowSpool(journal(tmp_path))
    made = [finished() for _ in range(6)]
    for span in made:
        with spool.order:
            spool.ended(span)
    receipts = spool.claim(made[2:4])
    assert None not in receipts
    assert spool.journal.pending == 2, "the two before"
    assert {row.span_id for row, _ in spool.lease(10)} == {_row_id(span) for span in made[:2]}
    assert spool.claim([finished()]) == [None], "never seen here"
    assert None not in spool.claim(made[4:])


def _row_id(span: Any) -> int:
    row = from_span(span)
    assert row is not None
    return row.span_id


def test_an_unreadable_record_is_counted_and_stops_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    spool = RowSpool(journal(tmp_path))
    spool.journal.append(RecordType.SPAN, 1, 1, b"\xc1 is no msgpack", RecordState.PENDING)
    row = from_span(finished())
    assert row is not None
    receipt = spool.append(row)
    assert receipt is not None
    spool.journal.release([receipt])
    assert [row for row, _ in spool.lease(10)] == [row]
    assert spool.journal.dropped == {DropReason.INTERNAL: 1}
    assert "please report" in caplog.text


def test_an_unknown_payload_format_is_refused(tmp_path: Path) -> None:
    spool = RowSpool(journal(tmp_path))
    spool.journal.append(RecordType.SPAN, 3, 1, b"\x90\x90", RecordState.PENDING)
    [(_, record)] = spool.journal.lease(1)
    with pytest.raises(NewerFormat, match="format 3"):
        row_of(record)
    die(spool.journal)
    older = RowSpool(journal(tmp_path))
    older.journal.adopt()
    assert older.lease(10) == []
    older.journal.close()
    newer = journal(tmp_path)
    assert newer.adopt() == 1, "it waits for a slashspan that can read it"
