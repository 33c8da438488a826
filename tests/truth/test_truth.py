"""Each field of the span and of the rows in each database is compared with the ledger and the cases."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from slashspan import semconv
from slashspan.semconv import Kind
from tests.support import clickhouse
from tests.support.actions.cases import ALL, Case
from tests.support.actions.play import Recording, play
from tests.support.clickhouse_calls import calls, into_clickhouse, migrated, wait_for_calls
from tests.support.collector import BINARY, WITHOUT, running_collector
from tests.support.stored_rows import read_rows

if TYPE_CHECKING:
    from pathlib import Path

    from discord_standin import Action

    from tests.support.clickhouse_server import ClickhouseServer
    from tests.support.postgres import Postgres

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
CLICKHOUSE = "clickhouse"
"""Of which a collector makes the rows."""
WITHOUT_CLICKHOUSE = "" if clickhouse.installed() else clickhouse.MISSING
if not BINARY.exists():
    WITHOUT_CLICKHOUSE = WITHOUT
TABLES = (
    "sqlite",
    "postgresql",
    pytest.param(CLICKHOUSE, marks=pytest.mark.skipif(bool(WITHOUT_CLICKHOUSE), reason=WITHOUT_CLICKHOUSE)),
)
Rows = dict[str, dict[int, list[dict[str, Any]]]]


@pytest.fixture(scope="module")
def played(
    request: pytest.FixtureRequest, server: Postgres, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Recording, Rows]:
    folder = tmp_path_factory.mktemp("truth")
    dsns = {"sqlite": f"sqlite:///{folder / 'truth.db'}", "postgresql": server.dsn(server.create_database())}
    if WITHOUT_CLICKHOUSE:
        recording = asyncio.run(play(ALL, *dsns.values()))
        found = {}
    else:
        recording, of_spans = _play_into(request.getfixturevalue("clickhouse_server"), folder, *dsns.values())
        found = {CLICKHOUSE: of_spans}
    found |= {name: read_rows(dsn) for name, dsn in dsns.items()}
    rows: Rows = {}
    for name in found:
        by_id = rows[name] = {}
        for row in found[name]:
            by_id.setdefault(row["interaction_id"], []).append(row)
    return recording, rows


def _play_into(server: ClickhouseServer, folder: Path, *dsns: str) -> tuple[Recording, list[dict[str, Any]]]:
    """The recording, and what ClickHouse has made of it."""
    migrated(server, "truth")
    with running_collector(folder, into_clickhouse(server, "truth")) as collector:
        exporter = OTLPSpanExporter(f"http://127.0.0.1:{collector.grpc_port}", insecure=True)
        recording = asyncio.run(play(ALL, *dsns, exporters=[exporter]))
        kinds = [(span.attributes or {}).get(semconv.KIND) for span in recording.spans]
        wait_for_calls(server, "truth", sum(kind not in (None, Kind.AUTOCOMPLETE) for kind in kinds))
    return recording, calls(server, "truth")


def test_the_cases_cover_every_kind_and_outcome() -> None:
    assert len({case.name for case in ALL}) == len(ALL) >= 60
    assert {case.kind for case in ALL} == set(semconv.Kind.ALL)
    assert {case.outcome for case in ALL} == set(semconv.Outcome.ALL) - {semconv.Outcome.INTERRUPTED}


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("case", ALL, ids=lambda case: case.name)
def test_every_field_of_the_row_is_right(case: Case, table: str, played: tuple[Recording, Rows]) -> None:
    recording, rows = played
    action = recording.actions[case.name]
    if table == CLICKHOUSE and case.kind == Kind.AUTOCOMPLETE:  # left out, as SLASHSPAN_KINDS does
        assert action.id not in rows[table]
        return
    (row,) = rows[table][action.id]
    expected = {
        "kind": case.kind,
        "command": case.command,
        "outcome": case.outcome,
        "error_type": case.error_type,
        "discord_uid": case.user.id,
        "player_name": case.user.name,
        "guild_id": None if action.guild is None else action.guild.id,
        "channel_id": action.channel.id,
        "locale": None if case.kind == "prefix" else "pl",
        "guild_locale": None if action.guild is None else "de",
        "shard_id": None,
    }
    assert {column: row[column] for column in expected} == expected
    _times(row, action, case)


def _times(row: dict[str, Any], action: Action, case: Case) -> None:
    called = row["called_at"]
    if isinstance(called, str):
        called = datetime.fromisoformat(called.replace("Z", "+00:00"))
    called_us = (called - EPOCH) // timedelta(microseconds=1)
    assert called_us >= action.sent_ns // 1000
    first_call = min((call.received_ns for call in action.calls), default=None)
    assert first_call is None or called_us <= first_call // 1000
    # Snowflakes have whole milliseconds, and are generated just before the frame is sent.
    assert 0 <= row["gateway_delay_ms"] <= (called_us - action.sent_ns // 1000) / 1000 + 50
    ack = action.ack
    assert (row["ack_ms"] is not None) == (ack is not None and case.kind != "prefix")
    if row["ack_ms"] is not None and ack is not None:
        ack_us = called_us + row["ack_ms"] * 1000
        assert ack.received_ns // 1000 - 1 <= ack_us
        assert (row["ack_ms"] > row["duration_ms"]) == case.answered_late
    last_call = max((call.received_ns for call in action.calls), default=None)
    if last_call is not None and not case.answered_late:
        assert called_us + row["duration_ms"] * 1000 >= last_call // 1000 - 1
    assert case.limited_ms <= row["rate_limited_ms"] <= row["duration_ms"]


@pytest.mark.parametrize("table", TABLES)
def test_without_a_rate_limit_no_time_is_lost_to_one(table: str, played: tuple[Recording, Rows]) -> None:
    recording, rows = played
    lost: dict[bool, list[float]] = {False: [], True: []}
    for case in ALL:
        if table == CLICKHOUSE and case.kind == Kind.AUTOCOMPLETE:
            continue
        (row,) = rows[table][recording.actions[case.name].id]
        lost[case.limited_ms > 0].append(row["rate_limited_ms"])
    assert len(lost[True]) >= 2
    assert set(lost[False]) == {0}


@pytest.mark.parametrize("case", ALL, ids=lambda case: case.name)
def test_every_attribute_of_the_span_is_right(case: Case, played: tuple[Recording, Rows]) -> None:
    recording, rows = played
    action = recording.actions[case.name]
    span = recording.root(action)
    (row,) = rows["sqlite"][action.id]
    attributes = dict(span.attributes or {})
    assert span.parent is None
    assert span.kind is SpanKind.SERVER
    assert span.name == f"{case.kind} {case.command}".strip()
    assert attributes.get(semconv.ACK_KIND) == case.ack_kind
    assert attributes[semconv.OUTCOME] == case.outcome
    assert attributes.get(semconv.ERROR_TYPE) == case.error_type
    assert span.status.status_code is (StatusCode.ERROR if case.outcome in ("error", "expired") else StatusCode.UNSET)
    assert f"{span.context.trace_id:032x}" == row["trace_id"]
    if case.kind != "prefix":
        place = "guild" if action.guild is not None else "bot_dm"
        assert attributes[semconv.CONTEXT] == place
        assert attributes[semconv.INSTALLATION] == ("guild" if action.guild is not None else "user")


def test_every_action_has_one_row(played: tuple[Recording, Rows]) -> None:
    _, rows = played
    for table in rows:
        assert all(len(found) == 1 for found in rows[table].values()), table
    assert set(rows["sqlite"]) == set(rows["postgresql"])
    if CLICKHOUSE in rows:
        missing = [rows["sqlite"][key][0]["kind"] for key in set(rows["sqlite"]) - set(rows[CLICKHOUSE])]
        assert set(missing) == {Kind.AUTOCOMPLETE}
        assert set(rows[CLICKHOUSE]) < set(rows["sqlite"])


def test_no_user_input_and_no_token_is_recorded(played: tuple[Recording, Rows]) -> None:
    recording, _ = played
    everything = "".join(span.to_json() for span in recording.spans)
    for secret in ("my secret", "secret argument", "token-", "vote:up", "panel:fine", "patched:", "by hand"):
        assert secret not in everything, secret


def test_rest_requests_are_child_spans_named_by_template(played: tuple[Recording, Rows]) -> None:
    recording, _ = played
    root = recording.root(recording.actions["slash deferred"])
    children = [span for span in recording.spans if span.parent and span.parent.span_id == root.context.span_id]
    assert [span.name for span in children] == [
        "POST /interactions/{webhook_id}/{webhook_token}/callback",
        "POST /webhooks/{webhook_id}/{webhook_token}",
    ]
    assert all(span.kind is SpanKind.CLIENT for span in children)
    limited = recording.root(recording.actions["slash followup limited"])
    followup = next(
        s for s in recording.spans if s.parent and s.parent.span_id == limited.context.span_id and "webhooks" in s.name
    )
    attributes: dict[str, Any] = dict(followup.attributes or {})
    assert attributes["http.request.resend_count"] == 1
    assert attributes["http.response.status_code"] == 200
    assert attributes["discord.rest.rate_limited_ms"] >= 45
