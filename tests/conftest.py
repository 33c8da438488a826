"""Fixtures that several parts share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.postgres import Postgres, postgres

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def state_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's state folder, the spool's default place, is the test's own."""
    folder = tmp_path / "state"
    for variable in ("XDG_STATE_HOME", "LOCALAPPDATA", "HOME"):
        monkeypatch.setenv(variable, str(folder))
    return folder


@pytest.fixture(scope="session")
def server() -> Iterator[Postgres]:
    """A PostgreSQL for the whole run. A test that stops it must start it again."""
    with postgres() as running:
        yield running


@pytest.fixture
def database(server: Postgres) -> Iterator[str]:
    """The name of a database of the test's own."""
    name = server.create_database()
    yield name
    server.drop_database(name)


@pytest.fixture(params=["sqlite", "postgresql"])
def dsn(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A store of each kind, empty."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'command_calls.db'}"
    running: Postgres = request.getfixturevalue("server")
    return running.dsn(request.getfixturevalue("database"))
