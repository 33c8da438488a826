"""Tables of old bots, and an empty database."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.legacy_tables import POSTGRESQL, SQLITE

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.postgres import Postgres

BOTH = [("postgresql", name) for name in POSTGRESQL] + [("sqlite", name) for name in SQLITE]


@pytest.fixture(params=BOTH, ids=lambda both: "-".join(both))
def legacy(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, str]:
    """The store, and the statement with which an old bot creates its table."""
    dialect, name = request.param
    if dialect == "sqlite":
        return f"sqlite:///{tmp_path / 'old.db'}", SQLITE[name]
    server: Postgres = request.getfixturevalue("server")
    return server.dsn(request.getfixturevalue("database")), POSTGRESQL[name]


@pytest.fixture
def postgresql(server: Postgres, database: str) -> str:
    return server.dsn(database)
