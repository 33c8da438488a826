"""The short form of `make trial-crash`, on both stores."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.trials.crash import trial

if TYPE_CHECKING:
    from pathlib import Path

ROUNDS = 5


@pytest.mark.parametrize("seed", [1])
async def test_a_bot_killed_repeatedly_loses_and_duplicates_nothing(seed: int, tmp_path: Path, dsn: str) -> None:
    result = await trial(tmp_path, dsn, ROUNDS, seed)
    assert result.faults() == []
    assert result.killed == ROUNDS
    assert len(result.finished) > 10
