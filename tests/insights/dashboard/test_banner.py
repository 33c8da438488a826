"""The banner warns of what is new and significant, and is silent otherwise."""

from __future__ import annotations

import copy
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

from slashspan import insights
from slashspan.insights import Filters
from slashspan.insights.dashboard.banner import findings
from tests.support.rows import sample
from tests.support.stored_rows import write_rows

if TYPE_CHECKING:
    from pathlib import Path

    from slashspan.exporters.rows.command_call import CommandCall


def call(minutes_ago: float, **changes: Any) -> CommandCall:
    """Rows are inserted at once, so a call of this moment is stored in time."""
    call.number += 1  # type: ignore[attr-defined]
    row = copy.copy(sample(1, seed=1)[0])
    usual = {"kind": "slash", "command": "play", "outcome": "ok", "error_type": None, "ack_ms": 5.0, "duration_ms": 9.0}
    for name, value in {**usual, **changes}.items():
        setattr(row, name, value)
    row.called_at = int((datetime.now(timezone.utc) - timedelta(minutes=minutes_ago)).timestamp() * 1e6)
    row.span_id = call.number  # type: ignore[attr-defined]
    return row


call.number = 0  # type: ignore[attr-defined]


async def found(tmp_path: Path, rows: list[CommandCall]) -> list[str]:
    dsn = f"sqlite:///{tmp_path / 'calls.db'}"
    write_rows(dsn, rows)
    async with insights.connect(dsn) as reader:
        return [each.text for each in await findings(reader, Filters.last("8d"))]


def usual_week(errors: int) -> list[CommandCall]:
    failed = {"outcome": "error", "error_type": "builtins.KeyError"}
    return [call(60 * hour + 61, **(failed if hour < errors else {})) for hour in range(160)]


async def test_nothing_is_said_when_everything_is_as_usual(tmp_path: Path) -> None:
    recent = [call(0, outcome="error", error_type="builtins.KeyError") for _ in range(3)]
    assert await found(tmp_path, usual_week(errors=100) + recent) == []


async def test_a_command_that_fails_more_than_usual_is_named_with_its_error(tmp_path: Path) -> None:
    recent = [call(0, outcome="error", error_type="asyncio.exceptions.TimeoutError") for _ in range(9)]
    (text,) = await found(tmp_path, usual_week(errors=2) + recent + [call(0)])
    assert text == "90.0 % of /play failed in the last hour, usually 1.2 %: TimeoutError"


async def test_two_errors_are_no_trend(tmp_path: Path) -> None:
    recent = [call(0, outcome="error", error_type="builtins.KeyError") for _ in range(2)]
    assert await found(tmp_path, usual_week(errors=0) + recent) == []


async def test_late_answers_are_counted(tmp_path: Path) -> None:
    recent = [call(0, ack_ms=3500.0) for _ in range(2)] + [call(0) for _ in range(20)]
    (text,) = await found(tmp_path, recent)
    assert text == "2 answers came after 3 s in the last hour, too late for Discord"


async def test_rows_that_arrive_late_are_counted(tmp_path: Path) -> None:
    (text,) = await found(tmp_path, [call(10), call(0)])
    assert text.startswith("1 row of the last hour arrived up to 10.")
