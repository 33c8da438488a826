"""The columns of actions are those that each value alone would give, whatever the values are."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from opentelemetry.sdk.trace import TracerProvider

from slashspan import semconv
from slashspan.action_record import END_FIELDS, START_FIELDS, ActionRecord
from slashspan.action_span import ActionSpans
from slashspan.exporters.rows.action_columns import columns_of_actions, row_of_action
from slashspan.exporters.rows.command_call import ROW_COLUMNS, values_of
from slashspan.exporters.rows.ended_action import ended_action
from slashspan.exporters.rows.lazy_rows import LazyRows, columns_of_rows
from slashspan.exporters.rows.row_maker import converter

FIELDS = (*START_FIELDS, *END_FIELDS)
NAMES = [column.name for column in ROW_COLUMNS]
ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(),
    st.sampled_from(["a\0b", "\ud800", "7", "ban"]),
    st.just(10**400),
)
USUAL = {
    **dict.fromkeys(FIELDS, "text"),
    **dict.fromkeys((semconv.INTERACTION_ID, semconv.APPLICATION_ID, semconv.USER_ID, semconv.SHARD_ID), 7),
    **dict.fromkeys((semconv.GUILD_ID, semconv.CHANNEL_ID), None),
    **dict.fromkeys((semconv.GATEWAY_DELAY_MS, semconv.LOOP_DELAY_MS, semconv.ACK_MS), 2.5),
    semconv.RATE_LIMITED_MS: None,
}


def action(number: int = 1, command: str | None = None, renamed: str | None = None, **changes: Any) -> tuple[Any, ...]:
    values = {**USUAL, **changes}
    start = [values[field] for field in START_FIELDS]
    if command is not None:
        start[START_FIELDS.index(semconv.COMMAND_NAME)] = command
    end = [values[field] for field in END_FIELDS[:-1]]
    times = (1_700_000_000_000_000_000 + number, 1_700_000_000_002_500_000 + number)
    return (number, number << 64, *times, (), ("bot", None, "test"), *start, *end, renamed)


@given(st.lists(st.tuples(*[ODD for _ in FIELDS]), min_size=1, max_size=5))
@example([(2**53 + 1,) * len(FIELDS), (0.0,) * len(FIELDS)])
@example([(True,) * len(FIELDS), (7,) * len(FIELDS)])
def test_a_value_is_converted_as_if_it_were_alone(fields: list[tuple[Any, ...]]) -> None:
    columns = dict(zip(NAMES, columns_of_actions([(*action()[:6], *values) for values in fields]), strict=True))
    for column in ROW_COLUMNS:
        if column.attribute not in (None, semconv.COMMAND_NAME):
            at = FIELDS.index(column.attribute)
            assert list(columns[column.name]) == [converter(column)(values[at]) for values in fields], column.name


@pytest.mark.parametrize("value", [2**63, -(2**63) - 1, 1.5, "x"])
def test_an_id_that_no_column_holds_is_left_out_and_its_neighbours_are_not(value: Any) -> None:
    columns = columns_of_actions([action(1), action(2, **{semconv.INTERACTION_ID: value}), action(3)])
    assert columns[NAMES.index("interaction_id")][::2] == [7, 7]
    assert columns[NAMES.index("interaction_id")][1] != value


@given(st.lists(st.one_of(st.text(max_size=3), st.none(), st.integers(0, 3)), min_size=1, max_size=2000))
def test_texts_are_converted_alike_whether_they_are_new_or_known(names: list[Any]) -> None:
    column = ROW_COLUMNS[NAMES.index("player_name")]
    for _ in range(2):
        actions = [action(number, **{semconv.USER_NAME: name}) for number, name in enumerate(names)]
        assert list(columns_of_actions(actions)[NAMES.index("player_name")]) == list(map(converter(column), names))


def test_a_checkpoint_after_the_end_is_not_in_the_row() -> None:
    record = ActionRecord(tuple(USUAL[field] for field in START_FIELDS), 1)
    provider = TracerProvider(shutdown_on_exit=False)
    span: Any = ActionSpans(provider.get_tracer("test")).start("slash ping", record)
    record.add_checkpoint("before", {semconv.CHECKPOINT_AT_MS: 1.0})
    span.end_with(("ok", *[None] * (len(END_FIELDS) - 1)), 2)
    waiting = ended_action(span, record)
    record.add_checkpoint("after", {semconv.CHECKPOINT_AT_MS: 2.0})
    assert waiting is not None
    assert [mark["name"] for mark in json.loads(row_of_action(waiting).checkpoints or "")] == ["before"]


class _Odd:
    """Stands for a number wherever Python asks for one, as some doubles of tests do, but no store takes it."""

    def __index__(self) -> int:
        return 7

    def __radd__(self, other: Any) -> Any:
        return self


@pytest.mark.parametrize("field", [semconv.USER_ID, semconv.SHARD_ID, semconv.ACK_MS])
def test_what_only_behaves_like_a_number_is_converted(field: str) -> None:
    name = next(column.name for column in ROW_COLUMNS if column.attribute == field)
    column = ROW_COLUMNS[NAMES.index(name)]
    odd: Any = _Odd()
    assert list(columns_of_actions([action(1, **{field: odd})])[NAMES.index(name)]) == [converter(column)(odd)]


def test_a_command_has_the_name_that_it_has_at_the_end() -> None:
    actions = [action(1, "admin"), action(2, "admin", "admin ban"), action(3, "typed", "")]
    assert list(columns_of_actions(actions)[NAMES.index("command")]) == ["admin", "admin ban", ""]


def test_what_is_the_same_in_all_rows_and_what_is_not() -> None:
    columns = dict(zip(NAMES, columns_of_actions([action(1), action(2)]), strict=True))
    assert list(columns["called_at"]) == [1_700_000_000_000_000] * 2
    assert list(columns["span_id"]) == [1, 2]
    assert list(columns["trace_id"]) == [f"{1 << 64:032x}", f"{2 << 64:032x}"]
    assert list(columns["duration_ms"]) == [2.5, 2.5]
    assert list(columns["service_name"]) == ["bot", "bot"]
    assert list(columns["guild_id"]) == [None, None]
    assert list(columns["rate_limited_ms"]) == [0.0, 0.0]


def test_lazy_rows_are_the_rows_of_their_sources() -> None:
    actions = [action(number) for number in range(1, 6)]
    rows = [row_of_action(each) for each in actions]
    mixed = LazyRows([rows[0], *actions[1:4], rows[4]])
    assert list(mixed) == rows
    assert len(mixed) == 5
    assert mixed[2] == rows[2]
    assert list(mixed[1:3]) == rows[1:3]
    assert columns_of_rows([]) == columns_of_rows(LazyRows([])) == [()] * len(ROW_COLUMNS)
    transposed = list(zip(*map(values_of, rows), strict=True))
    for source in (rows, mixed, LazyRows(actions), LazyRows(rows)):
        assert [tuple(column) for column in columns_of_rows(source)] == transposed
