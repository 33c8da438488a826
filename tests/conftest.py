"""Shared fixtures."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import hypothesis
import pytest

from tests.support import clickhouse
from tests.support.clickhouse_server import clickhouse_server as running_clickhouse
from tests.support.postgres import Postgres, postgres

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.clickhouse_server import ClickhouseServer, StartClickhouse


# Tests, and the hundreds of Python processes that they start, see the variables that they set themselves: the caller's
# PYTHONPATH changes what a bot imports, SLASHSPAN_DSN where it records, FORCE_COLOR what is printed. Containers often
# set PYTHONDONTWRITEBYTECODE: each process would compile all that it imports, half of a bot's start.
for foreign in [name for name in os.environ if name.startswith(("FORCE_COLOR", "OTEL_", "PYTHON", "SLASHSPAN_"))]:
    del os.environ[foreign]
sys.dont_write_bytecode = False

# Neither a test's time nor that of making its examples says anything on a machine that is busy with other tests.
hypothesis.settings.register_profile("suite", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("suite")


@pytest.fixture(autouse=True)
def state_folder(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A private state folder, the default place of the spool. Tests share a cache folder: of what fonts there are, and
    of the script of the dashboard's charts, which takes two seconds to make."""
    folder = tmp_path / "state"
    for variable in ("XDG_STATE_HOME", "LOCALAPPDATA", "HOME"):
        monkeypatch.setenv(variable, str(folder))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp() / "cache"))
    return folder


@pytest.fixture(scope="session")
def server() -> Iterator[Postgres]:
    """A PostgreSQL for the whole run. A test that stops it must start it again."""
    with postgres() as running:
        yield running


@pytest.fixture(scope="session")
def start_clickhouse() -> StartClickhouse:
    """`clickhouse_server(folder, …)`, for a test that needs a server of its own. Skips without the engine."""
    if not clickhouse.installed():
        pytest.skip(clickhouse.MISSING)
    return running_clickhouse


@pytest.fixture(scope="session")
def clickhouse_server(
    start_clickhouse: StartClickhouse, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ClickhouseServer]:
    """A ClickHouse for the whole run. A test uses a database of its own."""
    with start_clickhouse(tmp_path_factory.mktemp("clickhouse")) as running:
        yield running


@pytest.fixture
def database(server: Postgres) -> Iterator[str]:
    """The name of a new database."""
    name = server.create_database()
    yield name
    server.drop_database(name)


@pytest.fixture(params=["sqlite", "postgresql"])
def dsn(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The DSN of an empty store, of each kind that bots write to."""
    return new_dsn(request, tmp_path)


def new_dsn(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'command_calls.db'}"
    running: Postgres = request.getfixturevalue("server")
    return running.dsn(request.getfixturevalue("database"))


@pytest.fixture
def clickhouse_dsn(clickhouse_server: ClickhouseServer) -> Iterator[str]:
    """The DSN of a database of ClickHouse that does not exist yet."""
    name = clickhouse_server.new_database()
    yield clickhouse_server.dsn(name)
    clickhouse_server.query(f"DROP DATABASE IF EXISTS `{name}`")


@pytest.fixture(params=["sqlite", "postgresql", "clickhouse"])
def managed_dsn(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The DSN of an empty store of each kind: also of ClickHouse, to which bots do not write themselves."""
    if request.param == "clickhouse":
        found: str = request.getfixturevalue("clickhouse_dsn")
        return found
    return new_dsn(request, tmp_path)
