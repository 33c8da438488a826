"""A span becomes a row that every store accepts, whatever the bot has set on it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slashspan import semconv
from slashspan.exporters.rows.from_span import from_span
from slashspan.exporters.rows.values import MAX_TEXT
from slashspan.exporters.stores.factory import open_store
from tests.support.spans import ATTRIBUTES, START_NS, finished

if TYPE_CHECKING:
    from slashspan.exporters.rows.command_call import CommandCall


def made(attributes: dict[str, Any], **more: Any) -> CommandCall:
    row = from_span(finished({**ATTRIBUTES, **attributes}, **more))
    assert row is not None
    return row


def test_every_attribute_is_in_its_column() -> None:
    row = made({})
    assert row.called_at == START_NS // 1000
    assert row.duration_ms == 12.5
    assert len(row.trace_id) == 32
    assert -(2**63) <= row.span_id < 2**63
    assert (row.discord_uid, row.player_name, row.command, row.kind, row.outcome, row.error_type) == (
        80351110224678912,
        "nelly",
        "admin ban",
        "slash",
        "error",
        "KeyError",
    )
    assert (row.guild_id, row.channel_id, row.shard_id) == (197038439483310086, 155101607195836416, 3)
    assert (row.interaction_id, row.locale, row.guild_locale) == (1574466529095843846, "en-US", "de")
    assert (row.ack_ms, row.gateway_delay_ms, row.rate_limited_ms) == (3.25, -0.5, 0.5)
    assert (row.service_name, row.service_version, row.environment) == ("ladder-bot", "1.2.3", "test")
    assert row.attributes is None
    assert row.checkpoints is None


def test_a_span_that_is_not_a_user_action_makes_no_row() -> None:
    assert from_span(finished({"http.request.method": "GET"})) is None


def test_attributes_that_the_bot_set_are_kept() -> None:
    row = made({"ladder.page": 2, "ladder.tags": ("a", "b")})
    assert json.loads(row.attributes or "") == {"ladder.page": 2, "ladder.tags": ["a", "b"]}


def test_checkpoints_keep_their_order_and_other_events_are_left_out() -> None:
    mark = {semconv.CHECKPOINT_AT_MS: 1.23456, semconv.CHECKPOINT_STEP_MS: 1.0}
    row = made({}, events=[("one", mark), ("exception", {"exception.type": "KeyError"}), ("two", {**mark, "rows": 10})])
    assert json.loads(row.checkpoints or "") == [
        {"name": "one", "at_ms": 1.235, "step_ms": 1.0},
        {"name": "two", "at_ms": 1.235, "step_ms": 1.0, "rows": 10},
    ]


@pytest.mark.parametrize(
    ("value", "stored"), [(None, 0), ("", 0), ("not a number", 0), (str(2**63), 0), (str(2**63 - 1), 2**63 - 1)]
)
def test_a_missing_or_invalid_user_id_is_stored_as_zero(value: Any, stored: int) -> None:
    attributes = {key: item for key, item in ATTRIBUTES.items() if key != semconv.USER_ID}
    if value is not None:
        attributes[semconv.USER_ID] = value
    row = from_span(finished(attributes))
    assert row is not None
    assert row.discord_uid == stored


@pytest.mark.parametrize(
    ("name", "stored"),
    [
        ("a\x00b", "ab"),
        ("\ud83c!", "?!"),
        ("🎲", "🎲"),
        ("\u202eאבג", "\u202eאבג"),
        ("x" * 1000, "x" * MAX_TEXT),
    ],
)
def test_characters_that_databases_reject_are_removed_from_names(name: str, stored: str) -> None:
    assert made({semconv.USER_NAME: name}).player_name == stored


def test_attributes_that_are_too_large_are_replaced_by_their_size() -> None:
    row = made({f"ladder.{n}": "x" * 2000 for n in range(50)})
    assert set(json.loads(row.attributes or "")) == {"slashspan.left_out_chars"}


_text = st.text(st.characters(codec=None), max_size=30)
_plain = st.one_of(_text, st.booleans(), st.integers(-(2**70), 2**70), st.floats(), st.binary(max_size=30), st.none())
_values = st.recursive(
    _plain, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_text, inner, max_size=3), max_leaves=8
)
_keys = st.one_of(st.sampled_from(sorted(set(ATTRIBUTES) - {semconv.KIND})), _text.filter(bool))


@settings(max_examples=150)
@given(attributes=st.dictionaries(_keys, _values, max_size=6))
def test_any_attributes_make_a_row_that_every_store_accepts(
    attributes: dict[str, Any], tmp_path_factory: pytest.TempPathFactory, server: Any
) -> None:
    row = made({key: value for key, value in attributes.items() if key != semconv.KIND})
    for dsn in _stores(tmp_path_factory, server):
        store = _opened(dsn)
        store.write([row], timeout=20.0)


_cache: dict[str, Any] = {}


def _stores(factory: pytest.TempPathFactory, server: Any) -> list[str]:
    if "dsns" not in _cache:
        folder = factory.mktemp("rows")
        _cache["dsns"] = [f"sqlite:///{folder / 'rows.db'}", server.dsn(server.create_database())]
    dsns: list[str] = _cache["dsns"]
    return dsns


def _opened(dsn: str) -> Any:
    if dsn not in _cache:
        _cache[dsn] = open_store(dsn)
    return _cache[dsn]


@pytest.fixture(autouse=True, scope="module")
def _close_stores() -> Any:
    yield
    for dsn in _cache.pop("dsns", []):
        _cache.pop(dsn).close(timeout=5.0)
