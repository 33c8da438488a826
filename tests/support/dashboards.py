"""The dashboard's server in the test's process."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from aiohttp.test_utils import TestClient, TestServer

from slashspan import insights
from slashspan.insights.dashboard.app import Dashboard, Options

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@contextlib.asynccontextmanager
async def served(dsn: str, **options: Any) -> AsyncIterator[TestClient[Any, Any]]:
    """A client of the page about `dsn`."""
    dashboard = Dashboard(lambda: insights.connect(dsn), Options(**options))
    async with TestClient(TestServer(dashboard.application(), host="127.0.0.1")) as client:
        yield client
