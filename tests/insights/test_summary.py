"""Both dialects give the same numbers as plain Python."""

from __future__ import annotations

import dataclasses
import io
import json
from collections import Counter, defaultdict
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest
from rich.console import Console

from slashspan import insights
from slashspan.errors import ConfigurationError
from slashspan.exporters.stores.factory import open_store
from slashspan.insights.text import print_summary, shown
from tests.support.rows import FULL, sample
from tests.support.stored_rows import write_rows

if TYPE_CHECKING:
    from pathlib import Path

    from slashspan.exporters.rows.command_call import CommandCall


def nearest_rank(values: list[float], percent: int) -> float | None:
    ordered = sorted(values)
    return ordered[-(-len(ordered) * percent // 100) - 1] if ordered else None


@pytest.mark.parametrize("count", [1, 7, 20, 300])
def test_the_numbers_are_those_of_plain_python(count: int, dsn: str) -> None:
    rows = sample(count, seed=count)
    write_rows(dsn, rows)
    with insights.open_reader(dsn) as reader:
        found = insights.summary(reader)
    assert found.calls == count
    assert found.users == len({row.discord_uid for row in rows} - {0})
    assert found.outcomes == dict(Counter(row.outcome for row in rows))
    groups: dict[tuple[str, str], list[CommandCall]] = defaultdict(list)
    for row in rows:
        groups[row.kind, row.command].append(row)
    assert {(c.kind, c.command) for c in found.commands} == set(groups)
    for command in found.commands:
        calls = groups[command.kind, command.command]
        durations = [row.duration_ms for row in calls if row.duration_ms is not None]
        acks = [row.ack_ms for row in calls if row.ack_ms is not None]
        ok, errors = (sum(row.outcome == outcome for row in calls) for outcome in ("ok", "error"))
        assert command.calls == len(calls)
        assert command.users == len({row.discord_uid for row in calls} - {0})
        assert command.p50_ms == nearest_rank(durations, 50)
        assert command.p95_ms == nearest_rank(durations, 95)
        assert command.ack_p95_ms == nearest_rank(acks, 95)
        assert command.error_share == (errors / (ok + errors) if ok + errors else None)
    slow = sum(step["step_ms"] > 100 for row in rows for step in json.loads(row.checkpoints or "[]"))
    assert sum(step.slow for step in found.steps) == slow


def test_since_is_inclusive_and_until_is_exclusive(dsn: str) -> None:
    write_rows(dsn, sample(10, seed=1))
    start = datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(microseconds=FULL.called_at)
    with insights.open_reader(dsn) as reader:
        found = insights.summary(reader, since=start + timedelta(seconds=2), until=start + timedelta(seconds=5))
    assert found.calls == 3
    assert found.first == start + timedelta(seconds=2)


def printed(found: insights.Summary) -> str:
    stream = io.StringIO()
    print_summary(found, Console(file=stream, width=80, highlight=False))
    return stream.getvalue()


def test_markup_and_control_characters_in_names_have_no_effect(dsn: str) -> None:
    rows = [dataclasses.replace(FULL, command="[bold red]x[/]\x1b[31m\u202e", duration_ms=1.0)]
    write_rows(dsn, rows)
    with insights.open_reader(dsn) as reader:
        found = insights.summary(reader)
    text = printed(found)
    assert "[bold red]" in text
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert max(len(line) for line in text.splitlines()) <= 80
    assert json.loads(found.to_json())["commands"][0]["command"] == rows[0].command
    assert str(shown("a\nb")) == "a�b"


def test_for_an_empty_table_the_demo_is_suggested(dsn: str) -> None:
    store = open_store(dsn)
    store.prepare(timeout=20)
    store.close(timeout=5)
    with insights.open_reader(dsn) as reader:
        assert "slashspan demo" in printed(insights.summary(reader))


def test_for_a_missing_table_the_command_that_creates_it_is_named(server: Any, tmp_path: Path) -> None:
    with pytest.raises(insights.ReadError, match="does not exist yet"):
        insights.open_reader(f"sqlite:///{tmp_path / 'none.db'}")
    with (
        insights.open_reader(server.dsn(server.create_database())) as reader,
        pytest.raises(insights.ReadError) as caught,
    ):
        insights.summary(reader)
    assert "slashspan migrate" in str(caught.value)
    with pytest.raises(insights.ReadError, match="cannot be reached"):
        insights.open_reader("postgresql://postgres@127.0.0.1:1/none")
    with pytest.raises(ConfigurationError, match="SLASHSPAN_TABLE"):
        insights.open_reader(f"sqlite:///{tmp_path / 'x.db'}", table='x"; DROP TABLE y')


def test_a_reader_works_while_a_bot_writes(dsn: str) -> None:
    store = open_store(dsn)
    rows = sample(100, seed=3)
    store.write(rows[:10], timeout=20)
    with insights.open_reader(dsn) as reader:
        for start in range(10, 100, 10):
            store.write(rows[start : start + 10], timeout=20)
            assert insights.summary(reader).calls == start + 10
    store.close(timeout=5)
