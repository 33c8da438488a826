"""The dashboard's server in the test's process."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from aiohttp.test_utils import TestClient, TestServer

from slashspan.insights.dashboard.app import Dashboard
from slashspan.insights.dashboard.site import Options
from slashspan.insights.readers import connector

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@contextlib.asynccontextmanager
async def served(dsn: str, *, port: int | None = None, **options: Any) -> AsyncIterator[TestClient[Any, Any]]:
    """A client of the page about `dsn`, at any free port."""
    dashboard = Dashboard(connector(dsn), Options(**options))
    async with TestClient(TestServer(dashboard.application(), host="127.0.0.1", port=port)) as client:
        yield client
