"""Bots under `python` and under `slashspan run`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.run_as_python import Bots, added_by_run

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="session")
def added(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return added_by_run(tmp_path_factory.mktemp("run"))


@pytest.fixture
def bots(tmp_path: Path, added: dict[str, str]) -> Bots:
    return Bots(tmp_path, added)
