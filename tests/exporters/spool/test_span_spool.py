"""An action's span from the spool is encoded for a collector like the original."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.trace import StatusCode

from slashspan import semconv
from slashspan.exporters.rows.from_span import from_span
from slashspan.exporters.spool.records import NewerFormat, Record, RecordType
from slashspan.exporters.spool.row_spool import MAX_RECORD
from slashspan.exporters.spool.span_spool import SPAN_FORMAT, SpanSpool, holds_spans, spans_of
from tests.support.journals import die, journal
from tests.support.spans import ATTRIBUTES, finished

MARKS: list[tuple[str, dict[str, Any]]] = [
    ("guard_checks_complete", {semconv.CHECKPOINT_AT_MS: 1.25, semconv.CHECKPOINT_STEP_MS: 1.25, "rows": 3}),
    ("exception", {"exception.type": "KeyError"}),
]
VALUES = st.one_of(st.text(), st.booleans(), st.integers(-(2**63), 2**63 - 1), st.floats(), st.lists(st.text()))
UNUSUAL = st.one_of(st.text(st.characters()), st.integers(-(2**80), 2**80), st.binary(max_size=9))
"""What neither msgpack nor OTLP can express, or what they express differently, is among them."""


def adopted(folder: Path, span: Any, *, ended: bool = True) -> Any:
    """The span as the next process finds it."""
    dying = SpanSpool(journal(folder))
    if ended:
        with dying.order:
            dying.ended(span, None)
    else:
        dying.started(span, None)
    die(dying.journal)
    heir = journal(folder)
    heir.adopt()
    [(receipt, record)] = heir.lease(10)
    heir.acknowledge([receipt])
    heir.close()
    assert holds_spans(record)
    (found,) = spans_of(record)
    return found


def test_a_finished_action_is_encoded_like_the_original(tmp_path: Path) -> None:
    span = finished(events=MARKS)
    assert encode_spans([adopted(tmp_path, span)]) == encode_spans([span])


@given(st.dictionaries(st.text(min_size=1, max_size=9), VALUES, max_size=5))
@settings(max_examples=40)
def test_all_attributes_of_a_bot_survive(odd: dict[str, Any]) -> None:
    span = finished({**ATTRIBUTES, **odd})
    with tempfile.TemporaryDirectory() as folder:
        found = adopted(Path(folder), span)
    assert encode_spans([found]).SerializeToString() == encode_spans([span]).SerializeToString()


@given(st.dictionaries(st.text(st.characters(), min_size=1, max_size=9), UNUSUAL, min_size=1, max_size=5))
@settings(max_examples=40)
def test_values_that_cannot_be_expressed_cost_only_themselves(odd: dict[str, Any]) -> None:
    span = finished({**ATTRIBUTES, **odd}, events=MARKS)
    with tempfile.TemporaryDirectory() as folder:
        found = adopted(Path(folder), span)
    assert found.context == span.context
    assert {key: found.attributes[key] for key in ATTRIBUTES} == ATTRIBUTES
    assert len(encode_spans([found]).resource_spans[0].scope_spans[0].spans[0].events) == len(MARKS)


def test_of_a_huge_span_our_attributes_are_kept(tmp_path: Path) -> None:
    found = adopted(tmp_path, finished({**ATTRIBUTES, "big": "x" * 2 * MAX_RECORD}, events=MARKS))
    assert found.attributes["slashspan.left_out_bytes"] > 2 * MAX_RECORD
    assert {key: found.attributes[key] for key in ATTRIBUTES} == ATTRIBUTES
    assert [event.name for event in found.events] == [name for name, _ in MARKS]


def test_an_action_that_never_ended_is_interrupted(tmp_path: Path) -> None:
    span = finished({key: value for key, value in ATTRIBUTES.items() if key != semconv.OUTCOME})
    found = adopted(tmp_path, span, ended=False)
    assert found.attributes[semconv.OUTCOME] == "interrupted"
    assert found.end_time == found.start_time == span.start_time
    assert found.status.status_code is StatusCode.ERROR
    row, ended = from_span(found), from_span(span)
    assert row is not None
    assert ended is not None
    assert (row.trace_id, row.span_id, row.called_at) == (ended.trace_id, ended.span_id, ended.called_at)


def test_a_record_of_a_newer_format_is_refused() -> None:
    for type_, newer in ((RecordType.BATCH, 2), (RecordType.SPAN, SPAN_FORMAT + 1)):
        with pytest.raises(NewerFormat):
            spans_of(Record(0, 0, type_, newer, 0, b""))
