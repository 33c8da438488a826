"""Recording stays cheap: the counts of `benchmarks/_calls.py`, which depend neither on the machine nor on its load.

A limit may be raised for something that is worth it: docs/why.md, "The cost of recording", says what was given up.
"""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.support import ROOT

CALLS = {"slash command": 57, "button": 66, "prefix command": 59, "plain message": 4}
"""Python functions called, a tenth more than they were."""
KEPT = 1
"""Objects that the garbage collector visits until the row is exported: the receipt of the spool."""


@pytest.fixture(scope="module")
def added() -> dict[str, dict[str, float]]:
    command = [sys.executable, "-m", "benchmarks._calls"]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=100)
    return json.loads(done.stdout)  # type: ignore[no-any-return]


@pytest.mark.parametrize("kind", CALLS)
def test_a_command_pays_for_no_more_calls_than_it_did(kind: str, added: dict[str, dict[str, float]]) -> None:
    assert 0 < added[kind]["calls"] <= CALLS[kind]


@pytest.mark.parametrize("kind", CALLS)
def test_an_action_leaves_few_objects_and_no_cycles(kind: str, added: dict[str, dict[str, float]]) -> None:
    assert added[kind]["kept"] <= KEPT * (kind != "plain message") + 0.5
    assert added[kind]["cyclic"] <= 0.1
