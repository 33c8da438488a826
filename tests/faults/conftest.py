"""A role with only the rights that a bot needs, and short retry intervals."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from slashspan.exporters.delivery import retry_loop, worker
from slashspan.exporters.stores import postgres
from slashspan.exporters.stores.factory import open_store

if TYPE_CHECKING:
    from tests.support.postgres import Postgres


@pytest.fixture(autouse=True)
def quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry_loop, "FIRST_RETRY_SECONDS", 0.02)
    monkeypatch.setattr(retry_loop, "LONGEST_RETRY_SECONDS", 0.2)
    monkeypatch.setattr(worker, "WRITE_SECONDS", 1.5)
    monkeypatch.setattr(postgres, "CONNECT_SECONDS", 1.0)


@pytest.fixture
def writer(server: Postgres, database: str) -> str:
    """A role that may insert, and the table that it may insert into."""
    owner = open_store(server.dsn(database))
    owner.prepare(timeout=20)
    owner.close(timeout=5)
    role = f"writer_{database}"
    for sql in (
        f"CREATE ROLE {role} LOGIN PASSWORD 'geheim'",
        f"GRANT INSERT ON command_calls TO {role}",
        f"GRANT SELECT (called_at, span_id) ON command_calls TO {role}",
    ):
        server.execute(sql, database)
    return role
