"""The short form of `make trial-collector`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support import clickhouse
from tests.support.collector import needs_collector
from tests.trials.collector import trial

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [
    needs_collector,
    pytest.mark.skipif(not clickhouse.installed(), reason=clickhouse.MISSING),
    pytest.mark.timeout(600),
]
KILLS = [("collector",), ("collector stops", "clickhouse"), ("bot", "collector", "clickhouse")]


async def test_whatever_is_killed_each_command_is_in_the_view_once(tmp_path: Path) -> None:
    result, running = await trial(tmp_path, KILLS, seed=1)
    assert result.faults() == []
    assert running.killed.keys() >= {"collector", "clickhouse", "bot", "collector stops"}
    assert len(result.finished) > 10
