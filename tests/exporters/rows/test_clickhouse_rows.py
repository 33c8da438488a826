"""A span that the collector inserts into ClickHouse becomes the row that `from_span` makes of it."""

from __future__ import annotations

import json
from datetime import timezone
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slashspan import semconv
from slashspan.exporters.admin.migrate import run_migration
from slashspan.exporters.rows.command_call import ROW_COLUMNS
from slashspan.exporters.rows.from_span import from_span
from slashspan.exporters.rows.timestamps import EPOCH
from tests.support.otel_traces import exported, insert
from tests.support.spans import ATTRIBUTES, finished

if TYPE_CHECKING:
    from collections.abc import Iterator

    from opentelemetry.sdk.trace import ReadableSpan

    from tests.support.clickhouse_server import ClickhouseServer

DATABASE = "rows_of_spans"
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=300)
ID = st.one_of(st.integers(-(2**63), 2**63 - 1).map(str), st.sampled_from(["", "abc", "1.5", str(2**63), "1e3", "-"]))
NUMBER = st.floats(allow_nan=True, allow_infinity=True)
KIND = st.sampled_from([kind for kind in semconv.Kind.ALL if kind != semconv.Kind.AUTOCOMPLETE])
TYPED: dict[str, st.SearchStrategy[Any]] = {
    **dict.fromkeys((semconv.USER_NAME, semconv.COMMAND_NAME, semconv.OUTCOME, semconv.ERROR_TYPE), TEXT),
    **dict.fromkeys((semconv.LOCALE, semconv.GUILD_LOCALE, semconv.CONTEXT), TEXT),
    **dict.fromkeys((semconv.USER_ID, semconv.GUILD_ID, semconv.CHANNEL_ID, semconv.INTERACTION_ID), ID),
    semconv.APPLICATION_ID: ID,
    semconv.SHARD_ID: st.integers(-(2**40), 2**40),
    **dict.fromkeys((semconv.ACK_MS, semconv.GATEWAY_DELAY_MS, semconv.LOOP_DELAY_MS), NUMBER),
    semconv.RATE_LIMITED_MS: NUMBER,
}
MILLISECONDS = st.integers(0, 10**9).map(lambda microseconds: microseconds / 1000)
CHECKPOINT = st.tuples(
    TEXT,
    st.fixed_dictionaries(
        {semconv.CHECKPOINT_AT_MS: MILLISECONDS},
        optional={semconv.CHECKPOINT_STEP_MS: MILLISECONDS, "own": TEXT},
    ),
)
OTHER_EVENT = st.tuples(st.sampled_from(["exception", "log"]), st.dictionaries(TEXT, TEXT, max_size=2))


OWN = st.dictionaries(st.text("abc.é\0", min_size=1, max_size=5).map(lambda key: f"own.{key}"), TEXT, max_size=3)
PARTS = st.tuples(
    st.fixed_dictionaries({semconv.KIND: KIND}, optional=TYPED), OWN, st.lists(CHECKPOINT | OTHER_EVENT, max_size=4)
)
"""Attributes of ours, those of a bot, and events."""


@pytest.fixture(scope="module")
def stored(clickhouse_server: ClickhouseServer) -> Iterator[Any]:
    """A client of the migrated database."""
    run_migration(clickhouse_server.dsn(DATABASE), "command_calls")
    client = clickhouse_server.client(DATABASE)
    yield client
    client.close()


def empty(client: Any) -> None:
    """Hypothesis seeds what makes ids, so each example has the same ones."""
    for table in ("otel_traces", "command_calls_rows"):
        client.command(f"TRUNCATE TABLE {table}")


def expected(span: ReadableSpan) -> dict[str, Any]:
    """What `from_span` says, in ClickHouse's types."""
    row = from_span(span)
    assert row is not None
    values: dict[str, Any] = {column.name: getattr(row, column.name) for column in ROW_COLUMNS}
    marks = json.loads(values["checkpoints"] or "[]")
    values["checkpoints"] = [
        {
            **{key: mark.pop(key) for key in ("name", "at_ms", "step_ms")},
            "attributes": mark,
        }
        for mark in marks
    ]
    values["attributes"] = json.loads(values["attributes"] or "{}")
    return values


def found(client: Any, spans: list[ReadableSpan]) -> list[dict[str, Any]]:
    """The rows of these spans, in their order."""
    ids = [exported(span)["TraceId"] for span in spans]
    rows = client.query(
        "SELECT * FROM command_calls WHERE trace_id IN {ids:Array(String)}", parameters={"ids": ids}
    ).named_results()
    by_trace = {row["trace_id"]: row for row in rows}
    assert len(by_trace) == len(spans)
    return [by_trace[trace] for trace in ids]


@settings(max_examples=15)
@given(st.lists(PARTS, min_size=1, max_size=12))
def test_every_column_is_that_of_the_row_in_other_databases(stored: Any, parts: list[Any]) -> None:
    empty(stored)
    spans = [finished({**ours, **own}, events) for ours, own, events in parts]
    insert(stored, DATABASE, [exported(span) for span in spans])
    for row, span in zip(found(stored, spans), spans, strict=True):
        at = row["called_at"].replace(tzinfo=timezone.utc) - EPOCH
        row["called_at"] = (at.days * 86_400 + at.seconds) * 1_000_000 + at.microseconds
        wanted = expected(span)
        assert {name: row[name] for name in wanted} == wanted


ANY_TEXT = st.one_of(TEXT, st.sampled_from(["NaN", "-", "9" * 400, "1e999", "[1", "\\", "'", "{", "\0"]))
ANY_MAP = st.dictionaries(
    st.one_of(st.sampled_from([attribute.key for attribute in semconv.ATTRIBUTES]), TEXT), ANY_TEXT, max_size=8
)


@settings(max_examples=15)
@given(st.lists(st.tuples(ANY_MAP, ANY_MAP, st.lists(ANY_MAP, max_size=3), ANY_TEXT, ANY_TEXT), min_size=1, max_size=8))
def test_whatever_a_span_holds_its_batch_is_stored(stored: Any, parts: list[Any]) -> None:
    """A batch with one span that fails would be sent again for ever."""
    empty(stored)
    common = exported(finished())
    rows = [
        {
            **common,
            "SpanAttributes": {**attributes, semconv.KIND: "slash"},
            "ResourceAttributes": resource,
            "Events.Timestamp": [0 for _ in events],
            "Events.Name": [trace for _ in events],
            "Events.Attributes": events,
            "TraceId": trace,
            "SpanId": span,
            "Timestamp": common["Timestamp"] + number,
            "Duration": 2**64 - number - 1,
        }
        for number, (attributes, resource, events, trace, span) in enumerate(parts)
    ]
    insert(stored, DATABASE, rows)
    assert stored.query("SELECT count() FROM command_calls_rows").first_row[0] >= 1


def test_bytes_that_are_no_text_are_stored(stored: Any) -> None:
    empty(stored)
    keys = [attribute.key for attribute in semconv.ATTRIBUTES]
    pairs = ", ".join(f"'{key}', unhex('FF00FE')" for key in keys)
    events = f"[now64(9)], [unhex('FF')], [map({pairs})]"
    stored.command(
        "INSERT INTO otel_traces (Timestamp, SpanId, SpanAttributes, Events.Timestamp, Events.Name, Events.Attributes) "
        f"SELECT now64(9), unhex('FF'), map({pairs}, unhex('FF'), unhex('FE')), {events}"
    )
    assert stored.query("SELECT count() FROM command_calls").first_row == (1,)


def test_spans_that_are_no_action_and_autocomplete_are_no_rows(stored: Any) -> None:
    empty(stored)
    child = finished({"http.request.method": "POST"})
    typing = finished({**ATTRIBUTES, semconv.KIND: semconv.Kind.AUTOCOMPLETE})
    insert(stored, DATABASE, [exported(span) for span in (child, typing, finished())])
    assert stored.query("SELECT count() FROM otel_traces").first_row == (3,)
    assert stored.query("SELECT kind FROM command_calls").result_rows == [("slash",)]


def test_an_attribute_text_that_is_too_long_is_cut_and_many_are_replaced_by_their_size(stored: Any) -> None:
    empty(stored)
    long, many = finished({**ATTRIBUTES, "own": "é" * 5000}), {f"own.{n}": "x" * 2000 for n in range(20)}
    for span, wanted in (
        (long, {"own": "é" * 2048}),
        (finished({**ATTRIBUTES, **many}), {"slashspan.left_out_chars": "40231"}),
    ):
        insert(stored, DATABASE, [exported(span)])
        assert found(stored, [span])[0]["attributes"] == wanted
        assert {name: str(value) for name, value in expected(span)["attributes"].items()} == wanted
