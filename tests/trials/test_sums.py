"""The short form of `make trial-sums`, on both stores."""

from __future__ import annotations

from tests.trials.sums import trial

SNAPSHOTS = 5


def test_every_snapshot_of_the_sums_equals_the_rows(dsn: str) -> None:
    result = trial(dsn, SNAPSHOTS, seed=1)
    assert result.wrong == []
    assert result.from_sums == SNAPSHOTS
